"""HTTP/1.1 as a client speaks it: one connection, one exchange at a time, parsed by httptools.

Sans pool and sans policy. What an exchange may raise is httpx's: `ReadTimeout`, `ReadError`,
`RemoteProtocolError` and `WriteError`, each of which leaves open whether the server has taken the
request; a connection that could not be made is the pool's matter.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

Headers = list[tuple[bytes, bytes]]

_HIGH = 1 << 18  # bytes of an answer that wait for their reader before the socket is left alone
_HEAD = 1 << 16  # bytes of headers that an honest server may send
_BODILESS = (204, 304)


class Connection(asyncio.Protocol):
    """A connection. `idle`: told when it may be used again; it may be only where that was called."""

    def __init__(self, idle: Callable[["Connection"], None]) -> None:
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self.since = 0.0  # loop time at which it fell idle

    @property
    def usable(self) -> bool:
        """Open, as far as one can know, and between two exchanges."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._exchange is None

    def start(self, head: bytes, body: bytes, read_timeout: float | None) -> "Exchange":
        """Send a request; the exchange is to be read to its end, or closed."""
        assert self._transport is not None
        self._exchange = Exchange(self, read_timeout)
        self._transport.write(head + body if len(body) < _HEAD else head)
        if len(body) >= _HEAD:
            self._transport.write(body)
        return self._exchange

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def ended(self, *, reusable: bool) -> None:
        """The exchange is over."""
        self._exchange = None
        if reusable and self.usable:
            self.since = self._loop.time()
            self._idle(self)
        else:
            self.close()

    def pause(self, paused: bool) -> None:
        """Leave what else the server sends in the socket, or take it up again."""
        if self._transport is not None and not self._transport.is_closing():
            if paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self.close()  # nobody asked: what follows could be taken for the next answer
        else:
            self._exchange.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._exchange is not None:
            self._exchange.lost(exc)


class Exchange:
    """One request's answer as it arrives."""

    def __init__(self, connection: Connection, read_timeout: float | None) -> None:
        self._connection: Connection | None = connection
        self._loop = asyncio.get_running_loop()
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._head_size = 0
        self._paused = False
        self._keep = False
        self._surplus = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timeout = read_timeout
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        if read_timeout is not None:
            self._timer = self._loop.call_later(read_timeout, self._tick)
        self.headers: Headers = []
        self.status = 0
        self.complete = False

    async def head(self) -> None:
        """Until status and headers are there."""
        while not self.status:
            await self._more()

    async def body(self) -> AsyncIterator[bytes]:
        """What arrives, as it arrives; raises where the answer is cut off or stalls."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._held -= len(chunk)
                if self._paused and self._held < _HIGH // 2 and self._connection is not None:
                    self._paused = False
                    self._last = self._loop.time()
                    self._connection.pause(False)
                yield chunk
            if self.complete:
                return
            await self._more()

    def close(self) -> None:
        """Break it off, unless it has ended: the server sees its request cancelled."""
        if self._connection is not None:
            self._release(reusable=False)

    def feed(self, data: bytes) -> None:
        self._last = self._loop.time()
        if not self.status:
            self._head_size += len(data)
        assert self._parser is not None, "a connection feeds no exchange that it has let go"
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as exc:
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {exc}"))
            return
        if not self.status and self._head_size > _HEAD:
            self._fail(httpx.RemoteProtocolError("the headers have no end"))
        elif self.complete:
            closing = _until_close(self.status, self.headers)
            self._release(reusable=self._keep and not closing and not self._surplus)
        elif self._held > _HIGH and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause(True)
        self._wake()

    def lost(self, exc: Exception | None) -> None:
        """The connection is gone: the end of an answer without a length, and a cut otherwise."""
        if self.status and exc is None and _until_close(self.status, self.headers):
            self.complete = True
            self._release(reusable=False)
            self._wake()
        else:
            self._fail(httpx.ReadError(str(exc) if exc else "Server disconnected"))

    # httptools calls these.

    def on_message_begin(self) -> None:
        # Behind the end of our answer: whatever it is, it must not be taken for the next one's.
        self._surplus = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []  # an interim answer: the real one follows
        else:
            self.status = status

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self._chunks.append(data)
            self._held += len(data)

    def on_message_complete(self) -> None:
        if self.status and not self.complete and self._parser is not None:
            self.complete = True
            self._keep = self._parser.should_keep_alive()

    def _release(self, *, reusable: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Both hold this exchange: kept, each request would leave a cycle to the garbage collector.
        self._timer = self._parser = None
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._paused:
                connection.pause(False)
            connection.ended(reusable=reusable)

    def _fail(self, error: Exception) -> None:
        if not self.complete and self._error is None:
            self._error = error
            self._release(reusable=False)
            self._wake()

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._error is not None and not self._chunks:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _tick(self) -> None:
        """The read timeout, looked at once in a while instead of with every piece."""
        assert self._timeout is not None
        silent = self._loop.time() - self._last
        if silent < self._timeout or self._paused:  # a slow reader is not the server's fault
            wait = self._timeout if self._paused else self._timeout - silent
            self._timer = self._loop.call_later(wait, self._tick)
        else:
            self._fail(httpx.ReadTimeout("no answer in time"))


def _until_close(status: int, headers: Headers) -> bool:
    """Whether only the end of the connection ends the body."""
    if status in _BODILESS:
        return False
    names: dict[bytes, Any] = {name.lower(): value for name, value in headers}
    return b"content-length" not in names and b"transfer-encoding" not in names
