"""What stands beside the connections of server and client: their parsers' and exchanges' view of them."""

import asyncio
from typing import Protocol

import httptools


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
    """What a parser tells of a message whose head is known."""

    def __init__(self, reader: _Reader) -> None:
        self.on_body = reader.on_body
        self.on_message_complete = reader.on_message_complete


def target_of(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of what was asked for, which may be a whole URL. Raises httptools.HttpParserError."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""
