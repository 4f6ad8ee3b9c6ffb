"""How a client's connection ends, so that its answers arrive."""

import asyncio
from collections import deque
from typing import Any, Final

from starlette.types import Scope

from proxy.http1_parts import Deaf, refusal
from proxy.turn import Turn

# Bytes that are read at most of what nobody answers:
BODY: Final = 1 << 28  # the rest of a body
SCRAPS: Final = 1 << 20  # what is no request at all


class Ends:
    """A connection, as far as it ends. `deaf`: no further request of it is taken."""

    transport: asyncio.Transport
    turn: Turn | None
    waiting: deque[tuple[Turn, Scope]]
    paused: bool
    deaf: bool
    _parser: Any
    _barren: int

    def refuse(self, status: int, code: str | None, why: str) -> None:
        """What has come, or has not, is no request: those before it are answered, or else it is, and that's it."""
        if self.waiting and self.waiting[-1][0].more:
            self.waiting.pop()
        last = self.waiting[-1][0] if self.waiting else self.turn
        if self.deaf or (last is not None and last.more and last.started):
            self.transport.abort()
        elif last is None or last.more:
            self.say(status, code, why)
        else:
            last.keep_alive = False
            self.ignore(SCRAPS)

    def say(self, status: int, code: str | None, why: str) -> None:
        """An answer past the application, and the end."""
        turn, self.turn = self.turn, None
        self.transport.write(refusal(status, code, why))
        self.end(SCRAPS if turn is None else BODY)
        if turn is not None:  # whoever waits for more of it need not wait for the connection's end
            turn.lost()

    def end(self, unread: int = 0) -> None:
        """Close, once so much has been read that the client may still be sending: closed upon that, our kernel
        sends a reset, for which the client's throws away the answer that has come (RFC 9112, 9.6).
        """
        transport = self.transport
        if transport.is_closing():
            return
        if not (unread and transport.can_write_eof()):
            transport.close()
            return
        transport.write_eof()
        self.ignore(unread)
        if self.paused:
            self.paused = False
            transport.resume_reading()

    def ignore(self, size: int) -> None:
        """Read on and throw it away, until `proxy.patience`, or so many bytes, are at an end."""
        self._parser, self.deaf, self._barren = Deaf(), True, -size
