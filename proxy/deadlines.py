"""`asyncio.timeout` for what is done a thousand times a second: one timer for all of it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from proxy.onloop import OnLoop

_TICK = 0.02  # seconds between two ticks
_EARLY = 0.001  # seconds that a loop's timer may be: uvloop's are of whole milliseconds

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Times(OnLoop, Generic[K]):
    """Of each, how long it has: then `over` is called with it."""

    def __init__(self, over: Callable[[K], object]) -> None:
        super().__init__()
        self._over = over
        self._until: dict[K, float] = {}  # → the loop's time
        self._next = float("inf")  # when the timer ticks
        # Each tick goes through all: there are not many a second, however many end.
        self._quiet_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, one: K, seconds: float) -> None:
        until = self._until[one] = self._loop.time() + seconds
        if until < self._next:
            self._tick_at(until)

    def end(self, one: K) -> None:
        """It needs no more of its time, if it has any left."""
        self._until.pop(one, None)

    def _tick(self) -> None:
        """Tell those whose time has come; come again when that of the next has."""
        now = self._loop.time() + _EARLY
        for one in [one for one, until in self._until.items() if until <= now]:
            del self._until[one]
            self._over(one)
        self._timer, self._next, self._quiet_until = None, float("inf"), now + _TICK
        if self._until:
            self._tick_at(min(self._until.values()))

    def _tick_at(self, when: float) -> None:
        when = max(when, self._quiet_until)
        if when >= self._next:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self._loop.call_at(when, self._tick)


class Deadlines(Times[asyncio.Task[Any]]):
    """Of any number of tasks; each has one of them at a time."""

    def __init__(self) -> None:
        super().__init__(asyncio.Task.cancel)

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """What the work gives; it is cancelled after so many seconds, and TimeoutError is raised."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        self.begin(task, seconds)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._until or task.uncancel():
                raise  # by somebody else
            raise TimeoutError from None
        finally:
            self.end(task)
