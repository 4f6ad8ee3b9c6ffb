"""Byte ranges (RFC 9110, section 14): one span of a file, or the whole of it.

Several ranges at once are answered with the whole file, as the RFC allows; players ask for one.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from proxy.errors import INVALID, ApiError

# Eighteen digits: no file is larger, and int() needs no further guard.
_ONE: Final = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_PART: Final = re.compile(r"\s*bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)\s*", re.I)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `stop` of a file of `size`, where that is known."""

    start: int
    stop: int
    size: int | None = None

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{'*' if self.size is None else self.size}"


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A range outside the file: 416."""

    size: int

    @property
    def content_range(self) -> str:
        return f"bytes */{self.size}"


def parse_range(header: str | None, size: int | None) -> Span | Unsatisfiable | None:
    """The span that a Range header asks for of a file of `size` bytes; `None` means the whole.

    The whole is also the answer to what is malformed, to several ranges, and to one whose place
    depends on a size that is not known (an open end, a suffix). Of an unknown size a span may reach
    past the end.
    """
    match = _ONE.fullmatch(header) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        return _suffix(int(match[2]), size)
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if size is None:
        return Span(start, int(match[2]) + 1) if match[2] else None
    if start >= size:
        return Unsatisfiable(size)
    return Span(start, min(int(match[2]) + 1, size) if match[2] else size, size)


def parse_part(header: str | None) -> Span | None:
    """The span that a Content-Range header says an answer holds; `None` where it cannot be read."""
    match = _PART.fullmatch(header) if header else None
    if match is None:
        return None
    size = None if match[3] == "*" else int(match[3])
    span = Span(int(match[1]), int(match[2]) + 1, size)
    sound = span.length > 0 and (size is None or span.stop <= size)
    return span if sound else None


def wanted(request: Request, size: int | None, known: Mapping[str, str]) -> Span | None:
    """The span that a request asks for, `None` for the whole; raises ApiError 416.

    `known`: the file's etag and last-modified, one of which an If-Range must repeat.
    """
    expected = request.headers.get("if-range")
    if expected is not None and (
        expected.startswith("W/") or expected not in (known.get("etag"), known.get("last-modified"))
    ):
        return None
    span = parse_range(request.headers.get("range"), size)
    if isinstance(span, Unsatisfiable):
        raise unsatisfiable(span.content_range)
    return span


def unsatisfiable(content_range: str | None) -> ApiError:
    headers = {"content-range": content_range} if content_range else {}
    message = "The range lies outside of the file."
    return ApiError(416, INVALID, "range_not_satisfiable", message, param="range", headers=headers)


class Body(StreamingResponse):
    """A streamed answer of a span, or of the whole of `size` bytes; `close` is called in any case.

    A body that raises breaks the connection off: a client sees that it is incomplete.
    """

    def __init__(
        self,
        request: Request,
        body: AsyncIterator[bytes],
        close: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
        part: Span | int | None,
    ) -> None:
        status, headers = 200, dict(headers)
        if isinstance(part, Span):
            status, headers["content-range"] = 206, part.content_range
        if part is not None:
            headers["content-length"] = str(part if isinstance(part, int) else part.length)
        super().__init__(nothing() if request.method == "HEAD" else body, status, headers)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._close()


async def nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def cut(stream: AsyncIterator[bytes], span: Span) -> AsyncIterator[bytes]:
    """The span's bytes out of a stream of the whole file, keeping none; ends with the stream at the latest."""
    at = 0
    async for chunk in stream:
        begin, at = at, at + len(chunk)
        if at > span.start:
            yield chunk[max(span.start - begin, 0) : span.stop - begin]
        if at >= span.stop:
            return


async def peek(stream: AsyncIterator[bytes], least: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """At least the first `least` bytes (fewer only of a shorter stream), and the stream with them again."""
    head = b""
    async for chunk in stream:
        head += chunk
        if len(head) >= least:
            break
    return head, _again(head, stream)


async def _again(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in rest:
        yield chunk


def _suffix(length: int, size: int | None) -> Span | Unsatisfiable | None:
    if size is None:
        return None
    if not length or not size:
        return Unsatisfiable(size)
    return Span(max(size - length, 0), size, size)
