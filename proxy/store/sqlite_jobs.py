"""How SQLite keeps jobs: the document, and beside it the columns that it is found by.

Each function is an operation of a lane: it gets the connection, inside a transaction.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import Any, NamedTuple

from proxy.store.base import Change, Job, KeyReused, Page
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
    " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)"
)
_UNFINISHED = "status NOT IN ('completed', 'failed')"  # as the index says it, or it is not used


class Query(NamedTuple):
    """What to list; `kinds`: None means of all."""

    owner: str
    kinds: list[str] | None
    status: str | None
    after: str | None
    limit: int
    ascending: bool


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
        known = _undelivered(db, job, retry, recent)
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


def _undelivered(db: Connection, job: Job, retry: int, recent: float) -> Job | None:
    row = db.execute(
        "SELECT rowid, doc FROM jobs WHERE delivered = 0 AND owner = ? AND fingerprint = ?"
        " AND created_at >= ? AND attempt < ? ORDER BY created_at LIMIT 1",
        (job.owner, job.fingerprint, job.created_at - recent, retry),
    ).fetchone()
    if row is None:
        return None
    db.execute("UPDATE jobs SET attempt = ? WHERE rowid = ?", (retry, row[0]))
    return Job.decode(row[1])


def _insert(db: Connection, job: Job, retry: int) -> None:
    fixed = (job.id, sort_key(job.id), job.owner, job.kind, job.created_at, job.fingerprint)
    try:
        db.write(_INSERT, (*fixed, retry, job.encode(), *_columns(job)))
    except sqlite3.IntegrityError as exc:
        raise ValueError(f"there is a job {job.id} already") from exc
    follow(db, None, job)
    post(db, None, job)


def _columns(job: Job) -> tuple[Any, ...]:
    """What may change in a job's life and is looked for: _COLUMNS."""
    status = job.status
    ended = job.completed_at if status in ENDED else None
    # A number: sqlite3 looks for an adapter of a truth value, too.
    return status, 1 if job.deleted else 0, job.provider, job.deadline, ended


def get(db: Connection, job_id: str) -> Job | None:
    row = db.execute("SELECT doc FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else Job.decode(row[0])


def several(db: Connection, job_ids: Sequence[str]) -> list[Job]:
    places = ", ".join("?" * len(job_ids))
    rows = db.execute(f"SELECT doc FROM jobs WHERE id IN ({places})", job_ids)
    return [Job.decode(doc) for (doc,) in rows]


def update(db: Connection, job_id: str, change: Change, known: Job | None = None) -> Job | None:
    if known is not None:
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
    """Whether the job stood so, and now stands as it should; where it should not change, nothing is done."""
    doc, raw = new.encode(), old.encode()
    if doc == raw:
        return False
    before, after = _columns(old), _columns(new)
    changed = () if after == before else tuple(map(ne, before, after))
    values = (*compress(after, changed), doc, new.id, raw)
    if db.write(_update(changed), values).rowcount != 1:
        return False
    follow(db, old, new)
    post(db, old, new)
    if new.given_up and not old.given_up:
        release(db, new.id)
    return True


@lru_cache(maxsize=1 << len(_COLUMNS))
def _update(changed: tuple[bool, ...]) -> str:
    """Only what changed: an index whose columns are not named is not touched."""
    names = "".join([f"{name} = ?, " for name in compress(_COLUMNS, changed)])
    return f"UPDATE jobs SET {names}doc = ? WHERE id = ? AND doc = ?"


def page(db: Connection, query: Query) -> Page:
    """One seek for each kind (and status) in question, merged: never a walk over what is not shown."""
    kinds = query.kinds
    if kinds is None:
        kinds = list(_kinds(db, query.owner))
    if not kinds:
        return Page([], has_more=False)
    order = "ASC" if query.ascending else "DESC"
    status = "" if query.status is None else " AND status = ?"
    one = (
        f"SELECT * FROM (SELECT sort, doc FROM jobs WHERE deleted = 0 AND owner = ? AND kind = ?"
        f"{status} AND sort {'>' if query.ascending else '<'} ? ORDER BY sort {order} LIMIT ?)"
    )
    statuses = [] if query.status is None else [query.status]
    wanted = query.limit + 1
    rows = db.execute(
        f"{' UNION ALL '.join([one] * len(kinds))} ORDER BY sort {order} LIMIT ?",
        [
            *(x for kind in kinds for x in (query.owner, kind, *statuses, _start(query), wanted)),
            wanted,
        ],
    ).fetchall()
    jobs = [Job.decode(doc) for _, doc in rows[: query.limit]]
    return Page(jobs, has_more=len(rows) > query.limit)


def _start(query: Query) -> str:
    """The place to go on from: a place in time, so that the job need not be there any more."""
    if query.after is not None:
        return sort_key(query.after)
    return "" if query.ascending else "\U0010ffff"


def _kinds(db: Connection, owner: str) -> Iterator[str]:
    """The few kinds that an owner has, skipping from one to the next in the index."""
    sql = "SELECT kind FROM jobs WHERE deleted = 0 AND owner = ? AND kind > ? ORDER BY kind LIMIT 1"
    last = ""
    while row := db.execute(sql, (owner, last)).fetchone():
        last = row[0]
        yield last


def overdue(db: Connection, now: float, limit: int) -> list[str]:
    rows = db.execute(
        f"SELECT id FROM jobs WHERE {_UNFINISHED} AND deadline <= ? ORDER BY deadline LIMIT ?",
        (now, limit),
    )
    return [job_id for (job_id,) in rows]


def counts(db: Connection) -> dict[tuple[str, str], int]:
    rows = db.execute(
        "SELECT provider, status, count(*) FROM jobs INDEXED BY jobs_unfinished"
        f" WHERE {_UNFINISHED} GROUP BY provider, status"
    )
    return {(provider, status): number for provider, status, number in rows}


def delivered(db: Connection, *job_ids: str) -> None:
    db.executemany(
        "UPDATE jobs SET delivered = 1 WHERE id = ? AND delivered = 0", [(one,) for one in job_ids]
    )


def release(db: Connection, job_id: str) -> None:
    db.execute("DELETE FROM keys WHERE job_id = ?", (job_id,))
    delivered(db, job_id)


def purge(db: Connection, completed_before: float, limit: int) -> list[Job]:
    rows = db.execute(
        "SELECT id, doc FROM jobs WHERE completed_at < ? ORDER BY completed_at LIMIT ?",
        (completed_before, limit),
    ).fetchall()
    ids = [(job_id,) for job_id, _ in rows]
    db.executemany("DELETE FROM queue WHERE job_id = ?", ids)
    db.executemany("DELETE FROM keys WHERE job_id = ?", ids)
    db.executemany("DELETE FROM jobs WHERE id = ?", ids)
    return [Job.decode(doc) for _, doc in rows]
