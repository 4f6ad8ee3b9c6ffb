"""A line of a double's log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile


@dataclass(slots=True)
class Seen:
    """A request as the double saw it.

    `status` is None until an answer has gone out; `disconnected` says that the client went away
    before the answer was complete; `at` and `ended` are when it came and when it was done with. A
    multipart body appears as a dict, with its files as `{filename, content_type, size}`.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    raw_size: int
    kind: str
    at: float = field(default_factory=time.time)
    ended: float | None = None
    status: int | None = None
    task_id: str | None = None
    disconnected: bool = False


def summary(upload: UploadFile) -> dict[str, Any]:
    """Return what the log says of a file."""
    return {
        "filename": upload.filename,
        "content_type": upload.content_type,
        "size": upload.size,
    }
