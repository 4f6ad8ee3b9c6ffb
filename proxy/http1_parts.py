"""What stands beside the connections of server and client: their parsers' and exchanges' view of them."""

import asyncio
from typing import Protocol

import httptools
import orjson

from proxy.errors import INVALID, ApiError


class _Reader(Protocol):
    def on_body(self, body: bytes) -> None: ...

    def on_message_complete(self) -> None: ...


class Line(Protocol):
    """A connection to a server, as its exchanges need it."""

    loop: asyncio.AbstractEventLoop

    def unsent(self) -> int: ...

    def kept(self, said: bytes) -> None: ...

    def pause(self, paused: bool) -> None: ...

    def ended(self, *, reusable: bool) -> None: ...


class BodyAlone:
    """What a parser tells of a message whose head is known, up to its end: what follows is not ours."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._ended = False

    def on_body(self, body: bytes) -> None:
        if not self._ended:
            self._reader.on_body(body)

    def on_message_complete(self) -> None:
        if not self._ended:
            self._ended = True
            self._reader.on_message_complete()


class Deaf:
    """In a parser's place: what comes is thrown away."""

    def feed_data(self, data: bytes) -> None:
        return


def refusal(status: int, code: str | None, why: str) -> bytes:
    """An answer behind which nothing follows."""
    body = orjson.dumps(ApiError(status, INVALID, code, why).envelope())
    head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\nconnection: close\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


def target_of(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of what was asked for, which may be a whole URL. Raises httptools.HttpParserError."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""
