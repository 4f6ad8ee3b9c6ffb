"""Server-sent events to a client: sent as they come, kept alive, and ended when the client goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proxy.edge import ClientGone, tell
from proxy.exchange import Exchange
from proxy.health import Attempt
from proxy.turn import turn_of
from translators.framing import encode

T = TypeVar("T")

_COMMENT = b": keep-alive\n\n"
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would hold the events back otherwise
}


class EventStream(Response):
    """Writes events until `events` ends. An exception there becomes one error event, and the end.

    `first`: the first event where it has been waited for already; `close`: run whatever happens.
    """

    def __init__(
        self,
        events: AsyncIterator[bytes],
        *,
        first: asyncio.Task[bytes] | None = None,
        close: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._events = events
        self._first = first
        self._close = close
        self.attempt: Attempt | None = None  # at a target; it is told how the events end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        turn, body = turn_of(scope), asyncio.current_task()
        assert body is not None
        exchange = scope["anygate"]
        exchange.streamed = True
        try:
            if not turn.watched_by(body):
                await self._end()
                raise ClientGone
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._write(send, exchange)
            await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            if turn.gone:
                body.uncancel()
                raise ClientGone from None
            raise
        finally:
            turn.watched_by(None)

    async def _write(self, send: Send, exchange: Exchange) -> None:
        pulse = _Pulse(send, exchange.service.keep_alive)
        try:
            async for chunk in self._all(exchange):
                await pulse.write(chunk)
        finally:
            pulse.stop()
            await self._end()

    async def _all(self, exchange: Exchange) -> AsyncIterator[bytes]:
        failure: Exception | None = None
        try:
            if self._first is not None and (event := await self._first):
                yield event
            async for chunk in self._events:
                yield chunk
        except StopAsyncIteration:
            pass
        except Exception as exc:
            failure = exc
        if self.attempt is not None:
            self.attempt.ended(failure)
        if failure is not None:
            yield encode(orjson.dumps(tell(failure, exchange).envelope()))

    async def _end(self) -> None:
        if self.attempt is not None:
            self.attempt.left()
        if self._first is not None and not self._first.done():
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        if self._close is not None:
            await self._close()


class _Pulse:
    """Serialises what is written, and writes a comment into silences of `every` seconds."""

    def __init__(self, send: Send, every: float) -> None:
        self._send = send
        self._every = every
        self._last = time.monotonic()
        self._writing = False
        self._comment: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(every, self._tick)

    async def write(self, chunk: bytes) -> None:
        if self._comment is not None and not self._comment.done():
            await self._comment
        self._writing = True
        try:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            self._writing = False
            self._last = time.monotonic()

    def stop(self) -> None:
        self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()

    def _tick(self) -> None:
        silent = time.monotonic() - self._last
        if silent >= self._every and not self._writing:
            self._last = time.monotonic()
            silent = 0.0
            self._comment = asyncio.ensure_future(self._say(_COMMENT))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(self._every / 100, self._every - silent), self._tick)

    async def _say(self, comment: bytes) -> None:
        await self._send({"type": "http.response.body", "body": comment, "more_body": True})


async def begun(events: AsyncIterator[bytes], wait: float) -> asyncio.Task[bytes]:
    """The first event, waited for up to `wait` seconds: until it comes, an error can still be a status.

    Raises what the first event raises; a task that is still running comes back as it is.
    """

    async def first() -> bytes:
        async for event in events:
            return event
        return b""

    task = asyncio.ensure_future(first())
    try:
        done, _ = await asyncio.wait([task], timeout=wait)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    if done:
        task.result()
    return task


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work unless the client goes away, which cancels it at once: raises ClientGone then."""
    turn, task = turn_of(request.scope), asyncio.current_task()
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
