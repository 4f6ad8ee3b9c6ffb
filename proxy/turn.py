"""One request of a client and its answer, as an application sees them: ASGI's receive and send.

uvicorn's own costs about twice as much: it writes an answer's head and body apart, and tells that the client
has gone only to whoever waits for it in a task. Here a task can be named that is cancelled then.
"""

import asyncio
import logging
import traceback
from http import HTTPStatus
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Message, Scope

log = logging.getLogger("anygate.errors")

_STATUS: Final = {
    one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus
}
_BODILESS: Final = frozenset({204, 304})
_END: Final = b"0\r\n\r\n"
_GONE: Final[Message] = {"type": "http.disconnect"}
_WHOLE: Final = 1 << 16  # bytes: a larger body is not copied behind its head


class Line(Protocol):
    """The connection, as its turns need it."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    drained: asyncio.Event

    def default_headers(self) -> list[bytes]: ...

    def wants_more(self) -> None: ...

    def answered(self) -> None: ...

    def left(self, turn: "Turn") -> None: ...


class Turn:
    """`more`: of its body is to come; `gone`: its client has left, or was sent away."""

    __slots__ = (
        "_chunked",
        "_chunks",
        "_head",
        "_head_only",
        "_left",
        "_unsized",
        "_waiter",
        "_worker",
        "body",
        "complete",
        "expects",
        "fresh",
        "gone",
        "keep_alive",
        "line",
        "more",
        "started",
        "task",
    )

    def __init__(
        self, line: Line, method: bytes, *, version: str, keep_alive: bool, expects: bool
    ) -> None:
        self.line = line
        self._head_only = method == b"HEAD"
        self._chunks = version == "1.1"  # HTTP/1.0 knows none: the connection's end is the body's
        self.keep_alive = keep_alive and self._chunks
        self.expects = expects and self._chunks  # the client waits for "100 Continue"
        self.body: bytes | bytearray = b""
        self.more = True
        self.fresh = False  # there is something of the body, or its end, to be received
        self.started = self.complete = self.gone = False
        self.task: asyncio.Task[None] | None = None
        self._head = b""
        self._chunked = self._unsized = False
        self._left = 0
        self._waiter: asyncio.Future[None] | None = None
        self._worker: asyncio.Task[Any] | None = None

    def watched_by(self, worker: "asyncio.Task[Any] | None") -> bool:
        """From now on cancel this task when the client goes; None: no longer. Whether it is still there."""
        self._worker = worker
        return not self.gone

    def feed(self, data: bytes) -> int:
        """A piece of the body has come; the bytes that wait for the application."""
        if self.body:
            if not isinstance(self.body, bytearray):
                self.body = bytearray(self.body)
            self.body += data
        else:
            self.body = data
        self.fresh = True
        self._wake()
        return len(self.body)

    def fed(self) -> None:
        """The body is complete."""
        self.more = False
        self.fresh = True
        self._wake()

    def lost(self) -> None:
        """Nobody is there to answer."""
        if self.gone:
            return
        self.gone = True
        self._wake()
        if self._worker is not None:
            self._worker.cancel()

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Have an application answer."""
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.gone = True
            raise
        except BaseException as exc:  # what it says may hold a key
            trace = "".join(traceback.format_tb(exc.__traceback__))
            log.error("an answer broke off with %s:\n%s", type(exc).__name__, trace)
        else:
            if not self.complete and not self.gone:
                log.error("an answer was not given, or not to its end")
        finally:
            self.line.left(self)

    async def receive(self) -> Message:
        if self.expects and not (self.started or self.gone):
            self.expects = False
            self.line.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            if self.gone or self.complete:
                return _GONE
            if self.fresh:
                body, self.body = self.body, b""
                self.fresh = False
                self.line.wants_more()
                return {"type": "http.request", "body": bytes(body), "more_body": self.more}
            self._waiter = self.line.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def send(self, message: Message) -> None:
        """As ASGI has it: the head goes out with the first of the body."""
        drained = self.line.drained
        if not drained.is_set():
            await drained.wait()
        if self.gone:
            return
        kind = message["type"]
        if kind == "http.response.body" and self.started and not self.complete:
            self._body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start" and not self.started:
            self._begin(message["status"], message.get("headers", ()))
        else:
            raise RuntimeError(f"{kind} out of its turn")

    def write(self, body: bytes) -> None:
        """A part of a body of unknown length, for whoever looks after `drained` and `gone` himself."""
        head, self._head = self._head, b""
        if self._chunked:
            self.line.transport.write(b"%s%x\r\n%s\r\n" % (head, len(body), body))
        else:
            self.line.transport.write(head + body)

    def _begin(self, status: int, headers: Any) -> None:
        if self.expects:  # it may or may not send its body now: what comes next would be in doubt
            self.keep_alive = False
        lines = [_STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status]
        lines += self.line.default_headers()
        length: int | None = None
        for name, value in headers:
            name = name.lower()
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                continue  # that is our own affair
            elif name == b"connection" and b"close" in value.lower():
                self.keep_alive = False
                continue
            lines.append(b"%s: %s\r\n" % (name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        bodiless = status in _BODILESS or self._head_only
        self._unsized = length is None and not bodiless
        self._chunked = self._unsized and self._chunks
        self._left = 0 if bodiless else length or 0
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if not head.count(b"\r") == head.count(b"\n") == len(lines) or b"\0" in head:
            raise RuntimeError("a line break in a header of an answer")
        self._head = head
        self.started = True

    def _body(self, body: bytes, more: bool) -> None:
        if self._chunked:
            if body:
                self.write(body)
            if not more:
                body, self._head = self._head + _END, b""
                self.line.transport.write(body)
            elif self._head:
                self._flush(b"")
        else:
            if self._head_only:
                body = b""
            self._left -= 0 if self._unsized else len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("a body of another length than its Content-Length")
            self._flush(body)
        if not more:
            self.complete = True
            self.line.answered()

    def _flush(self, body: bytes) -> None:
        head, self._head = self._head, b""
        if len(body) < _WHOLE:
            body, head = head + body, b""
        for part in (head, body):
            if part:
                self.line.transport.write(part)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def turn_of(scope: Scope) -> Turn:
    """The turn that a request is, as its server sees it."""
    turn = scope["extensions"]["anygate"]
    assert isinstance(turn, Turn)
    return turn
