"""HTTP/1.1 as a client speaks it: one connection, one exchange at a time, parsed by httptools.

Sans pool and sans policy: a connection that could not be made is the pool's matter.
"""

import asyncio
import re
import select
from collections.abc import Callable
from typing import cast

from proxy.http1_exchange import Exchange
from proxy.probes import probe

# Shorter than any common server's own keep-alive (5 s and up): a submit that meets a connection
# just closed by the other side would be in doubt, and a paid job with it.
KEEPALIVE = 4.0
_MARGIN = 1.0  # seconds for the way there: what a server keeps for so long, it closes before our request comes
_TIMEOUT = re.compile(rb"\btimeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_LARGE = 1 << 16  # bytes of a body that are not copied behind its head


class Connection(asyncio.Protocol):
    """A connection. `idle`: told when it may be used again; it may be only where that was called."""

    def __init__(self, idle: Callable[["Connection"], None]) -> None:
        self._idle = idle
        self.loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._poll: select.poll | None = None
        self._large = False  # the request's body may still be on its way when its answer is there
        # What carries TLS, which itself holds nothing back.
        self.below: asyncio.WriteTransport | None = None
        self.since = 0.0  # loop time at which it fell idle
        self.idle = 0.0  # seconds that it was when its request was sent
        self.age = KEEPALIVE  # seconds that it may be

    def usable(self) -> bool:
        """Open, as far as one can know, and between two exchanges."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._exchange is None

    def quiet(self) -> bool:
        """Whether our kernel, too, knows of nothing that the server has sent, nor of its end. A system call."""
        if self._poll is None:
            assert self._transport is not None
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not self._poll.poll(0)

    def start(self, head: bytes, body: bytes, read_timeout: float | None) -> "Exchange":
        """Send a request; the exchange is to be read to its end, or closed."""
        assert self._transport is not None
        self._large = len(body) >= _LARGE
        self._exchange = Exchange(self, read_timeout, len(body) if self._large else 0)
        self._transport.write(head if self._large else head + body)
        if self._large:
            self._transport.write(body)
        return self._exchange

    def unsent(self) -> int:
        """Bytes that have been written and that the operating system has not taken yet."""
        below = self.below or self._transport
        return 0 if below is None else below.get_write_buffer_size()

    def kept(self, said: bytes) -> None:
        """How long the server keeps it, by its Keep-Alive header."""
        if found := _TIMEOUT.search(said):
            self.age = min(KEEPALIVE, int(found[1]) - _MARGIN)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def ended(self, *, reusable: bool) -> None:
        """The exchange is over."""
        exchange, self._exchange = self._exchange, None
        # An early answer: what is left of the body would stand before the next request, or the server, which
        # has refused it, reads none of it and closes.
        early = self._large and (self.unsent() or (exchange is not None and exchange.status >= 400))
        if reusable and self.usable() and not early and self.age > 0:
            self.since = self.loop.time()
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
        probe(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self.close()  # nobody asked: what follows could be taken for the next answer
        else:
            self._exchange.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._exchange is not None:
            self._exchange.lost(exc)
