"""httpx's request and response with nothing done twice: what the transport takes and gives.

httpx parses a URL, copies and encodes headers, and keeps counts, for every message: a tenth of what a chat
request costs. These are its classes still, for whoever takes them as such.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx

from proxy.http1_exchange import Exchange, Headers

Place = tuple[str, str, int]  # scheme, host, port


class Body(httpx.ByteStream):
    """A request's body in one piece, which the transport hands on as it is."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class Prepared:
    """What all POSTs to one URL have in common. Raises LocalProtocolError for a line break in a header."""

    __slots__ = ("head", "headers", "place", "url")

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = httpx.URL(url)
        self.headers = httpx.Headers(headers)
        self.place = place_of(self.url)
        self.head = head_of("POST", self.url, self.headers.raw)


class Post(httpx.Request):
    """A prepared POST with its body. `head`: its first lines, without the length of that."""

    def __init__(self, prepared: Prepared, body: bytes) -> None:
        self.method = "POST"
        self.url = prepared.url
        self.headers = prepared.headers
        self.extensions: dict[str, Any] = {}
        self.stream = Body(body)
        self.place = prepared.place
        self.head = prepared.head


class Answer(httpx.Response):
    """The answer that an exchange gives, its headers parsed when somebody looks at them."""

    def __init__(self, exchange: Exchange, request: httpx.Request) -> None:
        self.status_code = exchange.status
        self.stream = exchange
        self._request = request
        self.extensions = {}
        self.history = []
        self.next_request = None
        self.default_encoding = "utf-8"
        self.is_closed = self.is_stream_consumed = False
        self._decoder: Any = None
        self._num_bytes_downloaded = 0

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override]
        assert isinstance(self.stream, Exchange)
        return httpx.Headers(self.stream.headers)

    async def aclose(self) -> None:
        self.is_closed = True
        assert isinstance(self.stream, Exchange)
        self.stream.close()


def place_of(url: httpx.URL) -> Place:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def head_of(method: str, url: httpx.URL, headers: Headers, target: bytes | None = None) -> bytes:
    """A request's first lines, without the length of its body; `target`: where it is not the path.

    Raises LocalProtocolError for what would make two requests of one.
    """
    lines = [method.encode("ascii") + b" " + (target or url.raw_path) + b" HTTP/1.1"]
    known = [(name.lower(), value) for name, value in headers]
    if b"host" not in dict(known):
        lines.append(b"host: " + url.netloc)
    left_out = (b"transfer-encoding", b"content-length")
    lines += [name + b": " + value for name, value in known if name not in left_out]
    made = b"\r\n".join(lines)
    if made.count(b"\n") != len(lines) - 1 or made.count(b"\r") != len(lines) - 1:
        raise httpx.LocalProtocolError("a line break in a request's line or header")
    return made + b"\r\n"
