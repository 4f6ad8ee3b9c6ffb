"""Results on their way to the client: bytes of any size, ranges, links that die."""

from __future__ import annotations

import re
import struct
import time

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .assets import MEDIA_TYPES, asset
from .checks import Refusal
from .exchange import Exchange
from .tasks import Task

PIECE = 64 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Blob:
    """Bytes followed by zeros up to a size, without ever holding the zeros."""

    def __init__(self, data: bytes, size: int | None = None, *, box: bool = False) -> None:
        gap = (size or 0) - len(data)
        if box and gap >= 8:
            # MP4: a "free" box of that length, which players skip; 64-bit sizes are not needed.
            data += struct.pack(">I4s", min(gap, 2**32 - 1), b"free")
        self.data = data
        self.size = max(len(data), size or 0)

    def piece(self, start: int, stop: int) -> bytes:
        """Return the bytes from start to stop."""
        head = self.data[start:stop]
        return head + bytes(stop - start - len(head))


class FileResponse(Response):
    """A part of a blob, sent in pieces."""

    def __init__(self, blob: Blob, span: range, x: Exchange) -> None:
        self.blob, self.span, self.x = blob, span, x
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers and the pieces; stop when the client has gone."""
        options = self.x.double.files
        size = options.drip_size if options.drip else PIECE
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        start = self.span.start
        while scope["method"] != "HEAD" and start < self.span.stop:
            stop = min(start + size, self.span.stop)
            last = stop == self.span.stop
            body = self.blob.piece(start, stop)
            await send({"type": "http.response.body", "body": body, "more_body": not last})
            if last or not await self.x.sleep(options.drip):
                return
            start = stop
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def result(x: Exchange, task: Task, index: int) -> Response:
    """Serve the n-th file of a finished task."""
    options = x.double.files
    if task.state != "completed" or index >= len(task.files):
        raise Refusal(404, "no such file")
    ended = task.completed or 0.0
    lifetime = options.seconds
    if options.expired or (lifetime is not None and time.time() > ended + lifetime):
        raise Refusal(410, x.double.expired_message)
    seed = sum(task.id.encode()) % 16 + index
    return serve(x, asset(task.files[index], task.ratio, seed), task.files[index])


def serve(x: Exchange, data: bytes, extension: str) -> Response:
    """Serve these bytes, whole or the range that was asked for."""
    options = x.double.files
    blob = Blob(data, options.size, box=extension == "mp4")
    etag = f'"{len(data):x}-{blob.size:x}"'
    ignore = options.ignore_range or x.fault.ignore_range
    asked = None if ignore else x.headers.get("range")
    if x.headers.get("if-range", etag) != etag:
        asked = None
    span = _span(asked, blob.size)
    answer = FileResponse(blob, span or range(blob.size), x)
    kind = options.content_type or MEDIA_TYPES[extension]
    answer.headers["content-type"] = kind
    answer.headers["content-length"] = str(len(answer.span))
    answer.headers["etag"] = etag
    if not ignore:
        answer.headers["accept-ranges"] = "bytes"
    if span is not None:
        answer.status_code = 206
        answer.headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{blob.size}"
    return answer


def _span(asked: str | None, size: int) -> range | None:
    """Read a Range header of one range; several, or another unit, are ignored (RFC 9110, 14.2)."""
    match = RANGE.fullmatch(asked or "")
    if not match or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if first:
        span = range(int(first), min(int(last) + 1 if last else size, size))
        if last and int(last) < int(first):
            return None
    else:
        span = range(max(0, size - int(last)), size)
    if not span:
        refusal = Refusal(416, "range not satisfiable")
        refusal.headers["content-range"] = f"bytes */{size}"
        raise refusal
    return span
