"""A thread for what waits: for the disk, or for another process."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

# What to do, and what then follows in the event loop: of what it gave, or of what it raised.
_Errand = tuple[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]]

_PAUSE_EVERY = 0.005
_PAUSE = 0.0001


class Errands:
    """A thread that does one thing after the other, and tells the event loop how each went.

    While one is under way the loop stands still for a moment now and then: a loop that always has
    something to do lets go of the interpreter's lock too briefly for a thread to wake up and take
    it (measured: writes took three seconds instead of one hundredth).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._errands: queue.SimpleQueue[_Errand | None] = queue.SimpleQueue()
        self._away = 0
        self._pausing = False
        self._thread = threading.Thread(target=self._work, name="anygate-store")
        self._thread.start()

    def run(
        self,
        errand: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Do something there; one of the other two then runs in the event loop."""
        self._errands.put((errand, done, failed))
        self._away += 1
        if not self._pausing:
            self._pausing = True
            self._loop.call_later(_PAUSE_EVERY, self._pause)

    def _back(self, then: Callable[[Any], None], what: object) -> None:
        self._away -= 1
        then(what)

    def _pause(self) -> None:
        self._pausing = self._away > 0
        if self._pausing:
            time.sleep(_PAUSE)
            self._loop.call_later(_PAUSE_EVERY, self._pause)

    def end(self) -> None:
        """After what was asked for before."""
        self._errands.put(None)

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        while (one := self._errands.get()) is not None:
            errand, done, failed = one
            then, what = done, None
            try:
                what = errand()
            except Exception as exc:
                then, what = failed, exc
            try:
                self._loop.call_soon_threadsafe(self._back, then, what)
            except RuntimeError:
                return  # the loop is closed: nobody is left to be told, nor to send another
