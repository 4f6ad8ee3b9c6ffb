"""Byte ranges (RFC 9110, section 14): one span of a file, or the whole, and the answers that carry it.

Several ranges at once are answered with the whole file, as the RFC allows; players ask for one.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from proxy.errors import INVALID, ApiError, Lost, gateway_error
from proxy.sniff import HEAD, received, told
from proxy.wire import body_of, lost

AHEAD: Final = 1 << 20  # bytes that are read ahead to learn where a file of unknown size ends

# Eighteen digits: no file is larger, and int() needs no further guard.
_ONE: Final = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_PART: Final = re.compile(r"\s*bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)\s*", re.I)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


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


class Body(StreamingResponse):
    """A streamed answer: a span, or the whole of so many bytes (`None`: nobody knows how many).

    `close` is called in any case. A body that raises breaks the connection off, so that the client
    sees it as incomplete.
    """

    def __init__(
        self,
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
        super().__init__(body, status, headers)
        self.close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            self.body_iterator = _these(b"")
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.close()


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
    return span if span.length > 0 and (size is None or span.stop <= size) else None


def wanted(request: Request, size: int | None, known: Mapping[str, str]) -> Span | None:
    """The span that a request asks for, `None` for the whole; raises ApiError 416.

    `known`: the file's etag and last-modified, one of which an If-Range must repeat.
    """
    condition = request.headers.get("if-range")
    if request.method != "GET" or (condition is not None and not _holds(condition, known)):
        return None
    span = parse_range(request.headers.get("range"), size)
    if isinstance(span, Unsatisfiable):
        raise unsatisfiable(span.content_range)
    return span


def unsatisfiable(content_range: str | None) -> ApiError:
    """416; `content_range` as `bytes */{size}`, where the size is known."""
    headers = {"content-range": content_range} if content_range else {}
    message = "The range lies outside of the file."
    return ApiError(416, INVALID, "range_not_satisfiable", message, param="range", headers=headers)


async def cut(stream: AsyncIterator[bytes], span: Span) -> AsyncIterator[bytes]:
    """The span's bytes out of a stream of the whole file, holding one chunk of it at a time."""
    at = 0
    async for chunk in stream:
        begin, at = at, at + len(chunk)
        if at > span.start:
            yield chunk[max(span.start - begin, 0) : span.stop - begin]
        if at >= span.stop:
            return


async def peek(stream: AsyncIterator[bytes], least: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """At least the first `least` bytes (or all of a shorter stream), and the stream with them again."""
    head = b""
    async for chunk in stream:
        head += chunk
        if len(head) >= least:
            break
    return head, _these(head, stream)


async def relay(
    upstream: httpx.Response, request: Request, mime: str | None = None, filename: str | None = None
) -> Body:
    """A file server's 200 or 206 as our answer, in constant memory. Raises ApiError 416 or 502, or Lost; it is
    closed in any case. A range that it ignored is cut out, unless its place depends on a size that nobody tells.
    """
    try:
        return await _relayed(upstream, request, mime, filename)
    except BaseException:
        await upstream.aclose()
        raise


async def _relayed(
    upstream: httpx.Response, request: Request, mime: str | None, filename: str | None
) -> Body:
    size, part = length_of(upstream), parse_part(upstream.headers.get("content-range"))
    if upstream.status_code != 206:
        part = None
    elif part is None or _encoded(upstream):
        raise gateway_error("The file's server sent a part that cannot be placed.", retry=True)
    head, body = await peek(whole(upstream, part.length if part else size), HEAD)
    said = upstream.headers.get("content-type")
    kind = received(said, b"" if part and part.start else head, mime)
    names = () if _encoded(upstream) else ("etag", "last-modified")
    known = {name: upstream.headers[name] for name in names if name in upstream.headers}
    if part is None:
        part, body = await _cut_out(body, wanted(request, size, known), size)
    return Body(body, upstream.aclose, told(kind, filename, known), part or size)


async def whole(upstream: httpx.Response, size: int | None) -> AsyncIterator[bytes]:
    """A server's body as it comes; raises Lost where it breaks off, is empty or not as long as was said."""
    length = 0
    try:
        async for chunk in body_of(upstream):
            length += len(chunk)
            if size is not None and length > size:
                break
            yield chunk
    except httpx.HTTPError as exc:
        raise lost(exc, "the file's server") from exc
    if size is not None and length != size:
        raise Lost(f"the file's server promised {size} bytes and did not keep to it")
    if not length:
        raise Lost("the file's server sent an empty file")


def length_of(upstream: httpx.Response) -> int | None:
    """The body's size in bytes as `whole` gives it, where the server says it."""
    said = upstream.headers.get("content-length", "")
    return int(said) if _LENGTH.fullmatch(said) and not _encoded(upstream) else None


async def _cut_out(
    body: AsyncIterator[bytes], span: Span | None, size: int | None
) -> tuple[Span | None, AsyncIterator[bytes]]:
    if span is None or (size is None and span.length > AHEAD):
        return None, body
    if size is not None:
        return span, cut(body, span)
    # Only what has been read proves that the file reaches so far.
    found = b"".join([chunk async for chunk in cut(body, span)])
    if not found:
        raise unsatisfiable(None)
    end = span.start + len(found)
    return Span(span.start, end, None if end == span.stop else end), _these(found)


async def _these(first: bytes, rest: AsyncIterator[bytes] | None = None) -> AsyncIterator[bytes]:
    if first:
        yield first
    if rest is not None:
        async for chunk in rest:
            yield chunk


def _encoded(upstream: httpx.Response) -> bool:
    return bool(upstream.headers.get("content-encoding", "identity") != "identity")


def _holds(condition: str, known: Mapping[str, str]) -> bool:
    return not condition.startswith("W/") and any(condition == one for one in known.values())


def _suffix(length: int, size: int | None) -> Span | Unsatisfiable | None:
    if not (size and length):
        return None if size is None else Unsatisfiable(size)
    return Span(max(size - length, 0), size, size)
