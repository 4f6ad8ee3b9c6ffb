"""Room in the media folder: the oldest results go when all of them exceed what they may have together.

The folder is looked through only now and then, since that takes as long as it has files: a worker keeps for itself
a small part of the room that it found, and looks again when that is used up.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from proxy.disk import unlink

_SHARE: Final = (
    16  # workers that may each use up what they keep for themselves before it is too much
)
_EVERY: Final = 600.0  # seconds: others may have used more, and dead writers leave their files
_DEAD: Final = 3600.0  # seconds after which an unfinished file has no writer any more


class Room:
    """`most`: bytes that the results (`k_…`) in the folder may have together. Called from threads."""

    def __init__(self, folder: Path, public: Path, most: int) -> None:
        self._folder = folder
        self._public = public
        self._most = most
        self._left = 0
        self._again = 0.0
        self._lock = Lock()

    def taken(self, name: str, size: int) -> None:
        """A result of so many bytes has been stored: where there is too little room, the oldest go, but not it."""
        with self._lock:
            self._left -= size
            if self._left < 0 or time.monotonic() >= self._again:
                free = self._most - sum(status.st_size for _, status in self._kept(clean=True))
                if free < 0:
                    free = self._evicted(name)
                self._left = max(0, free) // _SHARE
                self._again = time.monotonic() + _EVERY

    def _evicted(self, newest: str) -> int:
        """Remove the oldest, and small ones beyond need, so that not each to come needs a look; bytes free now."""
        slack = self._most // _SHARE
        kept = [(status.st_mtime_ns, status.st_size, name) for name, status in self._kept()]
        free = self._most - sum(size for _, size, _ in kept)
        for _, size, name in sorted(kept):
            if free >= slack or (free >= 0 and size > slack):
                break
            if name != newest:
                unlink([self._public / name, self._folder / name])
                free += size
        return free

    def _kept(self, *, clean: bool = False) -> Iterator[tuple[str, os.stat_result]]:
        """The results that there are; `clean`: remove what dead writers have left."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if not (entry.name.startswith("k_") or entry.name.endswith(".part")):
                    continue
                try:
                    status = entry.stat()
                except FileNotFoundError:  # another worker has removed it
                    continue
                if entry.name.startswith("k_"):
                    yield entry.name, status
                elif clean and status.st_mtime < time.time() - _DEAD:
                    unlink([Path(entry.path)])
