"""Limits that the store counts for all workers together: of client keys the requests a minute, requests
at once, tokens a minute, and what pass-through requests may cost (a job takes its money when the store
creates it); of providers the requests a minute.

Only what is POSTed counts: asking after a job, or for its content, is free.
"""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable

from proxy.config import Config
from proxy.errors import ApiError
from proxy.exchange import Exchange
from proxy.place import Place
from proxy.store.base import Store, StoreUnavailable, Unanswered
from proxy.store.money import Admission, Charge, OverBudget, Rates, nanos, token_slot
from proxy.tokens import Taken, guessed
from translators.core import Params

log = logging.getLogger("anygate.limits")

_LEASE = 30.0  # seconds that a place is kept for a worker that gives no sign of life
_RENEW = 8.0
_PATIENCE = 1.0  # seconds that the end of an answer waits for its place to be given back
_WARN_EVERY = 5.0  # seconds


class Limiter:
    """The limits as one worker keeps them. `config()`: the configuration in force; `doubt(once, held)`: makes sure
    later of what the store may have reserved, and says whether it will."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        doubt: Callable[[str, Charge], bool],
    ) -> None:
        self._store = store
        self._config = config
        self._doubt = doubt
        self._held: set[tuple[str, str]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._warned = float("-inf")

    def start(self) -> None:
        self._renewing = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def enter(self, exchange: Exchange, rates: Rates) -> None:
        """Let a request in, noting what is left in its answer's headers; raises ApiError 429."""
        client = exchange.client.name
        counted = rates.concurrency is not None
        if counted or rates.tpm is not None:
            exchange.place = Place(client, exchange.id, counted=counted)
        if counted:
            self._held.add((client, exchange.id))
        elif rates.rpm is None:
            return
        until = time.time() + _LEASE
        try:
            said = await self._store.admit(client, rates, holder=exchange.id, until=until)
        except StoreUnavailable as exc:
            self._uncounted(exc)
            return
        if rates.rpm is not None:
            exchange.headers["x-ratelimit-limit-requests"] = str(rates.rpm)
            exchange.headers["x-ratelimit-remaining-requests"] = str(said.remaining)
            exchange.headers["x-ratelimit-reset-requests"] = duration(said.reset)
        if said.refused is not None:
            self._held.discard((client, exchange.id))
            exchange.place = None
            limits = {
                "rpm": f"{rates.rpm} requests a minute",
                "concurrency": f"{rates.concurrency} requests at once",
            }
            raise _refusal(said, limits[said.refused])

    async def weigh(self, exchange: Exchange, params: Params) -> None:
        """Take the tokens that a request may come to of its client's minute, noting what is left in its
        answer's headers; raises ApiError 429."""
        rates, place = exchange.client.rates, exchange.place
        if rates is None or rates.tpm is None or place is None:
            return
        prompt, most = guessed(params)
        wanted = max(prompt, min(prompt + most, rates.tpm))
        try:
            said = await self._store.take(place.client, wanted, rates.tpm)
        except StoreUnavailable as exc:
            self._uncounted(exc)
            return
        exchange.headers["x-ratelimit-limit-tokens"] = str(rates.tpm)
        exchange.headers["x-ratelimit-remaining-tokens"] = str(said.remaining)
        exchange.headers["x-ratelimit-reset-tokens"] = duration(said.reset)
        if said.refused is not None:
            raise _refusal(said, f"{rates.tpm} tokens a minute, this needs {wanted}")
        place.tokens = Taken(prompt, wanted, said.at)

    async def leave(self, exchange: Exchange) -> None:
        """Give a request's place back and settle its tokens, at once if the store lets us."""
        place, exchange.place = exchange.place, None
        if place is None or not (place.counted or place.tokens):
            return
        self._held.discard((place.client, place.holder))
        more = place.tokens.used(exchange.tally) - place.tokens.tokens if place.tokens else 0
        task = asyncio.create_task(self._left(place, more))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await asyncio.wait([task], timeout=_PATIENCE)

    async def reserve(self, exchange: Exchange, usd: float) -> None:
        """Hold so much of the client's budget for a request that passes through; raises ApiError 429."""
        budget, tally = exchange.client.budget, exchange.tally
        if budget is None or tally is None:
            return
        more = max(0.0, usd + tally.doubtful - tally.reserved)
        if not more and tally.reserved_at is not None:
            return  # a target before has surely cost nothing: what it would have is there
        now, once, client = time.time(), secrets.token_hex(8), exchange.client.name
        held = Charge(client, budget.slot(now), nanos(more))
        try:
            await self._store.reserve(client, more, budget, now, once=once)
        except OverBudget as exc:
            raise over_budget(exc) from exc
        except Unanswered as exc:
            if self._doubt(once, held):
                tally.hold(more, held.at)
            self._uncounted(exc)
        except StoreUnavailable as exc:
            self._uncounted(exc)
        else:
            tally.hold(more, held.at)

    async def spend(self, bucket: str, limit: int, *, keep: int = 0) -> float:
        """One of so many requests that a provider may get in a minute: 0.0, or the seconds to wait for it."""
        try:
            return await self._store.spend(bucket, limit, keep=keep)
        except StoreUnavailable as exc:
            self._uncounted(exc)
            return 0.0

    async def _left(self, place: Place, more: int) -> None:
        """`more`: tokens than it had taken, or fewer: those are free where they were taken."""
        work = [self._store.leave(place.client, place.holder)] if place.counted else []
        if place.tokens is not None and more:
            at = token_slot(time.time()) if more > 0 else place.tokens.at
            work.append(self._store.correct(place.client, more, at))
        for one in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(one, StoreUnavailable):  # then they end with lease and minute
                self._warn(one)
            elif one is not None:
                raise one

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            try:
                if self._held:
                    await self._store.stay(tuple(self._held), time.time() + _LEASE)
            except StoreUnavailable as exc:
                self._warn(exc)

    def _uncounted(self, exc: StoreUnavailable) -> None:
        """Go on without counting, unless the config says otherwise."""
        if self._config().server.limits.when_store_down == "closed":
            raise exc
        self._warn(exc)

    def _warn(self, exc: StoreUnavailable) -> None:
        """Now and then: there may be thousands of requests a second."""
        if time.monotonic() - self._warned >= _WARN_EVERY:
            self._warned = time.monotonic()
            log.warning("requests are not counted, the store is unavailable: %s", exc)


