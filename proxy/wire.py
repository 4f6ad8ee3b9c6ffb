"""Bodies on the wire: what is sent as a form, what is read of an answer, and how it can fail."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import orjson

from proxy.accounts import Origin, origin_of
from proxy.errors import Lost, Unreachable
from translators.core import Source

AGENT = "anygate"  # as whom we ask
MAX_ANSWER = 128 << 20  # bytes of a whole answer, decoded: some twenty base64 images


async def read_whole(answer: httpx.Response, limit: int = MAX_ANSWER) -> bytes:
    """The decoded body of an answer; raises Lost where it is cut off or larger than `limit` bytes."""
    chunks: list[bytes] = []
    length = 0
    try:
        async for chunk in body_of(answer):
            length += len(chunk)
            if length > limit:
                raise Lost(f"an answer of more than {limit} bytes")
            chunks.append(chunk)
    except httpx.HTTPError as exc:
        raise lost(exc, "the gateway") from exc
    return b"".join(chunks)


def body_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The body's bytes as they come, decoded where the server compressed them unasked."""
    encoded = answer.headers.get("content-encoding", "identity") != "identity"
    if encoded or not isinstance(answer.stream, httpx.AsyncByteStream):
        return answer.aiter_bytes()
    return aiter(answer.stream)  # httpx's own iterators keep counts that nobody asks for


def lost(exc: httpx.HTTPError, who: str) -> Lost:
    if isinstance(exc, httpx.TimeoutException):
        return Lost(f"{who} took too long to answer", timed_out=True)
    return Lost(f"{who} cut the connection off: {exc}")


async def multipart(url: str, body: Mapping[str, Any], auth: Mapping[str, str]) -> httpx.Request:
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
    await request.aread()
    return request


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def checked_origin(url: str) -> Origin:
    try:
        origin = origin_of(url)
    except ValueError as exc:
        raise Unreachable("the file's address cannot be read") from exc
    if origin[0] not in ("http", "https") or not origin[1]:
        raise Unreachable("the file's address is not an http(s) URL")
    return origin
