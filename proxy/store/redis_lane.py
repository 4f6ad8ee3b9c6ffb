"""The way to a Redis: operations of one round of the event loop go out together and fail alone."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import MovedError, NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as TooSlow

from proxy.store.base import StoreUnavailable, Unanswered
from proxy.store.redis_scripts import Script
from proxy.store.redis_server import Server

_BATCH = 128  # operations a round trip
_PAUSE = 0.1  # seconds between questions to a server that does not answer
_ROUNDS = 4  # of one batch: sent, moved to another node, its scripts made known, and one to spare


class _Call:
    """An operation on its way. `whole`: with the script itself, which the server did not know;
    `again`: it may be sent once more where its answer is lost; `lost`: one was, so that nobody knows.
    """

    __slots__ = ("again", "arguments", "future", "lost", "script", "whole")

    def __init__(
        self, script: Script, arguments: tuple[bytes, ...], future: "asyncio.Future[Any]"
    ) -> None:
        self.script = script
        self.arguments = arguments
        self.future = future
        self.whole = False
        self.again = script.again
        self.lost = False

    def command(self, prefix: str) -> tuple[str | int | bytes, ...]:
        if self.whole:
            return ("EVAL", self.script.source, 1, prefix, *self.arguments)
        return ("EVALSHA", self.script.digest, 1, prefix, *self.arguments)


class _NoConnection(Exception):
    """There is none, and so nothing has been sent."""


class Lane:
    """One connection, on which batches of operations follow one another.

    Once the server has let one wait for too long, all fail at once until it answers again: nobody else
    waits for a server that hangs.

    In a cluster it goes to the node that has the prefix's slot (MOVED), and back to the server that the
    URL names when something fails.
    """

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self._client = server.client()
        self._waiting: deque[_Call] = deque()
        self._task: asyncio.Task[None] | None = None
        self._hangs: Exception | None = None
        self._asking: asyncio.Task[None] | None = None
        self._closed = False

    def call(self, script: Script, *arguments: str | bytes | float) -> "asyncio.Future[Any]":
        """Queue an operation. It is carried out even if the future is cancelled."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._hangs is not None:
            raise StoreUnavailable(f"the store: {self._hangs}") from self._hangs
        encoded = tuple(one if isinstance(one, bytes) else str(one).encode() for one in arguments)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(script, encoded, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return future

    async def settings(self) -> dict[str, str]:
        """What CONFIG GET tells of durability; nothing where that is forbidden."""
        found: dict[str, str] = {}
        try:
            for pattern in ("append*", "save", "maxmemory-policy"):
                told: dict[Any, Any] = await self._client.config_get(pattern)
                found |= told
        except RedisError:
            return {}
        return found

    async def close(self) -> None:
        """Finish what is queued, then disconnect."""
        self._closed = True
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._disconnect()

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._one_batch()
        finally:
            self._task = None

    async def _one_batch(self) -> None:
        size = min(len(self._waiting), _BATCH)
        batch = [self._waiting.popleft() for _ in range(size)]
        try:
            await self._carry_out(batch)
        except asyncio.CancelledError:  # the event loop is being closed
            _fail([*batch, *self._waiting], StoreUnavailable("the store is closed"))
            self._waiting.clear()
            raise
        except _NoConnection as exc:
            await self._failed(batch, exc.args[0])
        except Exception as exc:  # whatever it was: callers must not wait for ever
            for call in batch:
                call.lost = True
            await self._failed(batch, exc)

    async def _failed(self, batch: Sequence[_Call], exc: Exception) -> None:
        if isinstance(exc, TooSlow):  # they do not wait one after the other
            _fail([*batch, *self._waiting], exc)
            self._waiting.clear()
            self._hangs = exc
            self._asking = asyncio.create_task(self._ask())
        else:
            _fail(self._put_back(batch), exc)
            await self._go_to(None)

    async def _ask(self) -> None:
        """Ask until the server says something, if only that it refuses: that does not take long."""
        while self._hangs is not None:
            await self._go_to(None)
            try:
                await self._client.ping()
            except TooSlow as exc:
                self._hangs = exc
                await asyncio.sleep(_PAUSE)
            except (RedisError, OSError):
                self._hangs = None
            else:
                self._hangs = None

    def _put_back(self, batch: Sequence[_Call]) -> list[_Call]:
        """Have what may be repeated sent once more; the others."""
        kept = [call for call in batch if call.again]
        for call in kept:
            call.again = False
        self._waiting.extendleft(reversed(kept))
        return [call for call in batch if call not in kept]

    async def _carry_out(self, batch: list[_Call]) -> None:
        for _ in range(_ROUNDS):
            answers = await self._send(batch)
            for call, answer in zip(batch, answers, strict=True):
                call.whole = call.whole or isinstance(answer, NoScriptError)
                if isinstance(answer, NoScriptError | MovedError):
                    continue
                if isinstance(answer, Exception):
                    _fail([call], answer)
                elif not call.future.done():  # else it was cancelled meanwhile
                    call.future.set_result(answer)
            moved = next((one for one in answers if isinstance(one, MovedError)), None)
            if moved is not None:
                await self._go_to(moved)
            elif any(isinstance(one, ReadOnlyError) for one in answers):
                await self._go_to(None)  # the name may stand for another server by now
            again = (NoScriptError, MovedError)
            batch[:] = [c for c, a in zip(batch, answers, strict=True) if isinstance(a, again)]
            if not batch:
                return
        _fail(batch, StoreUnavailable("the store: its cluster sends us in circles"))

    async def _send(self, batch: Sequence[_Call]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            try:
                pool: Any = self._client.connection_pool
                pipeline.connection = await pool.get_connection()
            except (RedisError, OSError) as exc:
                raise _NoConnection(exc) from exc
            for call in batch:
                pipeline.execute_command(*call.command(self._prefix))
            return await pipeline.execute(raise_on_error=False)

    async def _go_to(self, moved: MovedError | None) -> None:
        await self._disconnect()
        if moved is None:
            self._client = self._server.client()
        else:
            self._client = self._server.client(moved.host, int(moved.port))

    async def _disconnect(self) -> None:
        with suppress(RedisError, OSError):  # a connection that is lost already
            await self._client.connection_pool.disconnect()


def _fail(batch: Sequence[_Call], exc: Exception) -> None:
    """An exception for each: one that is raised twice grows its traceback."""
    for call in batch:
        if call.future.done():
            continue
        # What is said now says nothing about a first time whose answer was lost.
        kind = Unanswered if call.lost else StoreUnavailable
        error = kind(str(exc) if isinstance(exc, StoreUnavailable) else f"the store: {exc}")
        error.__cause__ = exc
        call.future.set_exception(error)
