"""The part of a Redis store that keeps clients' rates, budgets and usage, and the limits of providers."""

import asyncio
import itertools
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import orjson

from proxy.store import redis_account_scripts as scripts
from proxy.store.due import SHORTEST_WAIT
from proxy.store.money import (
    BUSY,
    DIMENSIONS,
    MINUTE,
    Admission,
    Budget,
    Charge,
    Counts,
    Line,
    OverBudget,
    Rates,
    Total,
    nanos,
    taking,
    token_slot,
)
from proxy.store.redis_index import COUNTED, milliseconds, postings, spent_by
from proxy.store.redis_opened import Opened
from proxy.store.redis_server import Server


class RedisAccounts(Opened):
    def __init__(self, server: Server, clock: Callable[[], float], prefix: str) -> None:
        super().__init__(server, clock, prefix)
        self._hits = (f"{secrets.token_hex(8)}:{n}" for n in itertools.count())

    async def spend(self, bucket: str, limit: int, *, window: float = 60.0, keep: int = 0) -> float:
        if limit <= keep:
            return window
        now = self._clock()
        lasts = milliseconds(window)
        oldest = await self._lane.call(
            scripts.SPEND,
            bucket,
            limit - keep,
            now - window,
            now + window,
            now,
            next(self._hits),
            lasts,
        )
        return 0.0 if oldest is None else max(float(oldest) + window - now, SHORTEST_WAIT)

    async def admit(self, client: str, rates: Rates, *, holder: str, until: float) -> Admission:
        now = self._clock()
        outcome, count, last, first = await self._lane.call(
            scripts.ADMIT,
            client,
            "" if rates.concurrency is None else rates.concurrency,
            holder,
            until,
            "" if rates.rpm is None else rates.rpm,
            now,
            now - MINUTE,
            now + MINUTE,
            next(self._hits),
            milliseconds(MINUTE),
            milliseconds(until - now),
        )
        reset = 0.0 if last is None else float(last) + MINUTE - now
        if outcome == b"concurrency":
            return Admission("concurrency", BUSY, max(0, (rates.rpm or 0) - count), reset)
        if outcome == b"rpm":
            return Admission("rpm", float(first) + MINUTE - now, 0, reset)
        if rates.rpm is None:
            return Admission()
        return Admission(remaining=rates.rpm - count - 1, reset=MINUTE)

    async def stay(self, places: Iterable[tuple[str, str]], until: float) -> None:
        named = [name for place in places for name in place]
        keep = milliseconds(until - self._clock())
        await self._lane.call(scripts.STAY, until, keep, *named)

    async def leave(self, client: str, holder: str) -> None:
        await self._lane.call(scripts.LEAVE, client, holder)

    async def take(self, client: str, tokens: int, limit: int) -> Admission:
        now = self._clock()
        slot, keep = token_slot(now), milliseconds(MINUTE)
        arguments = client, tokens, limit, slot, now - MINUTE, now + MINUTE, keep
        found = await self._lane.call(scripts.TAKE, *arguments)
        return taking(_slots(found), tokens, limit, now)

    async def correct(self, client: str, tokens: int, at: float) -> None:
        await self._lane.call(scripts.CORRECT, client, tokens, at, milliseconds(MINUTE))

    async def reserve(
        self, owner: str, usd: float, budget: Budget, now: float, *, once: str = ""
    ) -> None:
        taken = [Charge(owner, budget.slot(now), nanos(usd))] if usd else []
        outcome, *found = await self._lane.call(
            scripts.RESERVE,
            once or next(self._hits),
            postings({}, taken),
            *limited(owner, budget, nanos(usd), now),
        )
        if outcome == b"over":
            raise over(budget, found, nanos(usd), now)

    async def book(
        self, lines: Mapping[Line, Counts], charges: Iterable[Charge], *, once: str = ""
    ) -> None:
        await self._lane.call(scripts.BOOK, once or next(self._hits), postings(lines, charges))

    async def prune(self, *, used_before: str, spent_before: float) -> bool:
        return bool(await self._lane.call(scripts.PRUNE, used_before, spent_before) == 1)

    async def usage(
        self, by: Sequence[str], *, since: str, until: str, key: str | None = None
    ) -> list[Total]:
        days = [day.decode() for day in await self._lane.call(scripts.DAYS, since, until)]
        found = await asyncio.gather(*(self._lane.call(scripts.USAGE, day) for day in days))
        named = [name for name in DIMENSIONS if name in by]
        sums: dict[tuple[str, ...], Counts] = defaultdict(Counts)
        for day, fields in zip(days, found, strict=True):
            for field, number in zip(fields[::2], fields[1::2], strict=True):
                counted, *rest = orjson.loads(field)
                line = Line(day, *rest)
                if key is None or line.key == key:
                    of = tuple(getattr(line, name) for name in named)
                    sums[of].add(Counts(**{COUNTED[counted]: int(number)}))
        return [
            Total(dict(zip(named, of, strict=True)), sums[of]) for of in sorted(sums) if sums[of]
        ]


def limited(
    owner: str, budget: Budget | None, needed: int, now: float
) -> tuple[str, int, int, float, float]:
    """What a script needs to find out whether so many nanodollars are left."""
    if budget is None:
        return "", 0, 0, 0.0, 0.0
    old, young = now - budget.window, now + budget.window
    return spent_by(owner), nanos(budget.usd), max(needed, 1), old, young


def over(budget: Budget, found: Sequence[bytes], needed: int, now: float) -> OverBudget:
    """The refusal, from what a script found: slot, nanodollars, …"""
    try:
        budget.check(_slots(found), needed, now)
    except OverBudget as exc:
        return exc
    raise AssertionError("a script refused what the budget allows")


def _slots(found: Sequence[bytes]) -> list[tuple[float, int]]:
    """What a script found of a hash by slots, in order of time."""
    pairs = zip(found[::2], found[1::2], strict=True)
    return sorted((float(at), int(amount)) for at, amount in pairs)
