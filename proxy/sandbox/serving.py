"""What a double can be told about the files that it serves."""

from dataclasses import dataclass


@dataclass(slots=True)
class FileOptions:
    """How a double serves its results, until told otherwise.

    `ignore_range` answers 200 to everything; `content_type` is sent instead of the true one; `drip`
    seconds pass between pieces of `drip_size` bytes; links die `seconds` after completion, or at once
    by `expired`; a video is padded to `size` bytes and stays playable, other files grow a tail.
    """

    ignore_range: bool = False
    content_type: str | None = None
    drip: float = 0.0
    drip_size: int = 4096
    seconds: float | None = None
    expired: bool = False
    size: int | None = None
