"""The table of usage, as far as requests that pass through fill it: counted here, and written to the
store every few seconds and at the end. What a job costs is booked by the store itself, with the job.

A worker that is killed loses what it has counted since it last wrote; a budget's reservations stay.
"""

import asyncio
import logging
import time
from contextlib import suppress

from proxy.exchange import Exchange
from proxy.store.base import Store, StoreUnavailable
from proxy.store.ledger import route_of
from proxy.store.money import Charge, Counts, Line, day_of, nanos

log = logging.getLogger("anygate.usage")

_EVERY = 5.0  # seconds
_DAY = 86_400
_GONE = 499  # the client left: nobody's failure


class Usage:
    """What one worker has counted and not yet written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: dict[tuple[int, str, str, str, str], Counts] = {}
        self._charges: dict[tuple[str, float], int] = {}
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
        failed = tally.failed or (status >= 400 and status != _GONE)
        route = route_of(exchange.route, exchange.target, failed=failed)
        day = int(time.time()) // _DAY
        line = (day, exchange.client.name, route, exchange.provider, exchange.endpoint)
        counts = self._lines.get(line)
        if counts is None:
            counts = self._lines[line] = Counts()
        cost = nanos(tally.cost or 0.0)
        counts.requests += 1
        counts.failed += failed
        counts.prompt_tokens += tally.prompt_tokens
        counts.completion_tokens += tally.completion_tokens
        counts.nanos += cost
        if exchange.client.budget is not None:
            self._settle(exchange, cost - nanos(tally.reserved))

    def release(self, exchange: Exchange) -> None:
        """A request goes on as a job, which has an account of its own."""
        tally, budget = exchange.tally, exchange.client.budget
        if tally is not None and budget is not None:
            self._settle(exchange, -nanos(tally.reserved))
        exchange.tally = None

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
        lines, self._lines = self._lines, {}
        charges, self._charges = self._charges, {}
        if not lines and not charges:
            return
        rows = {Line(day_of(day * _DAY), *rest): n for (day, *rest), n in lines.items()}
        spent = [Charge(owner, at, amount) for (owner, at), amount in charges.items()]
        try:
            await self._store.book(rows, spent)
        except StoreUnavailable:
            for line, counts in lines.items():
                self._lines.setdefault(line, Counts()).add(counts)
            for place, amount in charges.items():
                self._charges[place] = self._charges.get(place, 0) + amount
            raise

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
