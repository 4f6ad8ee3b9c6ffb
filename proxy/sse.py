"""Server-sent events to a client: sent as they come, kept alive, and ended when the client goes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proxy.edge import ClientGone, tell
from proxy.health import Attempt
from proxy.pouring import Source
from proxy.service import Handled
from proxy.turn import Turn, turn_of
from translators.framing import encode

T = TypeVar("T")

_COMMENT = b": keep-alive\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back otherwise
]


class EventStream(Response):
    """Writes events until there are no more. An exception there becomes one error event, and the end.
    `first`: what `begun` gave; `close`: run whatever happens."""

    def __init__(
        self,
        events: Source,
        *,
        first: "Begun" = b"",
        close: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = list(_HEADERS)
        self._events = events
        self._first = first
        self._close = close
        self.attempt: Attempt | None = None  # at a target; it is told how the events end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        turn = turn_of(scope)
        body = asyncio.current_task(turn.line.loop)
        assert body is not None
        exchange = scope["anygate"]
        exchange.streamed = True
        writer = Writer(turn, send, exchange)
        try:
            if not turn.watched_by(body):
                raise ClientGone
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._write(writer, exchange)
            await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            if turn.gone:
                body.uncancel()
                raise ClientGone from None
            raise
        finally:
            turn.watched_by(None)
            writer.stop()
            await self._end()

    async def _write(self, writer: "Writer", exchange: Handled) -> None:
        failure: Exception | None = None
        try:
            first = self._first
            if first is None or (isinstance(first, asyncio.Task) and not first.done()):
                writer.comment()
            if isinstance(first, asyncio.Task):
                first = await first
            if first:
                if self.attempt is not None:
                    self.attempt.answers()
                await writer.say(first)
            while not await self._events.pour(writer.put):
                await writer.flush()
        except Exception as exc:
            failure = exc
        if self.attempt is not None:
            self.attempt.ended(failure)
        if failure is not None:
            await writer.say(encode(orjson.dumps(tell(failure, exchange).envelope())))
        await writer.flush()

    async def _end(self) -> None:
        if self.attempt is not None:
            self.attempt.left()
        if isinstance(self._first, asyncio.Task) and not self._first.done():
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        if self._close is not None:
            await self._close()


class Writer:
    """Writes events to a client, and a comment into silences.

    Straight to the connection, in a call that does not wait; where something is settled at the answer's end, by
    way of whoever does that."""

    def __init__(self, turn: Turn, send: Send, exchange: Handled) -> None:
        self._turn = turn
        self._send = send
        self._kept: list[bytes] | None = [] if exchange.settles else None
        self._every = exchange.service.keep_alive
        self._clock = turn.line.loop.time
        self._last = self._clock()
        self._timer = turn.line.loop.call_later(self._every, self._tick)

    def put(self, events: bytes) -> bool:
        """Write whole events; false: `flush` before the next."""
        self._last = self._clock()
        if self._kept is not None:
            self._kept.append(events)
            return False
        if not self._turn.gone:
            self._turn.write(events)
        return self._turn.line.drained.is_set()

    async def flush(self) -> None:
        """Until what was put is on its way."""
        while self._kept:
            message = {"type": "http.response.body", "body": self._kept[0], "more_body": True}
            await self._send(message)
            del self._kept[0]  # only now: until then a comment would stand within it
        await self._turn.line.drained.wait()

    async def say(self, events: bytes) -> None:
        if events and not self.put(events):
            await self.flush()

    def comment(self) -> None:
        """Show the client that we are there. It stands between two events: only whole ones are written."""
        turn = self._turn
        between = turn.started and not (turn.complete or turn.gone or self._kept)
        if between and turn.line.drained.is_set():
            self._turn.write(_COMMENT)

    def stop(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        """The silence is looked at once in a while, not with every event."""
        silent = self._clock() - self._last
        if silent >= self._every:
            self.comment()
            self._last, silent = self._clock(), 0.0
        wait = max(self._every / 100, self._every - silent)
        self._timer = self._turn.line.loop.call_later(wait, self._tick)


# The first events; None where there were none in time; a task that still waits for them.
Begun = bytes | asyncio.Task[bytes | None] | None


async def begun(events: Source, wait: float) -> Begun:
    """The first events, waited for up to `wait` seconds: until they come, an error can still be a status.

    Raises what comes instead of them.
    """
    if (enough := events.enough) is None:
        return await _begun_aside(events, wait)
    timer = asyncio.get_running_loop().call_later(wait, enough)
    try:
        return await _first(events)
    finally:
        timer.cancel()


async def _begun_aside(events: Source, wait: float) -> asyncio.Task[bytes | None]:
    """In a task, which goes on where it was not done in time: the source would not bear to be interrupted."""
    task = asyncio.create_task(_first(events))
    try:
        done, _ = await asyncio.wait([task], timeout=wait)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    if done:
        task.result()
    return task


async def _first(events: Source) -> bytes | None:
    """None: it had enough before there were any."""
    out: list[bytes] = []

    def keep(piece: bytes) -> bool:
        out.append(piece)
        return False

    try:
        ended = await events.pour(keep)
    except Exception:
        if not out:  # else it is for who pours on
            raise
        ended = False
    return b"".join(out) if out or ended else None


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work unless the client goes away, which cancels it at once: raises ClientGone then."""
    turn = turn_of(request.scope)
    task = asyncio.current_task(turn.line.loop)  # without it, it is a system call
    assert task is not None
    if not turn.watched_by(task):
        work.close()
        raise ClientGone
    try:
        return await work
    except asyncio.CancelledError:
        if turn.gone:
            task.uncancel()  # it was ours: the task goes on to its end
            raise ClientGone from None
        raise
    finally:
        turn.watched_by(None)
