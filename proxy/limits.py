"""Client keys' limits, counted in the store by all workers together: requests a minute, requests at
once, and what pass-through requests may cost. (A job takes its money when the store creates it.)

Only what is POSTed counts: asking after a job, or for its content, is free.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable

from starlette.types import Message

from proxy.config import Config
from proxy.errors import ApiError
from proxy.exchange import Exchange
from proxy.store.base import Store, StoreUnavailable
from proxy.store.money import Admission, OverBudget, Rates

log = logging.getLogger("anygate.limits")

_LEASE = 30.0  # seconds that a place is kept for a worker that gives no sign of life
_RENEW = 8.0
_PATIENCE = 1.0  # seconds that the end of an answer waits for its place to be given back
_DONE = b"data: [DONE]\n\n"


class Place:
    """Where a request with a limit of `concurrency` is counted, until the end of its answer goes out.

    Whoever has seen that end may come again at once, so the place is given back before it.
    """

    __slots__ = ("_left", "client", "holder")

    def __init__(self, client: str, holder: str) -> None:
        self.client = client
        self.holder = holder
        self._left = -1  # bytes of the body that are to come, negative where nobody knows

    def ends_with(self, message: Message) -> bool:
        """Whether its client sees the end of its answer in this message."""
        if message["type"] != "http.response.body":
            length = dict(message.get("headers", ())).get(b"content-length")
            self._left = -1 if length is None else int(length)
            return False
        body = message.get("body", b"")
        self._left -= len(body)
        return not message.get("more_body") or self._left == 0 or body.endswith(_DONE)


class Limiter:
    """The limits as one worker keeps them. `config()`: the configuration in force."""

    def __init__(self, store: Store, config: Callable[[], Config]) -> None:
        self._store = store
        self._config = config
        self._held: set[tuple[str, str]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._renewing = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def enter(self, exchange: Exchange, rates: Rates) -> None:
        """Let a request in, noting what is left in its answer's headers; raises ApiError 429."""
        client = exchange.client.name
        if rates.concurrency is not None:
            exchange.place = Place(client, exchange.id)
            self._held.add((client, exchange.id))
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
            raise _refusal(said, rates)

    async def leave(self, exchange: Exchange) -> None:
        """Give a request's place back, at once if the store lets us."""
        place, exchange.place = exchange.place, None
        if place is None:
            return
        self._held.discard((place.client, place.holder))
        task = asyncio.create_task(self._left(place))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await asyncio.wait([task], timeout=_PATIENCE)

    async def reserve(self, exchange: Exchange, usd: float) -> None:
        """Hold so much of the client's budget for a request that passes through; raises ApiError 429."""
        budget, tally = exchange.client.budget, exchange.tally
        if budget is None or tally is None:
            return
        more = max(0.0, usd - tally.reserved)
        if not more and tally.reserved_at is not None:
            return  # the target before has cost nothing: what it would have is there
        now = time.time()
        try:
            await self._store.reserve(exchange.client.name, more, budget, now)
        except OverBudget as exc:
            raise over_budget(exc) from exc
        except StoreUnavailable as exc:
            self._uncounted(exc)
            return
        if tally.reserved_at is None:
            tally.reserved_at = budget.slot(now)
        tally.reserved += more

    async def _left(self, place: Place) -> None:
        try:
            await self._store.leave(place.client, place.holder)
        except StoreUnavailable as exc:  # then it ends with its lease
            log.warning("the store is unavailable: %s", exc)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            try:
                if self._held:
                    await self._store.stay(tuple(self._held), time.time() + _LEASE)
            except StoreUnavailable as exc:
                log.warning("the store is unavailable: %s", exc)

    def _uncounted(self, exc: StoreUnavailable) -> None:
        """Go on without counting, unless the config says otherwise."""
        if self._config().server.limits.when_store_down == "closed":
            raise exc
        log.warning("a request was not counted, the store is unavailable: %s", exc)


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


def _refusal(said: Admission, rates: Rates) -> ApiError:
    limits = {
        "rpm": f"{rates.rpm} requests a minute",
        "concurrency": f"{rates.concurrency} requests at once",
    }
    limit = limits[said.refused or "rpm"]
    message = f"Rate limit reached for this key: {limit}. Try again in {duration(said.wait)}."
    headers = {"retry-after": _seconds(said.wait)}
    return ApiError(429, "rate_limit_error", "rate_limit_exceeded", message, headers=headers)


def _seconds(wait: float) -> str:
    return str(max(1, math.ceil(wait)))
