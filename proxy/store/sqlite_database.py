"""A connection to a SQLite file that is made anew whenever the file was lost, replaced or at fault."""

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from proxy.store.sqlite_connection import Connection
from proxy.store.sqlite_schema import migrate

T = TypeVar("T")

_RETRY_EVERY = (0.0002, 0.002)  # seconds, at random: workers that compete must not march in step


def create_file(path: Path) -> None:
    """Make the file, readable by its owner only, and its directory; leave an existing one as it is.

    An existing file must not even be opened here: closing it again would drop the locks that
    SQLite holds on it for this process (sqlite.org/howtocorrupt.html, 2.2).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


class Database:
    """One connection to a file (`path` None: to a memory of its own), used by one thread at a time.

    `patience`: seconds to wait for other processes' locks.
    """

    def __init__(self, path: Path | None, *, patience: float, readonly: bool = False) -> None:
        self.patience = patience
        self.in_memory = path is None
        self._path = path
        self._readonly = readonly
        self._db: Connection | None = None
        self._identity: tuple[int, int] | None = None

    def connection(self) -> Connection:
        """A connection that can be used; it may take a while to make. Raises sqlite3.Error, OSError."""
        db = self.at_hand()
        if db is None:
            self.close()
            self._identity = self._identify()
            self._db = db = self._connect()
        return db

    def at_hand(self) -> Connection | None:
        """The connection, unless it has to be made.

        SQLite would go on writing to a file that was removed or replaced, and lose it all.
        """
        try:
            unmoved = self._db is not None and self._identify() == self._identity
        except OSError:
            return None
        return self._db if unmoved else None

    def discard(self) -> None:
        """Make a new connection for the next use. A memory has no other, and keeps it."""
        if not self.in_memory:
            self._identity = None

    def rollback(self) -> None:
        """Leave the transaction, if one is open. It writes nothing, so a full disk is no matter."""
        if self._db is not None:
            self._db.forget()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _identify(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        stat = self._path.stat()
        return stat.st_dev, stat.st_ino

    def _connect(self) -> Connection:
        """A file that is not there is an error: were it made anew, every job would be forgotten."""
        target = ":memory:" if self._path is None else f"{self._path.absolute().as_uri()}?mode=rw"
        db = Connection(target, timeout=0, uri=True, isolation_level=None, check_same_thread=False)
        try:
            if self._readonly:
                db.execute("PRAGMA query_only = ON")
            else:
                patiently(lambda: migrate(db), self.patience)
        except BaseException:
            db.close()
            raise
        return db


def patiently(step: Callable[[], T], patience: float) -> T:
    """Run a step that other processes' locks may refuse, again for up to `patience` seconds.

    SQLite's own busy timeout sleeps ever longer, up to 100 ms: among workers that write all the
    time, one may then wait for seconds. Nor does it cover every refusal.
    """
    give_up = time.monotonic() + patience
    while True:
        try:
            return step()
        except sqlite3.OperationalError as exc:
            if not is_busy(exc) or time.monotonic() >= give_up:
                raise
        time.sleep(random.uniform(*_RETRY_EVERY))


def is_busy(exc: Exception) -> bool:
    """Whether another process's lock was in the way, and nothing is wrong."""
    return isinstance(exc, sqlite3.OperationalError) and exc.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )
