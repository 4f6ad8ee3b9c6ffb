"""Polls that come so soon that this worker keeps their leases meanwhile: the store is not asked for them."""

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from proxy.onloop import OnLoop
from proxy.store.base import Due

_BREATH = 0.02  # seconds: what falls into one is begun together


class Ahead(OnLoop):
    """`begin`: is given each when its time has come, and finds room for it."""

    def __init__(self, begin: Callable[[Due], None]) -> None:
        self._begin = begin
        self._kept: dict[tuple[str, int], Due] = {}
        self._order: list[
            tuple[float, int, Due]
        ] = []  # by the loop's time; some may be kept no more
        self._number = count()
        self._timer: asyncio.TimerHandle | None = None
        self._next = float("inf")  # when the timer ticks
        self._quiet_until = 0.0

    def keep(self, due: Due) -> None:
        """From now on until it is due, or taken; instead of what was kept of this task."""
        self._kept[due.job_id, due.index] = due
        when = self._loop.time() + due.at - time.time()
        heappush(self._order, (when, next(self._number), due))
        self._tick_at(when)

    def taken(self, job_id: str, index: int) -> Due | None:
        """What was kept of a task, and is no longer."""
        return self._kept.pop((job_id, index), None)

    def given_up(self) -> list[Due]:
        """All that was kept; nothing is begun any more."""
        kept = list(self._kept.values())
        self._kept.clear()
        if self._timer is not None:
            self._timer.cancel()
        return kept

    def _tick_at(self, when: float) -> None:
        if when >= self._next:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self._loop.call_at(max(when, self._quiet_until), self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        self._timer, self._next, self._quiet_until = None, float("inf"), now + _BREATH
        while self._order and self._order[0][0] <= now:
            due = heappop(self._order)[2]
            if self._kept.get((due.job_id, due.index)) is due:
                del self._kept[due.job_id, due.index]
                self._begin(due)
        if self._order:
            self._tick_at(self._order[0][0])
