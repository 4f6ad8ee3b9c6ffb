"""Room in the media folder: the oldest results go when all of them exceed what they may have together.

What no client has been given yet is paid for and may be waited for: it is spared for a while, and the folder holds
more than it should meanwhile. Whether it was given out stands in the file's own mode, so that all workers know.

The folder is looked through only now and then, since that takes as long as it has files: a worker keeps for itself
a small part of the room that it found, and looks again when that is used up.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from proxy.disk import unlink

# Workers that may each use up what they keep for themselves before it is too much.
_SHARE: Final = 16
_EVERY: Final = 600.0  # seconds: others may have used more, and dead writers leave their files
_DEAD: Final = 3600.0  # seconds after which an unfinished file has no writer any more
# Seconds that a result waits for its client: longer than a client waits for all pictures of one request.
_GRACE: Final = 600.0
_GIVEN: Final = 0o400  # the mode of a result that a client has been given; before, it is 0o600


class Room:
    """`most`: bytes that the results (`k_…`) in the folder may have together. Called from threads."""

    def __init__(self, folder: Path, public: Path, most: int) -> None:
        self._folder = folder
        self._public = public
        self._most = most
        self._left = 0
        self._over = True  # for all we know: there may have been more room before the start
        self._again = 0.0
        self._lock = Lock()

    def taken(self, name: str, size: int) -> None:
        """A result of so many bytes has been stored: where there is too little room, the oldest go, but not it."""
        with self._lock:
            self._left -= size
            if self._left < 0 or time.monotonic() >= self._again:
                self._look(name)

    def given(self, name: str) -> None:
        """A client has been given all of a result: it may go when its turn comes."""
        if name.startswith("k_"):
            # Gone already, or on a disk without modes: then it is spared for longer.
            with suppress(OSError):
                (self._folder / name).chmod(_GIVEN)

    def allow(self, most: int) -> None:
        """From now on the results may have so many bytes together. Does not wait for a look that is under way."""
        self._over = self._over or most < self._most
        self._most = most
        self._again = 0.0

    def tidy(self) -> None:
        """Where there was more than there should be, see whether it may go by now."""
        with self._lock:
            if self._over and self._folder.is_dir():
                self._look()

    def forget(self, before: float) -> None:
        """Remove the uploads (`u_…`) that were stored before that time (Unix seconds), and their marks."""
        if not self._folder.is_dir():
            return
        for name, status in self._files(lambda name: name.startswith("u_")):
            if status.st_mtime < before:
                unlink([self._public / name, self._folder / name])

    def _look(self, newest: str = "") -> None:
        free = self._most - sum(status.st_size for _, status in self._kept(clean=True))
        if free < 0:
            free = self._evicted(newest)
        self._over = free < 0
        # Where nothing may go, the next file would not find more that may.
        self._left = (self._most if self._over else free) // _SHARE
        self._again = time.monotonic() + _EVERY

    def _evicted(self, newest: str) -> int:
        """Remove the oldest, and small ones beyond need, so that not each to come needs a look; bytes free now."""
        slack = self._most // _SHARE
        free, now = self._most, time.time()
        # Of tens of thousands of files, a stat_result each would be tens of megabytes.
        may_go: list[tuple[int, int, str]] = []
        for name, status in self._kept():
            free -= status.st_size
            if name != newest and not _awaited(status, now):
                may_go.append((status.st_mtime_ns, status.st_size, name))
        for _, size, name in sorted(may_go):
            if free >= slack or (free >= 0 and size > slack):
                break
            unlink([self._public / name, self._folder / name])
            free += size
        return free

    def _kept(self, *, clean: bool = False) -> Iterator[tuple[str, os.stat_result]]:
        """The results that there are; `clean`: remove what dead writers have left."""
        for name, status in self._files(
            lambda name: name.startswith("k_") or name.endswith(".part")
        ):
            if name.startswith("k_"):
                yield name, status
            elif clean and status.st_mtime < time.time() - _DEAD:
                unlink([self._folder / name])

    def _files(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, os.stat_result]]:
        """The files of such names."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if wanted(entry.name):
                    with suppress(FileNotFoundError):  # another worker has removed it
                        yield entry.name, entry.stat()


def _awaited(status: os.stat_result, now: float) -> bool:
    """Whether a client may yet come for a result for the first time."""
    new = abs(now - status.st_mtime) < _GRACE  # either way: clocks are set
    return new and stat.S_IMODE(status.st_mode) != _GIVEN
