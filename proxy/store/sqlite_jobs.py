"""How SQLite keeps jobs: the document, and beside it the columns that it is found by.

Each function is an operation of a lane: it gets the connection, inside a transaction.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import Any

from proxy.store.base import Change, Job, KeyReused
from proxy.store.document import ENDED
from proxy.store.ids import sort_key
from proxy.store.ledger import charged
from proxy.store.money import Budget
from proxy.store.sqlite_connection import Connection
from proxy.store.sqlite_ledger import check, forget, post
from proxy.store.sqlite_queue import follow

_COLUMNS = ("status", "deleted", "provider", "deadline", "completed_at")
_INSERT = (
    "INSERT INTO jobs (id, sort, owner, kind, created_at, fingerprint, delivered, attempt, doc,"
    f" {', '.join(_COLUMNS)})"
    " VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?)"
)
# Of table `undelivered`.
_THIS_ONE = "owner = ? AND fingerprint = ? AND created_at = ? AND job_id = ?"
_DELIVER = f"DELETE FROM undelivered WHERE {_THIS_ONE}"


def create(
    db: Connection,
    job: Job,
    key: str | None,
    retry: int,
    recent: float,
    budget: Budget | None = None,
) -> Job:
    """Store a job, or return the one that it joins.

    A key decides alone: two requests with different keys are two, however alike. A job that a retry
    had to create counts as joined by it, so that the same retry of an equal request makes its own.
    """
    if key is not None:
        known = _holder(db, job, key)
    elif retry > 0:
        known = _twin(db, job, retry, recent)
    else:
        known = None
    if known is not None:
        return known
    if budget is not None:
        forget(db, job.owner, budget, job.created_at)
        check(db, job.owner, budget, charged(job), job.created_at)
    _insert(db, job, retry)
    if key is not None:
        db.execute(
            "INSERT OR REPLACE INTO keys (owner, key, fingerprint, job_id) VALUES (?, ?, ?, ?)",
            (job.owner, key, job.fingerprint, job.id),
        )
    return job


def _holder(db: Connection, job: Job, key: str) -> Job | None:
    row = db.execute(
        "SELECT fingerprint, job_id FROM keys WHERE owner = ? AND key = ?", (job.owner, key)
    ).fetchone()
    if row is None:
        return None
    fingerprint, job_id = row
    if fingerprint != job.fingerprint:
        raise KeyReused("this Idempotency-Key came with another request before")
    return get(db, job_id)


def _twin(db: Connection, job: Job, retry: int, recent: float) -> Job | None:
    row = db.execute(
        "SELECT created_at, job_id FROM undelivered WHERE owner = ? AND fingerprint = ?"
        " AND created_at >= ? AND attempt < ? ORDER BY created_at LIMIT 1",
        (job.owner, job.fingerprint, job.created_at - recent, retry),
    ).fetchone()
    if row is None:
        return None
    place = (job.owner, job.fingerprint, *row)
    db.execute(f"UPDATE undelivered SET attempt = ? WHERE {_THIS_ONE}", (retry, *place))
    return get(db, row[1])


def _insert(db: Connection, job: Job, retry: int) -> None:
    fixed = (job.id, sort_key(job.id), job.owner, job.kind, job.created_at, job.fingerprint)
    try:
        job.row = db.write(_INSERT, (*fixed, job.encode(), *_columns(job))).lastrowid
    except sqlite3.IntegrityError as exc:
        raise ValueError(f"there is a job {job.id} already") from exc
    db.write("INSERT INTO undelivered VALUES (?, ?, ?, ?, ?)", (*_undelivered_row(job), retry))
    follow(db, None, job)
    post(db, None, job)


def _columns(job: Job) -> tuple[Any, ...]:
    """What may change in a job's life and is looked for: _COLUMNS."""
    status = job.status
    ended = job.completed_at if status in ENDED else None
    # A number: sqlite3 looks for an adapter of a truth value, too.
    return status, 1 if job.deleted else 0, job.provider, job.deadline, ended


def get(db: Connection, job_id: str) -> Job | None:
    row = db.execute("SELECT rowid, doc FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _read(*row)


def several(db: Connection, job_ids: Sequence[str]) -> list[Job]:
    places = ", ".join("?" * len(job_ids))
    rows = db.execute(f"SELECT rowid, doc FROM jobs WHERE id IN ({places})", job_ids)
    return [_read(*row) for row in rows]


def _read(row: int, doc: bytes) -> Job:
    job = Job.decode(doc)
    job.row = row
    return job


def update(db: Connection, job_id: str, change: Change, known: Job | None = None) -> Job | None:
    # A job that was made, and not read or changed, has nothing there.
    if known is not None and getattr(known, "row", None) is not None:
        new = change(known)
        if new is not None and _replaced(db, known, new):
            return new
    old = get(db, job_id)
    if old is None:
        return None
    new = change(old)
    if new is not None:
        _replaced(db, old, new)
    return new


def _replaced(db: Connection, old: Job, new: Job) -> bool:
    """Whether the job stood so, and now stands as it should; where it should not change, nothing is done.

    Its row is found by number, which spares the way through the index of ids. A number may come to be another
    job's (VACUUM): the document says whose it is.
    """
    doc, raw = new.encode(), old.encode()
    if doc == raw:
        return False
    before, after = _columns(old), _columns(new)
    changed = () if after == before else tuple(map(ne, before, after))
    values = (*compress(after, changed), doc, old.row, raw)
    if db.write(_update(changed), values).rowcount != 1:
        return False
    new.row = old.row
    follow(db, old, new)
    post(db, old, new)
    if new.given_up and not old.given_up:
        _free(db, new)
    return True


@lru_cache(maxsize=1 << len(_COLUMNS))
def _update(changed: tuple[bool, ...]) -> str:
    """Only what changed: an index whose columns are not named is not touched."""
    names = "".join([f"{name} = ?, " for name in compress(_COLUMNS, changed)])
    return f"UPDATE jobs SET {names}doc = ? WHERE rowid = ? AND doc = ?"


def delivered(db: Connection, jobs: Sequence[Job]) -> None:
    db.executemany(_DELIVER, [_undelivered_row(one) for one in jobs])


def _undelivered_row(job: Job) -> tuple[str, str, float, str]:
    return job.owner, job.fingerprint, job.created_at, job.id


def release(db: Connection, job_id: str) -> None:
    job = get(db, job_id)
    if job is not None:
        _free(db, job)


def _free(db: Connection, job: Job) -> None:
    db.execute("DELETE FROM keys WHERE job_id = ?", (job.id,))
    db.execute(_DELIVER, _undelivered_row(job))


def purge(db: Connection, completed_before: float, limit: int) -> list[Job]:
    rows = db.execute(
        "SELECT doc FROM jobs WHERE completed_at < ? ORDER BY completed_at LIMIT ?",
        (completed_before, limit),
    ).fetchall()
    jobs = [Job.decode(doc) for (doc,) in rows]
    ids = [(job.id,) for job in jobs]
    db.executemany("DELETE FROM queue WHERE job_id = ?", ids)
    db.executemany("DELETE FROM keys WHERE job_id = ?", ids)
    delivered(db, jobs)
    db.executemany("DELETE FROM jobs WHERE id = ?", ids)
    return jobs
