"""The client engines that could stand behind httpx's transport interface.

What is sent is a prepared request, as the proxy sends it: none of this measures httpx's own client.
"""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

CERTIFICATE = Path(__file__).parent.parent / "tests" / "certificates" / "localhost.pem"
AS_IT_IS = "BENCH_AS_IT_IS"  # in the environment: nothing of an engine's transport is bettered
_WAIT = {"connect": 5.0, "read": 60.0, "write": 60.0, "pool": 60.0}
_HEADERS = httpx.Headers({"content-type": "application/json", "authorization": "Bearer sk-bench"})
_WHOLE = b'{"model":"m","messages":[{"role":"user","content":"Hello, how are you?"}]}'


def _own(trusted: ssl.SSLContext | None) -> httpx.AsyncBaseTransport:
    from proxy.transport import Http1Transport

    return Http1Transport(verify=trusted)


def _httpx(trusted: ssl.SSLContext | None) -> httpx.AsyncBaseTransport:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncHTTPTransport(verify=trusted or True, limits=limits)


def _aiohttp(trusted: ssl.SSLContext | None) -> httpx.AsyncBaseTransport:
    from httpx_aiohttp import AiohttpTransport

    limits = httpx.Limits(max_connections=0, max_keepalive_connections=None)
    return AiohttpTransport(verify=trusted or True, limits=limits)


def _pyreqwest(trusted: ssl.SSLContext | None) -> httpx.AsyncBaseTransport:
    from pyreqwest.client import ClientBuilder
    from pyreqwest.compatibility.httpx import HttpxTransport
    from pyreqwest.compatibility.httpx.transport import ResponseStream

    class Pieces(ResponseStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while (piece := await self._body_reader.read_chunk()) is not None:
                yield bytes(piece)

    class AsItComes(HttpxTransport):
        """By itself it hands a stream out at its end, or each 64 KiB."""

        def _map_body(self, builder: Any, request: httpx.Request) -> Any:
            return super()._map_body(builder, request).streamed_read_buffer_limit(0)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            answer.stream.__class__ = Pieces
            return answer

    builder = ClientBuilder().http1_only()
    if trusted:
        # its rustls takes no certificate that is its own authority, as the tests' one is
        builder = builder.danger_accept_invalid_certs(True)
    made = HttpxTransport if os.environ.get(AS_IT_IS) else AsItComes
    return made(builder.build())


ENGINES: dict[str, Callable[[ssl.SSLContext | None], httpx.AsyncBaseTransport]] = {
    "own": _own,
    "httpx": _httpx,
    "httpx-aiohttp": _aiohttp,
    "pyreqwest": _pyreqwest,
}


class Engine:
    """A transport, and requests in the form that suits it."""

    def __init__(self, name: str, port: int, *, tls: bool = False) -> None:
        self.name = name
        trusted = ssl.create_default_context(cafile=str(CERTIFICATE)) if tls else None
        self.transport = ENGINES[name](trusted)
        self.base = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}"
        self.url = httpx.URL(f"{self.base}/v1/chat/completions")

    async def send(
        self, body: bytes, url: httpx.URL | None = None, **timeout: float
    ) -> httpx.Response:
        """The answer, its body unread. `timeout`: connect, read."""
        request = self.request(body, url or self.url)
        request.extensions["timeout"] = {**_WAIT, **timeout}
        return await self.transport.handle_async_request(request)

    def request(self, body: bytes, url: httpx.URL) -> httpx.Request:
        if self.name == "pyreqwest":  # takes a body in one piece from nowhere else
            return httpx.Request("POST", url, headers=_HEADERS, content=body)
        if self.name == "own":
            from proxy.transport import Body

            return httpx.Request("POST", url, headers=_HEADERS, stream=Body(body))
        headers = httpx.Headers([*_HEADERS.raw, (b"host", url.netloc)])
        headers["content-length"] = str(len(body))
        return httpx.Request("POST", url, headers=headers, stream=httpx.ByteStream(body))

    async def whole(self) -> None:
        answer = await self.send(_WHOLE)
        assert answer.status_code == 200
        size = 0
        async for piece in answer.stream:  # type: ignore[union-attr]
            size += len(piece)
        await answer.aclose()
        assert size > 100, size

    async def stream(self, chunks: int, pace: int) -> httpx.Response:
        """An open stream of so many chunks, so many ms apart."""
        said = b',"stream":true,"max_tokens":%d,"seed":%d}' % (chunks, pace)
        return await self.send(_WHOLE[:-1] + said)

    async def seen(self) -> dict[str, int]:
        """What the gateway has seen of connections, asked by a connection that counts itself."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.port or 0))
        writer.write(b"GET /bench/seen HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        told = json.loads(await reader.readuntil(b"}"))
        writer.close()
        return told