def over_budget(exc: OverBudget) -> ApiError:
    """429: the client's budget for this window is spent. A retry cannot mend it, time can."""
    budget = exc.budget
    headers = {}
    message = (
        f"You exceeded your current quota: of this key's ${budget.usd:g} in {duration(budget.window)}, "
        f"${exc.spent:.6g} is spent or reserved, and this needs "
        f"{f'${exc.needed:.6g}' if exc.needed > 1e-8 else 'some of it'}."
    )
    if exc.wait is not None:
        headers["retry-after"] = _seconds(exc.wait)
        message += f" Enough of it is free again in {duration(exc.wait)}."
    kind = "insufficient_quota"
    return ApiError(429, kind, kind, message, retry=False, headers=headers)


def duration(seconds: float) -> str:
    """A time as OpenAI's headers have it: 20ms, 1s, 6m0s, 24h0m0s."""
    if seconds < 1:
        return f"{math.ceil(max(seconds, 0) * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + f"{rest}s"


def _refusal(said: Admission, limit: str) -> ApiError:
    kind, code = "rate_limit_error", "rate_limit_exceeded"
    message = f"Rate limit reached for this key: {limit}."
    if said.wait is None:
        return ApiError(429, kind, code, f"{message} It never fits.", retry=False)
    message += f" Try again in {duration(said.wait)}."
    return ApiError(429, kind, code, message, headers={"retry-after": _seconds(said.wait)})


def _seconds(wait: float) -> str:
    return str(max(1, math.ceil(wait)))
