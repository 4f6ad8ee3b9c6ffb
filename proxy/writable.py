"""Whether the media folder takes what is written to it: looked at now and then, known to whoever asks."""

import logging
import secrets
from pathlib import Path
from typing import Final

from proxy.disk import on_disk
from proxy.errors import ApiError

log = logging.getLogger("anygate.media")

_LEAST: Final = 4096  # bytes
_MOST: Final = 16 << 20
_EVERY: Final = 10.0  # seconds
_SOON: Final = 1.0  # … while it takes nothing


class Writable:
    """`fault`: why the folder takes nothing now, as far as this worker knows. It holds until as much can be
    written as was refused: what fits on a disk that is nearly full says nothing about a picture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._needed = _LEAST
        self.fault: str | None = None

    def refused(self, exc: ApiError, size: int) -> None:
        """So many bytes, at least, could not be written."""
        self._needed = min(max(self._needed, size), _MOST)
        self._failed(exc)

    async def look(self) -> None:
        try:
            await on_disk(try_folder, self._folder, self._needed)
        except ApiError as exc:
            self._failed(exc)
            return
        if self.fault is not None:
            log.warning("the media folder can be written again")
        self.fault, self._needed = None, _LEAST

    def pause(self) -> float:
        """Seconds until the next look."""
        return _EVERY if self.fault is None else _SOON

    def _failed(self, exc: ApiError) -> None:
        if self.fault is None:
            log.error(
                "the media folder %s cannot be written: %s; what would need it is not ordered",
                self._folder,
                exc.__cause__,
            )
        self.fault = str(exc.__cause__)


def try_folder(folder: Path, size: int = _LEAST) -> None:
    """Raises OSError where the folder does not take so many bytes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{secrets.token_urlsafe(24)}.part"
    try:
        part.write_bytes(bytes(size))
    finally:
        part.unlink(missing_ok=True)
