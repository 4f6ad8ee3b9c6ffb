"""What arrives of an answer, handed to a sink the moment it does."""

import asyncio
from abc import abstractmethod
from collections import deque

from proxy.pouring import Write


class Pours:
    """An answer that can be poured: what has come of it waits in `_chunks`, unless there is a sink."""

    _chunks: deque[bytes]
    _held: int
    complete: bool

    def __init__(self) -> None:
        self._sink: Write | None = None
        self._full = False  # the sink wants no more for now
        self._spilt: Exception | None = None  # what it raised

    @abstractmethod
    def _taken(self) -> bytes: ...

    @abstractmethod
    def more(self) -> asyncio.Future[None]: ...

    @abstractmethod
    def _wake(self) -> None: ...

    async def pour(self, write: Write) -> bool:
        """Hand what arrives to `write` the moment it does, without this task being woken for it.

        Until the end (true), or until `write` returns false: what follows is kept. Raises as reading does, and
        what `write` raises.
        """
        while True:
            while self._chunks:
                if not write(self._taken()):
                    return False
            if self.complete:
                return True
            self._sink, self._full = write, False
            try:
                await self.more()
            finally:
                self._sink = None
            if self._spilt is not None:
                try:
                    raise self._spilt
                finally:
                    self._spilt = None
            if self._full:
                return False

    def enough(self) -> None:
        """Have a `flow` that waits return false."""
        if self._sink is not None:
            self._sink, self._full = None, True
            self._wake()

    def _poured(self) -> bool:
        """Give the sink what has come; whether it takes more."""
        assert self._sink is not None
        chunks, self._chunks, self._held = self._chunks, deque(), 0
        try:
            if self._sink(chunks[0] if len(chunks) == 1 else b"".join(chunks)):
                return True
        except Exception as exc:
            self._spilt = exc
        self._sink, self._full = None, True
        return False
