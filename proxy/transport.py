"""httpx's transport interface over `http1`: a pool of connections, proxies from the environment.

httpx's own transport costs several times as much a request. The mapping of failures is what money
depends on: only a connection that was never made, or had ended before anything was sent, is a
`ConnectError` or `ConnectTimeout`; everything later may have reached the gateway, and nothing is ever sent twice.
"""

import asyncio
import ssl
from collections import defaultdict, deque
from functools import partial
from urllib.parse import SplitResult
from urllib.request import getproxies
from weakref import WeakSet

import httpx

from proxy.addresses import NotPublic, addresses, is_public, public_addresses
from proxy.http1 import KEEPALIVE, Connection
from proxy.messages import Answer, Body, Place, Post, head_of, place_of
from proxy.racing import first_of
from proxy.tunnel import Tunnel, asking, credentials, proxy_to

__all__ = ["Http1Transport", "NotPublic", "is_public"]

_DOUBT = 0.5  # seconds; no server ends connections that are idle for less, unless it ends itself
_LEARNT = 600.0  # seconds that it is remembered when one has


class Http1Transport(httpx.AsyncBaseTransport):
    """One pool of connections. `public_only`: refuses every address that is not on the open internet."""

    def __init__(self, *, public_only: bool = False, verify: ssl.SSLContext | None = None) -> None:
        self._public_only = public_only
        self._verify = verify
        # A proxy would resolve names itself, past the check of addresses.
        self._proxies = {} if public_only else getproxies()
        self._idle: defaultdict[Place, deque[Connection]] = defaultdict(deque)
        self._purging: asyncio.TimerHandle | None = None
        # Seconds that connections may be idle, where one has died of less than what is usual.
        self._ages: dict[Place, float] = {}
        self._forgetting: asyncio.TimerHandle | None = None
        self._open: WeakSet[Connection] = WeakSet()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions.get("timeout", {})
        body = request.stream.data if isinstance(request.stream, Body) else await _read(request)
        proxy = None
        if isinstance(request, Post) and not self._proxies:
            place, head = request.place, request.head
        else:
            place = place_of(request.url)
            proxy = proxy_to(place, self._proxies) if self._proxies else None
            head = _head(request, proxy if place[0] == "http" else None)
        if body or request.method != "GET":
            head += b"content-length: %d\r\n" % len(body)
        connection = self._waiting(place, request.extensions.get("fresh", KEEPALIVE))
        if connection is None:
            connection = await self._connected(place, proxy, timeout.get("connect"))
        request.extensions["sent"] = True  # from here on it may have been taken
        exchange = connection.start(head + b"\r\n", body, timeout.get("read"))
        try:
            while not exchange.status:
                await exchange.more()
        except BaseException as exc:
            if isinstance(exc, httpx.ReadError) and exchange.silent and connection.idle > _DOUBT:
                self._shorten(place, connection.idle / 2)
            exchange.close()
            raise
        return Answer(exchange, request)

    async def aclose(self) -> None:
        for timer in (self._purging, self._forgetting):
            if timer is not None:
                timer.cancel()
        self._idle.clear()
        for connection in list(self._open):
            connection.close()
        await asyncio.sleep(0)  # their sockets are closed by the loop, which may end after this

    def _waiting(self, place: Place, fresh: float) -> Connection | None:
        """The connection that was used last, if it has not been idle for too long, or for `fresh` seconds."""
        connections = self._idle.get(place)
        while connections:
            connection = connections[-1]
            connection.idle = idle = connection.loop.time() - connection.since
            if connection.usable() and idle < connection.age:
                if idle >= fresh or (self._ages and idle >= self._ages.get(place, KEEPALIVE)):
                    return None  # it is left to whoever asks for less
                if fresh >= KEEPALIVE or connection.quiet():
                    return connections.pop()
            connections.pop().close()
        return None

    def _shorten(self, place: Place, age: float) -> None:
        """For a while no connection there is used that has been idle for longer."""
        if not self._ages:
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_later(_LEARNT, self._ages.clear)
        self._ages[place] = age

    async def _connected(
        self, place: Place, proxy: SplitResult | None, timeout: float | None
    ) -> Connection:
        try:
            async with asyncio.timeout(timeout):
                made = await self._connect(place, proxy)
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(f"no connection to {place[1]} in time") from exc
        except (OSError, ssl.SSLError, UnicodeError) as exc:
            raise httpx.ConnectError(f"{place[1]}: {exc}") from exc
        if not made.usable():
            raise httpx.ConnectError(f"{place[1]} closed the connection before anything was sent")
        return made

    async def _connect(self, place: Place, proxy: SplitResult | None) -> Connection:
        scheme, host, port = place
        if scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"{scheme} is not http(s)")
        tls = self._tls() if scheme == "https" else None
        if proxy is not None:
            return await self._through(proxy, place, tls)
        find = public_addresses if self._public_only else addresses
        found = await find(host, port)
        return await first_of(
            [partial(self._dial, self._made(place), one, port, tls, host) for one in found]
        )

    async def _dial(
        self, made: Connection, host: str, port: int, tls: ssl.SSLContext | None, name: str
    ) -> Connection:
        """Connect to an address; `name` is who must prove with a certificate to be there."""
        loop = asyncio.get_running_loop()
        if tls is None:
            await loop.create_connection(lambda: made, host, port)
            return made
        below, _ = await loop.create_connection(asyncio.Protocol, host, port)
        return await self._secured(made, below, tls, name)

    async def _secured(
        self, made: Connection, below: asyncio.Transport, tls: ssl.SSLContext, name: str
    ) -> Connection:
        """TLS over a connection that is there already."""
        try:
            loop = asyncio.get_running_loop()
            transport = await loop.start_tls(below, made, tls, server_hostname=name)
        except BaseException:  # in time, too: nobody else knows of it
            below.abort()
            raise
        assert transport is not None
        made.below = below
        made.connection_made(transport)
        return made

    def _made(self, place: Place) -> Connection:
        connection = Connection(lambda one: self._rest(place, one))
        self._open.add(connection)
        return connection

    async def _through(
        self, proxy: SplitResult, place: Place, tls: ssl.SSLContext | None
    ) -> Connection:
        """By way of a proxy: plain requests are sent to it whole, TLS goes through a tunnel."""
        host, port = proxy.hostname or "", proxy.port or (443 if proxy.scheme == "https" else 80)
        outer = self._tls() if proxy.scheme == "https" else None
        if tls is None:
            return await self._dial(self._made(place), host, port, outer, host)
        loop = asyncio.get_running_loop()
        raw, tunnel = await loop.create_connection(Tunnel, host, port, ssl=outer)
        raw.write(asking(proxy, place))
        try:
            if not (await tunnel.answer).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
                raise OSError(f"the proxy refused a tunnel to {place[1]}")
        except BaseException:  # in time, too: nobody else knows of it
            raw.abort()
            raise
        return await self._secured(self._made(place), raw, tls, place[1])

    def _rest(self, place: Place, connection: Connection) -> None:
        """A connection waits for its next request, for a while."""
        self._idle[place].append(connection)
        if self._purging is None:
            loop = asyncio.get_running_loop()
            self._purging = loop.call_later(KEEPALIVE, self._purge)

    def _purge(self) -> None:
        self._purging = None
        loop = asyncio.get_running_loop()
        for place, connections in list(self._idle.items()):
            while connections and loop.time() - connections[0].since >= KEEPALIVE:
                connections.popleft().close()
            if not connections:
                del self._idle[place]
        if self._idle:
            self._purging = loop.call_later(KEEPALIVE / 4, self._purge)

    def _tls(self) -> ssl.SSLContext:
        if self._verify is None:
            self._verify = httpx.create_ssl_context()
        return self._verify


def _head(request: httpx.Request, proxy: SplitResult | None) -> bytes:
    if proxy is None:
        return head_of(request.method, request.url, request.headers.raw)
    headers = [*request.headers.raw, *credentials(proxy)]
    target = str(request.url).encode("ascii")
    return head_of(request.method, request.url, headers, target)


async def _read(request: httpx.Request) -> bytes:
    return await request.aread()
