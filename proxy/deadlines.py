"""`asyncio.timeout` for what is done a thousand times a second: one timer for all of it."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from proxy.onloop import OnLoop

T = TypeVar("T")


class Deadlines(OnLoop):
    """Of any number of tasks; each has one of them at a time."""

    def __init__(self) -> None:
        self._until: dict[asyncio.Task[Any], float] = {}  # → the loop's time
        self._next = float("inf")  # when the timer ticks
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """What the work gives; it is cancelled after so many seconds, and TimeoutError is raised."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        until = self._until[task] = self._loop.time() + seconds
        if until < self._next:
            self._tick_at(until)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._until or task.uncancel():
                raise  # by somebody else
            raise TimeoutError from None
        finally:
            self._until.pop(task, None)

    def _tick(self) -> None:
        """Cancel those whose time has come; come again when that of the next has."""
        now = self._loop.time()
        for task in [task for task, until in self._until.items() if until <= now]:
            del self._until[task]
            task.cancel()
        self._timer, self._next = None, float("inf")
        if self._until:
            self._tick_at(min(self._until.values()))

    def _tick_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self._loop.call_at(when, self._tick)
