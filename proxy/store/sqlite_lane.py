"""Who runs operations on a SQLite database, and when.

An operation is a function of a connection: a few statements of some microseconds each. They run on
the event loop's own thread; what waits (for the disk, for another process's lock) is done by a
second thread. Were the statements run there too, each of them would have to win the interpreter's
lock back from the loop, and a busy loop lets go of it so rarely that a write took seconds.

Operations that come while a commit is under way make up the next transaction: one fsync for all.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from proxy.store.base import StoreUnavailable
from proxy.store.sqlite_schema import Database, is_busy, patiently

P = ParamSpec("P")
T = TypeVar("T")

_BATCH = 64  # operations a transaction: bounds how long the event loop is held
_READ_AGAIN = 0.005
_CALLERS_FAULT = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)

_Call = tuple["asyncio.Future[Any]", Callable[[sqlite3.Connection], Any]]
_Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]


class Reader:
    """Reads beside the writer, from a connection of its own: no read waits for a commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def call(
        self,
        operation: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What the operation gives. Whatever is wrong with the file is a StoreUnavailable."""
        give_up = time.monotonic() + self._database.patience
        while True:
            try:
                return operation(self._database.connection(), *args, **kwargs)
            except (sqlite3.DatabaseError, OSError) as exc:
                if not is_busy(exc):
                    self._database.disconnect()
                    raise _unavailable(exc) from exc
                if time.monotonic() >= give_up:
                    raise _unavailable(exc) from exc
            await asyncio.sleep(_READ_AGAIN)  # another process recovers the file: rare, and short

    async def close(self) -> None:
        self._database.disconnect()


class Writer:
    """Commits operations in batches, each alone in a savepoint.

    A loop of callbacks, not a task: nobody can cancel it in the middle of a transaction.
    _start → (_begin, in the thread, where it has to wait) → _run → (_commit, in the thread) → _end.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._thread = Errands(self._loop)
        self._waiting: deque[_Call] = deque()
        self._batch: list[_Call] = []
        self._busy = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    def call(
        self,
        operation: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> "asyncio.Future[T]":
        """Queue an operation. It runs even if the future is cancelled."""
        if self._closing:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((future, lambda db: operation(db, *args, **kwargs)))
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._start)  # soon: with all that this round of the loop brings
        return future

    async def close(self) -> None:
        """Finish what is queued, then end the thread."""
        self._closing = True
        await self._idle.wait()
        self._thread.end()
        self._database.disconnect()

    def _start(self) -> None:
        if not self._waiting:
            self._idle.set()
            return
        size = min(len(self._waiting), _BATCH)
        self._batch = [self._waiting.popleft() for _ in range(size)]
        db = self._database.at_hand()
        if db is None:
            self._thread.run(self._begin, self._run)
            return
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError:
            self._thread.run(self._begin, self._run)  # once more, with patience
        else:
            self._run(None)

    def _begin(self) -> None:
        db = self._database.connection()
        patiently(lambda: db.execute("BEGIN IMMEDIATE"), self._database.patience)

    def _run(self, error: Exception | None) -> None:
        if error is not None:
            self._fail(error)
            return
        db = self._database.connection()
        before = db.total_changes
        try:
            outcomes = [_in_savepoint(db, call) for call in self._batch]
        except Exception as exc:
            self._fail(exc)
            return
        if self._database.in_memory or db.total_changes == before:
            self._commit()  # no disk to wait for
            self._end(outcomes, None)
        else:
            self._thread.run(self._commit, partial(self._end, outcomes))

    def _commit(self) -> None:
        self._database.connection().execute("COMMIT")

    def _end(self, outcomes: list[_Outcome], error: Exception | None) -> None:
        if error is not None:
            self._fail(error)
            return
        self._batch = []
        _resolve(outcomes)
        self._start()

    def _fail(self, error: Exception) -> None:
        batch, self._batch = self._batch, []
        self._database.rollback()
        if not is_busy(error):
            self._database.disconnect()
        _resolve([(future, None, _unavailable(error)) for future, _ in batch])
        self._start()
