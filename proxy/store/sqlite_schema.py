"""The tables of a SQLite store, and their versions."""

import sqlite3

from proxy.store.base import StoreUnavailable

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

_VERSION_2 = (
    "CREATE TABLE places (client TEXT NOT NULL, holder TEXT NOT NULL, until REAL NOT NULL,"
    " PRIMARY KEY (client, holder)) WITHOUT ROWID",
    "CREATE TABLE budgets (owner TEXT NOT NULL, at REAL NOT NULL, nanos INTEGER NOT NULL,"
    " PRIMARY KEY (owner, at)) WITHOUT ROWID",
    """CREATE TABLE usage (
        day TEXT NOT NULL, key TEXT NOT NULL, route TEXT NOT NULL, provider TEXT NOT NULL,
        kind TEXT NOT NULL, requests INTEGER NOT NULL, failed INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, nanos INTEGER NOT NULL,
        PRIMARY KEY (day, key, route, provider, kind)) WITHOUT ROWID""",
)

_VERSION_3 = (
    "CREATE TABLE tokens (client TEXT NOT NULL, at REAL NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (client, at)) WITHOUT ROWID",
)

_VERSION_4 = (
    # Not in the job's own row, to mark which delivered wrote the page of its document once more. The columns
    # `delivered` and `attempt` stay behind: to drop them would write all rows anew.
    """CREATE TABLE undelivered (
        owner TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at REAL NOT NULL,
        job_id TEXT NOT NULL, attempt INTEGER NOT NULL,
        PRIMARY KEY (owner, fingerprint, created_at, job_id)) WITHOUT ROWID""",
    "INSERT INTO undelivered SELECT owner, fingerprint, created_at, id, attempt FROM jobs"
    " WHERE delivered = 0",
    "DROP INDEX jobs_undelivered",
    # Of an unfinished job the status is in one index instead of two, of a finished one it changes no more.
    "DROP INDEX jobs_of_status",
    "DROP INDEX jobs_unfinished",
    "CREATE INDEX jobs_unfinished ON jobs (deadline, provider, status, owner, kind, sort, deleted)"
    " WHERE status NOT IN ('completed', 'failed')",
    "CREATE INDEX jobs_ended ON jobs (owner, kind, status, sort)"
    " WHERE deleted = 0 AND status IN ('completed', 'failed')",
)

# Statement by statement, what leads from version n to n + 1. Entries are never changed, only added.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
VERSION = len(MIGRATIONS)


def migrate(db: sqlite3.Connection) -> None:
    """Set a new connection up, with its tables at the known version. May be refused by a lock."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # a task id that was acknowledged survives a power cut
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA journal_size_limit = 67108864")
    if _version(db) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        _step_by_step(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _step_by_step(db: sqlite3.Connection) -> None:
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
