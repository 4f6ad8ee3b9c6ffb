"""What the workers of one machine have counted, so that each can answer for all of them.

Each writes its numbers into a file of its own in a folder that they share: every second, and whenever it is
asked. Whoever is asked reads all the files, its own among them: a number that was once shown is in a file,
and so the next one who is asked never shows less. A worker that takes the place of a dead one goes on with
that one's file.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger("anygate.metrics")

_FOLDER = "ANYGATE_METRICS"  # how a worker process learns the folder
_TRIES = 20  # looks at the folder until nobody has moved a file meanwhile


@contextmanager
def together() -> Iterator[None]:
    """The workers that are started meanwhile count together, if there is somewhere to write."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="anygate-", ignore_cleanup_errors=True)
    except OSError as exc:
        log.warning("each worker answers GET /metrics for itself, nothing can be shared: %s", exc)
        yield
        return
    with folder as name:
        os.environ[_FOLDER] = name
        yield


def mine() -> "Siblings | None":
    """Those of this process; None where it is alone."""
    folder = os.environ.get(_FOLDER)
    return Siblings(Path(folder), os.getpid()) if folder else None


class Siblings:
    """`folder`: of the workers of one proxy; `process`: the id of this one."""

    def __init__(self, folder: Path, process: int) -> None:
        self._folder = folder
        self._own = folder / f"{process}.json"

    def inherited(self) -> Any:
        """The numbers of a worker that has died, which are ours now; None where there are none."""
        for path in self._files():
            if not _lives(path):
                with suppress(FileNotFoundError):  # another new one was quicker
                    path.rename(self._own)
                    return orjson.loads(self._own.read_bytes())
        return None

    def write(self, numbers: Any) -> None:
        """Put our own numbers where the others find them."""
        made = self._own.with_suffix(".new")
        made.write_bytes(orjson.dumps(numbers))
        made.replace(self._own)

    def read(self) -> list[tuple[bool, Any]]:
        """Every worker's numbers, and whether it lives."""
        found: list[tuple[bool, Any]] = []
        for _ in range(_TRIES):
            files = list(self._files())
            with suppress(FileNotFoundError):
                found = [(_lives(path), orjson.loads(path.read_bytes())) for path in files]
                if list(self._files()) == files:
                    break
        return found

    def _files(self) -> Iterator[Path]:
        return iter(sorted(self._folder.glob("*.json")))


def _lives(path: Path) -> bool:
    try:
        os.kill(int(path.stem), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
