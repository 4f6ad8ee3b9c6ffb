"""httpx's transport interface, driven by aiohttp.

httpx's own transport costs ten times the processor time of aiohttp's parser and connector. The
mapping of exceptions is what money depends on: only a connection that was never made is a
`ConnectError` or `ConnectTimeout`; everything later may have reached the gateway.
"""

import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult

# Shorter than any common server's own keep-alive (5 s and up): a submit that meets a connection
# just closed by the other side would be in doubt, and a paid job with it.
KEEPALIVE = 4.0
# One read of the socket: what has arrived travels on at once.
_CHUNK = 1 << 16


class Body(httpx.ByteStream):
    """A request's body in one piece, which the transport hands on as it is."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class NotPublic(httpx.ConnectError):
    """The address is not one that the proxy fetches from: private, loopback, link-local and the like."""


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, at connect time: a name cannot change its mind in between."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(is_public(one["host"]) for one in found):
            raise NotPublic(f"{host} is not a public address")
        return found

    async def close(self) -> None:
        await self._inner.close()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, looking through IPv6's ways to write IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One pool of connections. `public_only`: refuses every address that is not on the open internet."""

    def __init__(self, *, public_only: bool = False) -> None:
        self._public_only = public_only
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        session = self._session or self._open()
        timeout = request.extensions.get("timeout", {})
        if self._public_only:
            _refuse_private_literal(request.url.host)
        with mapped_errors():
            answer = await session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=_body(request),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=timeout.get("connect"),  # the name's resolution with it
                    sock_connect=timeout.get("connect"),
                    sock_read=timeout.get("read"),
                ),
            )
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Stream(answer), request=request
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        # A proxy would resolve names itself, past the check of `PublicResolver`.
        proxied = not self._public_only and any(map(os.environ.get, _PROXY_VARIABLES))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEPALIVE,
                resolver=PublicResolver() if self._public_only else None,
                use_dns_cache=not self._public_only,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=proxied,  # looked up per request: only where there is something to find
            read_bufsize=1 << 18,
        )
        return self._session


class _Stream(httpx.AsyncByteStream):
    """The body as it arrives; closed before its end it takes the connection with it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with mapped_errors():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


@contextmanager
def mapped_errors() -> Iterator[None]:
    """aiohttp's exceptions as httpx's; the order matters, since aiohttp's overlap."""
    try:
        yield
    except httpx.HTTPError:
        raise
    except aiohttp.ConnectionTimeoutError as exc:
        raise httpx.ConnectTimeout(str(exc)) from exc
    except (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError) as exc:
        if isinstance(exc.os_error.__context__ or exc.__cause__, NotPublic):
            raise NotPublic(str(exc)) from exc
        raise httpx.ConnectError(str(exc)) from exc
    except aiohttp.InvalidURL as exc:
        raise httpx.ConnectError(f"not a URL that can be fetched: {exc}") from exc
    except TimeoutError as exc:
        raise httpx.ReadTimeout(str(exc)) from exc
    except aiohttp.ClientPayloadError as exc:
        raise httpx.RemoteProtocolError(str(exc).partition(":")[0]) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise httpx.ReadError(str(exc) or type(exc).__name__) from exc


_PROXY_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
)


def _refuse_private_literal(host: str) -> None:
    # aiohttp asks no resolver for a literal address; odd notations ("127.1") are names to it.
    try:
        public = is_public(host.strip("[]"))
    except ValueError:
        return
    if not public:
        raise NotPublic(f"{host} is not a public address")


def _body(request: httpx.Request) -> Any:
    if isinstance(request.stream, Body):
        return request.stream.data
    try:
        return request.content or None
    except httpx.RequestNotRead:
        return request.stream
