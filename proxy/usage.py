"""The table of usage, as far as requests that pass through fill it: counted here, and written to the
store every few seconds and at the end. What a job costs is booked by the store itself, with the job.

A worker that is killed loses what it has counted since it last wrote; a budget's reservations stay.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from proxy.exchange import Exchange
from proxy.store.base import Store, StoreUnavailable
from proxy.store.ledger import route_of
from proxy.store.money import Charge, Counts, Line, day_of, nanos

log = logging.getLogger("anygate.usage")

_EVERY = 5.0  # seconds
_DAY = 86_400
_GONE = 499  # the client left: nobody's failure
_DOUBTS = 1000  # reservations at most that wait to be made sure of


class _Batch(NamedTuple):
    """What is booked together and, under its id `once`, a single time."""

    once: str
    lines: dict[Line, Counts]
    charges: list[Charge]


class Usage:
    """What one worker has counted and not yet written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: dict[tuple[int, str, str, str, str], Counts] = {}
        self._charges: dict[tuple[str, float], int] = {}
        self._unwritten: deque[_Batch] = deque()  # what the store has not acknowledged
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writing = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Write the rest."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self.flush()

    def record(self, exchange: Exchange, status: int) -> None:
        """Count a request that was passed through; settle what its client's budget holds for it."""
        tally = exchange.tally
        if tally is None:
            return
        cost = nanos(tally.cost or 0.0)
        if tally.asked:
            failed = tally.failed or (status >= 400 and status != _GONE)
            counts = self._counts(exchange, failed=failed)
            counts.requests += 1
            counts.failed += failed
            counts.prompt_tokens += tally.prompt_tokens
            counts.completion_tokens += tally.completion_tokens
            counts.nanos += cost
        if exchange.client.budget is not None:
            self._settle(exchange, cost - nanos(tally.reserved))

    async def release(self, exchange: Exchange) -> None:
        """A request goes on as a job, which counts for itself and takes its own money: what is held for this
        is there before that, but for what targets that were asked before may have cost."""
        tally, budget = exchange.tally, exchange.client.budget
        if tally is not None and tally.doubtful:
            self._counts(exchange, failed=True).nanos += nanos(tally.doubtful)
        if tally is not None and budget is not None:
            self._settle(exchange, nanos(tally.doubtful) - nanos(tally.reserved))
            if tally.reserved:
                with suppress(StoreUnavailable):
                    await asyncio.shield(self.flush())
        exchange.tally = None

    def _counts(self, exchange: Exchange, *, failed: bool) -> Counts:
        """The line of the table that a request at the target which it has come to stands in."""
        route = route_of(exchange.route, exchange.target, failed=failed)
        day = int(time.time()) // _DAY
        line = (day, exchange.client.name, route, exchange.provider, exchange.endpoint)
        counts = self._lines.get(line)
        if counts is None:
            counts = self._lines[line] = Counts()
        return counts

    def doubt(self, once: str, charge: Charge) -> bool:
        """A reservation under this id may have been made: make sure that it is, so that it can be settled.

        False where that waits for too many others already.
        """
        if len(self._unwritten) >= _DOUBTS:
            return False
        self._unwritten.append(_Batch(once, {}, [charge]))
        self._wake.set()
        return True

    def _settle(self, exchange: Exchange, difference: int) -> None:
        """At once: what is over may be all that another request waits for."""
        budget, tally = exchange.client.budget, exchange.tally
        if not difference or budget is None or tally is None:
            return
        at = budget.slot(time.time()) if tally.reserved_at is None else tally.reserved_at
        place = exchange.client.name, at
        self._charges[place] = self._charges.get(place, 0) + difference
        self._wake.set()

    async def flush(self) -> None:
        """Write what was counted; raises StoreUnavailable, and then it is kept for the next time."""
        async with self._lock:
            await self._flush()

    async def _flush(self) -> None:
        await self._book()  # what failed before: it may be written, so that nothing is added to it
        lines, self._lines = self._lines, {}
        charges, self._charges = self._charges, {}
        if lines or charges:
            rows = {Line(day_of(day * _DAY), *rest): n for (day, *rest), n in lines.items()}
            spent = [Charge(owner, at, amount) for (owner, at), amount in charges.items()]
            self._unwritten.append(_Batch(secrets.token_hex(8), rows, spent))
            await self._book()

    async def _book(self) -> None:
        while self._unwritten:
            once, lines, charges = self._unwritten[0]
            try:
                await self._store.book(lines, charges, once=once)
            except StoreUnavailable:
                raise
            except Exception:  # kept, it would spoil all that follow
                log.exception("%d lines of usage cannot be booked, and are lost", len(lines))
            self._unwritten.popleft()

    async def _write(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._wake.wait()
            try:
                self._wake.clear()
                await asyncio.shield(self.flush())
            except StoreUnavailable as exc:
                log.warning("usage is not written yet, the store is unavailable: %s", exc)
                await asyncio.sleep(_EVERY)
            except Exception:
                log.exception("usage is not written")  # nobody else would: this goes on
