"""Bodies on the wire: what is sent as a form, what is read of an answer, and how it can fail."""

import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from email.utils import formatdate
from functools import cached_property
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import orjson

from proxy.accounts import Origin
from proxy.config.values import PORTS
from proxy.errors import Lost, Unreachable
from proxy.http1_exchange import Exchange
from proxy.pouring import Each
from proxy.unpacking import COMPRESSED, Unpacker
from translators.core import Source

AGENT = "anygate"  # as whom we ask
MAX_ANSWER = 128 << 20  # bytes of a whole answer, decoded: some twenty base64 images
_BOM: Final = b"\xef\xbb\xbf"  # which .NET, and PHP files saved with one, put before their JSON


async def read_whole(answer: httpx.Response, limit: int = MAX_ANSWER) -> bytes:
    """The decoded body of an answer, without the mark that may stand before a text (RFC 8259, 8.1: a parser may
    ignore it). Raises Lost where it is cut off or larger than `limit` bytes.
    """
    raw = at_once(answer, limit)
    return await _gathered(answer, limit) if raw is None else raw


def at_once(answer: httpx.Response, limit: int = MAX_ANSWER) -> bytes | None:
    """The same of an answer that is all here: its connection has gone back, so that nothing is left to close.
    None of any other."""
    stream = answer.stream
    raw = stream.at_once() if isinstance(stream, Exchange) and stream.identity else None
    if raw is None:
        return None
    if len(raw) > limit:
        raise _too_long(limit)
    return raw.removeprefix(_BOM)


async def read_out(answer: httpx.Response) -> bytes:
    """The whole of an answer, which is closed then."""
    try:
        return await read_whole(answer)
    finally:
        await answer.aclose()


async def _gathered(answer: httpx.Response, limit: int) -> bytes:
    """The same of one that is still coming."""
    chunks: list[bytes] = []
    length = 0
    try:
        async for chunk in body_of(answer):
            length += len(chunk)
            if length > limit:
                raise _too_long(limit)
            chunks.append(chunk)
    except httpx.HTTPError as exc:
        raise lost(exc, "the gateway") from exc
    return b"".join(chunks).removeprefix(_BOM)


def _too_long(limit: int) -> Lost:
    return Lost(f"an answer of more than {limit} bytes")


def body_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The body's bytes as they come, decompressed where the server compressed them unasked.

    In pieces of 1 MiB at most then, however small what they come from; raises httpx.DecodingError where
    they cannot be had.
    """
    if isinstance(answer.stream, Exchange) and answer.stream.identity:
        return aiter(answer.stream)
    if not isinstance(answer.stream, httpx.AsyncByteStream):
        return answer.aiter_bytes()  # it has been read
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    # httpx's own iterators keep counts that nobody asks for, and decode without a bound.
    stream = aiter(answer.stream)
    return stream if encoding == "identity" else _decoded(stream, encoding)


def poured(answer: httpx.Response) -> Exchange | Each:
    """`body_of` for who takes its pieces as they come."""
    stream = answer.stream
    plain = isinstance(stream, Exchange) and stream.identity
    return stream if isinstance(stream, Exchange) and plain else Each(body_of(answer))


def plain_headers(answer: httpx.Response) -> Mapping[str, str]:
    """An answer's headers by their names in lower case, of which the last counts; httpx's own cost more."""
    stream = answer.stream
    return _Headers(stream) if isinstance(stream, Exchange) else answer.headers


class _Headers(Mapping[str, str]):
    """Read when somebody looks at them: of most answers nobody does.

    A `date` that is missing is now (RFC 9110, 6.6.1): what counts from it is read by who knows no clock.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._raw = exchange.headers

    @cached_property
    def _read(self) -> dict[str, str]:
        read = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._raw}
        return read if "date" in read else {**read, "date": formatdate(usegmt=True)}

    def __getitem__(self, name: str) -> str:
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


async def _decoded(stream: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    if encoding not in COMPRESSED:
        raise httpx.DecodingError("it is compressed in a way that nobody asked for")
    unpacker = Unpacker(encoding)
    try:
        async for chunk in stream:
            for piece in unpacker.pieces(chunk):
                yield piece
    except zlib.error as exc:
        raise httpx.DecodingError("its compression is broken") from exc
    if not unpacker.whole:
        raise httpx.DecodingError("its compression ends too early")


def lost(exc: httpx.HTTPError, who: str) -> Lost:
    if isinstance(exc, httpx.TimeoutException):
        return Lost(f"{who} took too long to answer", timed_out=True)
    if isinstance(exc, httpx.DecodingError):
        return Lost(f"{who} sent a body that cannot be read: {exc}")
    return Lost(f"{who} cut the connection off: {exc}")


def multipart(url: str, body: Mapping[str, Any], auth: Mapping[str, str]) -> httpx.Request:
    files: list[tuple[str, Any]] = []
    for name, value in body.items():
        many = value if isinstance(value, list) else [value]
        for one in many:
            label = f"{name}[]" if isinstance(value, list) else name
            if isinstance(one, Source):
                extension = one.mime.rpartition("/")[2].split("+")[0]
                files.append((label, (f"{name}.{extension}", one.data or b"", one.mime)))
            elif one is not None:
                files.append((label, (None, _form_text(one))))
    headers = {"user-agent": AGENT, "accept-encoding": "identity", **auth}
    request = httpx.Request("POST", url, files=files, headers=headers)
    request.read()
    return request


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def place_of(url: str) -> tuple[httpx.URL, Origin]:
    """A URL of somebody else's, and where it leads: read by the parser that the request is sent by, since
    two of them may see two hosts in one text. Raises Unreachable.
    """
    try:
        read = httpx.URL(url)
        host = read.host.lower()  # which may be no name in IDNA
    except (httpx.InvalidURL, ValueError) as exc:
        raise Unreachable("the file's address cannot be read") from exc
    port = PORTS.get(read.scheme, 0) if read.port is None else read.port
    if read.scheme not in PORTS or not host or not 0 < port < 1 << 16:
        raise Unreachable("the file's address is not an http(s) URL")
    return read, (read.scheme, host, port)


def joined(url: str, target: str) -> str:
    """Where a redirect leads; raises Unreachable."""
    try:
        return urljoin(url, target)
    except ValueError as exc:
        raise Unreachable("the file's server redirects to what is no address") from exc
