"""The tables of a SQLite store, their versions, and how a connection to them is made."""

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from proxy.store.base import StoreUnavailable

T = TypeVar("T")

_VERSION_1 = (
    """CREATE TABLE jobs (
        id TEXT PRIMARY KEY, sort TEXT NOT NULL, owner TEXT NOT NULL, kind TEXT NOT NULL,
        status TEXT NOT NULL, deleted INTEGER NOT NULL, provider TEXT NOT NULL,
        created_at REAL NOT NULL, completed_at REAL, deadline REAL NOT NULL,
        fingerprint TEXT NOT NULL, delivered INTEGER NOT NULL, attempt INTEGER NOT NULL,
        doc BLOB NOT NULL)""",
    # A listing names kind and status, or goes through the few that there are: an index on each
    # combination would cost every write more than it saves a reader.
    "CREATE INDEX jobs_of_kind ON jobs (owner, kind, sort) WHERE deleted = 0",
    "CREATE INDEX jobs_of_status ON jobs (owner, kind, status, sort) WHERE deleted = 0",
    "CREATE INDEX jobs_unfinished ON jobs (deadline, provider, status)"
    " WHERE status NOT IN ('completed', 'failed')",
    "CREATE INDEX jobs_finished ON jobs (completed_at) WHERE completed_at IS NOT NULL",
    "CREATE INDEX jobs_undelivered ON jobs (owner, fingerprint, created_at) WHERE delivered = 0",
    """CREATE TABLE queue (
        job_id TEXT NOT NULL, idx INTEGER NOT NULL, provider TEXT NOT NULL,
        submitting INTEGER NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (job_id, idx)) WITHOUT ROWID""",
    "CREATE INDEX queue_due ON queue (submitting, provider, at)",
    """CREATE TABLE keys (
        owner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, job_id TEXT NOT NULL,
        PRIMARY KEY (owner, key)) WITHOUT ROWID""",
    "CREATE INDEX keys_of_job ON keys (job_id)",
    # `n` is random: two hits of one moment are two rows.
    """CREATE TABLE hits (
        bucket TEXT NOT NULL, at REAL NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY (bucket, at, n)) WITHOUT ROWID""",
)

# Statement by statement, what leads from version n to n + 1. Entries are never changed, only added.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
VERSION = len(MIGRATIONS)

_RETRY_EVERY = 0.001
_BUSY_TIMEOUT_MS = 0


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


def connect(path: Path | None, *, patience: float, readonly: bool = False) -> sqlite3.Connection:
    """A connection to the file (None: to a new memory), with its tables at the known version.

    A file that is not there is an error: were it made anew, every job in it would be forgotten.
    `patience`: seconds to wait for other processes' locks.
    """
    target = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(target, uri=path is not None, isolation_level=None)
    try:
        db.execute(f"PRAGMA busy_timeout = {int(min(_BUSY_TIMEOUT_MS, patience * 1000))}")
        if readonly:
            db.execute("PRAGMA query_only = ON")
        else:
            patiently(lambda: _prepare(db), patience)
    except BaseException:
        db.close()
        raise
    return db


def patiently(step: Callable[[], T], patience: float) -> T:
    """Run a step that other processes' locks may refuse, again for up to `patience` seconds.

    SQLite's own busy timeout does not cover every refusal: a change of the journal mode and a
    recovery by another process fail at once.
    """
    give_up = time.monotonic() + patience
    while True:
        try:
            return step()
        except sqlite3.OperationalError as exc:
            if not is_busy(exc) or time.monotonic() >= give_up:
                raise
        time.sleep(random.uniform(0.0002, 2 * _RETRY_EVERY))


def is_busy(exc: sqlite3.Error) -> bool:
    return exc.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _prepare(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # a task id that was acknowledged survives a power cut
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA journal_size_limit = 67108864")
    if _version(db) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        _migrate(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _migrate(db: sqlite3.Connection) -> None:
    version = _version(db)  # again, now that no other worker can be migrating
    if version > VERSION:
        raise StoreUnavailable(
            f"the store was written by a newer Anygate: its schema is version {version}, "
            f"this Anygate knows up to {VERSION}"
        )
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
