"""Polls that come so soon that this worker keeps their leases meanwhile: the store is not asked for them."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from proxy.onloop import OnLoop
from proxy.store.base import Due

BREATH = 0.02  # seconds: what falls into one is begun together, or written in a single transaction
_TURN = 1.0  # seconds that a task that is due waits for its turn here before it has it by the store


class Ahead(OnLoop):
    """When the time of one has come, and its provider has room, it is given to `begin`; to `leave`, if that takes
    too long: then it is left to others, too, by way of the store."""

    def __init__(
        self,
        room: Callable[[str], bool],
        begin: Callable[[Due], None],
        leave: Callable[[Due], None],
    ) -> None:
        super().__init__()
        self._room = room
        self._begin = begin
        self._leave = leave
        self._lines: defaultdict[str, deque[Due]] = defaultdict(deque)  # what is due, by provider
        self._kept: dict[tuple[str, int], Due] = {}
        # A heap by the loop's time; what is kept no more may still be in it.
        self._order: list[tuple[float, int, Due]] = []
        self._number = count()
        self._timer: asyncio.TimerHandle | None = None
        self._next = float("inf")  # when the timer ticks
        self._quiet_until = 0.0

    def keep(self, due: Due) -> None:
        """From now on until it is taken; instead of what was kept of this task."""
        self._kept[due.job_id, due.index] = due
        when = self._loop.time() + due.at - time.time()
        heappush(self._order, (when, next(self._number), due))
        if when < self._next:
            self._tick_at(when)

    def taken(self, due: Due) -> None:
        """Its task is kept no more."""
        self._kept.pop((due.job_id, due.index), None)

    def _go_on(self, line: deque[Due]) -> None:
        now = time.time()
        while line:
            due = line[0]
            place = due.job_id, due.index
            if self._kept.get(place) is due:
                late = now - due.at > _TURN or due.until - now < (due.until - due.at) * 2 / 3
                if not (late or self._room(due.provider)):
                    return
                del self._kept[place]
                if not late:
                    self._begin(due)
                elif due.until > now:  # else it is others' already
                    self._leave(due)
            line.popleft()

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
        self._timer, self._next, self._quiet_until = None, float("inf"), now + BREATH
        while self._order and self._order[0][0] <= now:
            due = heappop(self._order)[2]
            self._lines[due.provider].append(due)
        for line in self._lines.values():
            self._go_on(line)
        if any(self._lines.values()):
            self._tick_at(now)
        if self._order:
            self._tick_at(self._order[0][0])
