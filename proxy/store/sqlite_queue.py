"""What SQLite keeps beside the documents: which task is due when, and the counters of rate limits.

Each function is an operation of a lane: it gets the connection, inside a transaction.
"""

from collections.abc import Iterable, Iterator
from math import inf
from operator import itemgetter
from typing import NamedTuple

from proxy.store.base import Due, Job
from proxy.store.due import SHORTEST_WAIT, farthest, queued
from proxy.store.sqlite_connection import Connection

HITS = ("hits", "bucket")  # a table, and what its rows are told apart by
_PLACE = (
    "INSERT INTO queue (job_id, idx, provider, submitting, at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET provider = excluded.provider, submitting = excluded.submitting"
)
_AHEAD = (
    "SELECT job_id, idx, provider, ? FROM queue"
    " WHERE submitting = ? AND provider = ? AND at > ? ORDER BY at LIMIT ?"
)
_PLACE_AND_TIME = f"{_PLACE}, at = excluded.at"


class Wanted(NamedTuple):
    """Which tasks a worker asks for; `providers`: None means of all. `longest`: see `Store.lease`."""

    submitting: bool
    providers: list[str] | None
    now: float
    limit: int
    longest: float


def follow(db: Connection, old: Job | None, new: Job) -> None:
    """Bring the queue from the old job's tasks to the new one's.

    A time that the change left alone stays as the queue has it: it may have been leased, renewed
    or postponed since the document was written.
    """
    before = {} if old is None else queued(old)
    for index, place in queued(new).items():
        known = before.pop(index, None)
        if known != place:
            provider, submitting, at = place
            stays = known is not None and known[2] == at
            values = (new.id, index, provider, int(submitting), at)
            db.write(_PLACE if stays else _PLACE_AND_TIME, values)
    for index in before:
        db.write("DELETE FROM queue WHERE job_id = ? AND idx = ?", (new.id, index))


def lease(db: Connection, wanted: Wanted, until: float) -> list[Due]:
    """The oldest due tasks, oldest first. The transaction keeps every other worker out meanwhile."""
    providers = wanted.providers
    if providers is None:
        providers = list(_providers(db, wanted.submitting))
    if not providers or wanted.limit <= 0:
        return []
    sql = (
        "SELECT job_id, idx, provider, at FROM queue"
        " WHERE submitting = ? AND provider = ? AND at <= ? ORDER BY at LIMIT ?"
    )
    submitting, now, limit = int(wanted.submitting), wanted.now, wanted.limit
    rows: list[tuple[str, int, str, float]] = []
    far = farthest(providers, now, wanted.longest)
    for provider, latest in zip(providers, far, strict=True):
        # One seek each, and one for what is too far ahead: another one's long queue costs nothing.
        rows += db.execute(sql, (submitting, provider, now, limit))
        if latest < inf:
            rows += db.execute(_AHEAD, (now, submitting, provider, latest, limit))
    rows.sort(key=itemgetter(3))
    del rows[wanted.limit :]
    due = [Due(*row, until) for row in rows]
    if due:
        postpone(db, [(one, until) for one in due])
    return due


def _providers(db: Connection, submitting: bool) -> Iterator[str]:
    """The few providers that have tasks, skipping from one to the next in the index."""
    sql = (
        "SELECT provider FROM queue WHERE submitting = ? AND provider > ? ORDER BY provider LIMIT 1"
    )
    last = ""
    while row := db.execute(sql, (submitting, last)).fetchone():
        last = row[0]
        yield last


def postpone(db: Connection, due: Iterable[tuple[Due, float]]) -> None:
    db.executemany(
        "UPDATE queue SET at = ? WHERE job_id = ? AND idx = ?",
        [(at, one.job_id, one.index) for one, at in due],
    )


def renew(db: Connection, tasks: list[tuple[str, int]], until: float) -> None:
    db.executemany(
        "UPDATE queue SET at = ?1 WHERE job_id = ?2 AND idx = ?3 AND submitting = 1 AND at < ?1",
        [(until, job_id, index) for job_id, index in tasks],
    )


def next_due(db: Connection, providers: list[str]) -> float | None:
    if not providers:
        return None
    one = "SELECT min(at) AS at FROM queue WHERE submitting = 0 AND provider = ?"
    sql = f"SELECT min(at) FROM ({' UNION ALL '.join([one] * len(providers))})"
    at: float | None = db.execute(sql, providers).fetchone()[0]
    return at


def spend(db: Connection, bucket: str, allowed: int, window: float, now: float) -> float:
    """A log of one row a hit: `allowed` in any `window` seconds, exactly. A refusal writes nothing."""
    if allowed <= 0:
        return window
    keep_window(db, HITS, bucket, window, now)
    row = db.execute(
        "SELECT at FROM hits WHERE bucket = ? ORDER BY at DESC LIMIT 1 OFFSET ?",
        (bucket, allowed - 1),
    ).fetchone()
    if row is not None:
        return max(float(row[0]) + window - now, SHORTEST_WAIT)
    db.execute("INSERT INTO hits VALUES (?, ?, random())", (bucket, now))
    return 0.0


def keep_window(db: Connection, rows: tuple[str, str], one: str, window: float, now: float) -> None:
    """Forget what is older, and what is as far ahead: then the clock has been set back since.

    `rows`: a table and the column of it that names `one`.
    """
    table, name = rows
    db.execute(f"DELETE FROM {table} WHERE {name} = ? AND at <= ?", (one, now - window))
    db.execute(f"DELETE FROM {table} WHERE {name} = ? AND at > ?", (one, now + window))
