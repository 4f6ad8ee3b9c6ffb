"""Who runs operations on a SQLite database, and when.

An operation is a function of a connection: a few statements of some microseconds each. They run on
the event loop's own thread; what waits (for the disk, for another process's lock) is done by a
second thread. Were the statements run there too, each of them would have to win the interpreter's
lock back from the loop, and a busy loop lets go of it so rarely that a write took seconds.

Operations that come while a commit is under way make up the next transaction: one fsync for all.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from proxy.store.base import StoreUnavailable
from proxy.store.sqlite_connection import Connection
from proxy.store.sqlite_database import Database, is_busy, patiently
from proxy.store.sqlite_errands import Errands
from proxy.store.sqlite_ledger import settle

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BATCH = 64  # operations a transaction: bounds how long the event loop is held
_READ_AGAIN = 0.005
_CALLERS_FAULT = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)

_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]  # … its arguments
_Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]


class Reader:
    """Reads beside the writer, from a connection of its own: no read waits for a commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._closed = False

    async def call(
        self,
        operation: Callable[[Connection, *Ts], T],
        *args: *Ts,
    ) -> T:
        """What the operation gives. Whatever is wrong with the file is a StoreUnavailable."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        give_up = time.monotonic() + self._database.patience
        while True:
            try:
                return operation(self._database.connection(), *args)
            except (sqlite3.Error, OSError) as exc:
                if not is_busy(exc):
                    self._database.discard()
                if not is_busy(exc) or time.monotonic() >= give_up:
                    raise _unavailable(exc) from exc
            await asyncio.sleep(_READ_AGAIN)  # another process recovers the file: rare, and short

    async def close(self) -> None:
        self._closed = True
        self._database.close()


class Writer:
    """Commits operations in batches; one that raises undoes only itself.

    A round of callbacks, not a task: nobody can cancel it in the middle of a transaction.
    _start → _begin (in the thread, where it has to wait) → _run → COMMIT (in the thread) → _end.

    An operation that raises has nearly always written nothing. Where it has, all of the batch are done
    once more, each in a savepoint, which would cost as much as the operation itself for every one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._thread = Errands(self._loop)
        self._waiting: deque[_Call] = deque()
        self._batch: list[_Call] = []
        self._busy = False
        self._closing = False
        self._closed = asyncio.Event()

    def call(
        self,
        operation: Callable[[Connection, *Ts], T],
        *args: *Ts,
    ) -> "asyncio.Future[T]":
        """Queue an operation. It runs even if the future is cancelled."""
        if self._closing:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((future, operation, args))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._start)  # soon: with all that this round of the loop brings
        return future

    async def close(self) -> None:
        """Finish what is queued, then end the thread, also if the caller is cancelled meanwhile."""
        if not self._closing:
            self._closing = True
            if not self._busy:
                self._finish()
        await self._closed.wait()
        self._thread.join()

    def _finish(self) -> None:
        def closed(_: object) -> None:  # what goes wrong here changes nothing: all is committed
            self._closed.set()

        self._thread.run(self._database.close, closed, closed)
        self._thread.end()

    def _start(self) -> None:
        size = min(len(self._waiting), _BATCH)
        self._batch = [self._waiting.popleft() for _ in range(size)]
        db = self._database.at_hand()
        if db is not None:
            try:
                db.write("BEGIN IMMEDIATE")
            except sqlite3.Error:
                db = None  # the thread has the patience to wait, or finds out why not
        if db is None:
            self._thread.run(self._begin, self._run, self._fail)
        else:
            self._run(db)

    def _begin(self) -> Connection:
        db = self._database.connection()
        patiently(lambda: db.write("BEGIN IMMEDIATE"), self._database.patience)
        return db

    def _run(self, db: Connection, carefully: bool = False) -> None:
        before = db.total_changes
        all_of = _in_savepoints if carefully else _plainly
        try:
            outcomes = all_of(db, self._batch)
            waits = not self._database.in_memory and db.total_changes != before
            if not waits:
                db.write("COMMIT")
        except _HalfDone:
            self._database.rollback()
            self._thread.run(self._begin, partial(self._run, carefully=True), self._fail)
            return
        except Exception as exc:  # whatever it was: callers must not wait for ever
            self._fail(exc)
            return
        if waits:
            commit = partial(db.write, "COMMIT")
            self._thread.run(commit, lambda _: self._end(outcomes), self._fail)
        else:
            self._end(outcomes)

    def _fail(self, error: Exception) -> None:
        self._database.rollback()
        if not is_busy(error):
            self._database.discard()
        self._end([(future, None, _unavailable(error)) for future, *_ in self._batch])

    def _end(self, outcomes: list[_Outcome]) -> None:
        self._batch = []
        _resolve(outcomes)
        if self._waiting:
            self._loop.call_soon(self._start)
        elif self._closing:
            self._finish()
        else:
            self._busy = False


class _HalfDone(Exception):
    """An operation raised after it had written something."""


def _plainly(db: Connection, batch: list[_Call]) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    for future, operation, args in batch:
        before = db.total_changes
        try:
            outcomes.append((future, operation(db, *args), None))
        except Exception as exc:
            if _at_fault(exc):
                raise
            if db.total_changes != before:
                raise _HalfDone from exc
            outcomes.append((future, None, exc))
    try:
        settle(db)
    except Exception as exc:
        if _at_fault(exc):
            raise
        raise _HalfDone from exc  # whose line it is, doing them one by one finds out
    return outcomes


def _in_savepoints(db: Connection, batch: list[_Call]) -> list[_Outcome]:
    """What an operation raises is its own affair unless the database is at fault."""
    outcomes: list[_Outcome] = []
    for future, operation, args in batch:
        db.execute("SAVEPOINT one")
        try:
            value = operation(db, *args)
            settle(db)
            outcomes.append((future, value, None))
        except Exception as exc:
            if _at_fault(exc):
                raise
            db.forget()
            db.execute("ROLLBACK TO one")
            outcomes.append((future, None, exc))
        db.execute("RELEASE one")
    return outcomes


def _at_fault(exc: Exception) -> bool:
    """Whether it is the database that is at fault, not the operation."""
    return isinstance(exc, sqlite3.DatabaseError) and not isinstance(exc, _CALLERS_FAULT)


def _resolve(outcomes: list[_Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():  # cancelled meanwhile
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def _unavailable(exc: Exception) -> StoreUnavailable:
    """One for each caller: an exception that is raised twice grows its traceback."""
    error = StoreUnavailable(str(exc) if isinstance(exc, StoreUnavailable) else f"the store: {exc}")
    error.__cause__ = exc
    return error
