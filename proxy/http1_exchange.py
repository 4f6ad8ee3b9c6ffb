"""One exchange of HTTP/1.1 as a client has it: the answer to a request, as it arrives.

What it may raise is httpx's: `ReadTimeout`, `ReadError`, `RemoteProtocolError`, each of which leaves open
whether the server has taken the request.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.http1_heads import Forgiving
from proxy.http1_parts import Line
from proxy.http1_sink import Pours

Headers = list[tuple[bytes, bytes]]

_HIGH = 1 << 18  # bytes of an answer that wait for their reader before the socket is left alone
_HEAD = 1 << 16  # bytes of headers that an honest server may send
_LOOKS = 4  # in the read timeout, while a large request goes out
_BODILESS, _SIZES = (204, 304), (b"content-length", b"transfer-encoding")


class Exchange(Pours, httpx.AsyncByteStream):
    """One request's answer as it arrives; closed before its end it takes the connection with it."""

    def __init__(self, connection: Line, read_timeout: float | None, unsent: int = 0) -> None:
        super().__init__()
        self._connection: Line | None = connection
        self._loop = connection.loop
        self._parser: HttpResponseParser | Forgiving | None = HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._begun = bytearray()  # what has come before the status was known
        self._paused = False
        self._keep = False
        self._surplus = False
        self._error: tuple[type[httpx.TransportError], str] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timeout = read_timeout
        self._unsent = unsent  # bytes of the request that had not gone out when last looked at
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        if read_timeout is not None:
            wait = read_timeout / _LOOKS if unsent else read_timeout
            self._timer = self._loop.call_later(wait, self._tick)
        self._sized = False  # something else than the connection's end says where the body ends
        self.headers: Headers = []  # names in lower case
        self.identity = True  # the body is not compressed
        self.status = 0
        self.complete = False

    @property
    def silent(self) -> bool:
        """Not a byte of an answer has come."""
        return not (self.status or self._begun)

    def more(self) -> asyncio.Future[None]:
        """Done as soon as something has come; raises where nothing will."""
        if self._error is not None:
            kind, said = self._error
            raise kind(said)
        self._waiter = self._loop.create_future()
        return self._waiter

    def at_once(self) -> bytes | None:
        """The rest of the body, where all of it is here already."""
        if not self.complete:
            return None
        chunks, self._chunks = self._chunks, deque()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """What arrives, as it arrives; raises where the answer is cut off or stalls."""
        while True:
            while self._chunks:
                yield self._taken()
            if self.complete:
                return
            await self.more()

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Break it off, unless it has ended: the server sees its request cancelled."""
        if self._connection is not None:
            self._release(reusable=False)

    def feed(self, data: bytes) -> None:
        self._last = self._loop.time()
        assert self._parser is not None, "a connection feeds no exchange that it has let go"
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as exc:
            if not self.status and isinstance(self._parser, HttpResponseParser):
                self._again(data)
                return
            if not self.complete:
                self._fail(httpx.RemoteProtocolError, f"not HTTP: {exc}")
                return
            self._surplus = True
        if not self.status:
            self._begun += data
            if len(self._begun) > _HEAD:
                self._fail(httpx.RemoteProtocolError, "the headers have no end")
        elif self.complete:
            self._release(reusable=self._keep and self._sized and not self._surplus)
        elif self._sink is not None and (not self._chunks or self._poured()):
            return
        elif self._held > _HIGH and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause(True)
        self._wake()

    def _again(self, data: bytes) -> None:
        """What has come and cannot be read, read by who forgives what a head may have."""
        begun, self._begun = bytes(self._begun), bytearray()
        self.headers, self._sized, self.identity = [], False, True
        self._parser = Forgiving(self)
        self.feed(begun + data)

    def lost(self, exc: Exception | None) -> None:
        """The connection is gone: the end of an answer without a length, and a cut otherwise."""
        if self.status and exc is None and not self._sized:
            self.complete = True
            self._release(reusable=False)
            self._wake()
        else:
            self._fail(httpx.ReadError, str(exc) if exc else "Server disconnected")

    # httptools calls these.

    def on_message_begin(self) -> None:
        # Behind the end of our answer: whatever it is, it must not be taken for the next one's.
        self._surplus = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete or self.status:
            return  # a trailer, or what nobody asked for
        name = name.lower()
        self.headers.append((name, value))
        if name in _SIZES:
            if value.lower() == b"identity":
                raise ValueError("a coding that is none")  # for who forgives it
            self._sized = True
        elif name == b"content-encoding":
            self.identity = value.lower() in (b"", b"identity")
        elif name == b"keep-alive" and self._connection is not None:
            self._connection.kept(value)

    def on_headers_complete(self) -> None:
        if self.complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []  # an interim answer: the real one follows
            self._sized, self.identity = False, True
        else:
            self.status = status
            self._sized = self._sized or status in _BODILESS

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

    def _fail(self, kind: type[httpx.TransportError], said: str) -> None:
        """Not an error that is kept: its traceback would hold what has raised it, and this, and the request."""
        if not self.complete and self._error is None:
            self._error = kind, said
            self._release(reusable=False)
            self._wake()

    def _taken(self) -> bytes:
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._paused and self._held < _HIGH // 2 and self._connection is not None:
            self._paused = False
            self._last = self._loop.time()
            self._connection.pause(False)
        return chunk

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _tick(self) -> None:
        """The read timeout, looked at once in a while instead of with every piece."""
        assert self._timeout is not None
        now = self._loop.time()
        if self._unsent and self._connection is not None:
            unsent = self._connection.unsent()
            if unsent < self._unsent:  # the server takes our request: that is no silence
                self._unsent, self._last = unsent, now
        silent = now - self._last
        if silent < self._timeout or self._paused:  # a slow reader is not the server's fault
            wait = self._timeout if self._paused else self._timeout - silent
            wait = min(wait, self._timeout / _LOOKS) if self._unsent else wait
            self._timer = self._loop.call_later(wait, self._tick)
        else:
            self._fail(httpx.ReadTimeout, "no answer in time")
