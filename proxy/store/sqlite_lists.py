"""How SQLite finds jobs: lists of an owner's, and the unfinished ones.

Each function is an operation of a lane: it gets the connection, inside a transaction.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from proxy.store.base import Job, Page
from proxy.store.document import ENDED
from proxy.store.ids import sort_key
from proxy.store.sqlite_connection import Connection

# As the indexes say it, or they are not used.
_UNFINISHED = "status NOT IN ('completed', 'failed')"
_ENDED = "status IN ('completed', 'failed')"


class Query(NamedTuple):
    """What to list; `kinds`: None means of all."""

    owner: str
    kinds: list[str] | None
    status: str | None
    after: str | None
    limit: int
    ascending: bool


def page(db: Connection, query: Query) -> Page:
    listed = _of_kinds if query.status is None or query.status in ENDED else _unfinished
    rows = [] if query.kinds == [] else listed(db, query)
    jobs = [Job.decode(doc) for (doc,) in rows[: query.limit]]
    return Page(jobs, has_more=len(rows) > query.limit)


def _of_kinds(db: Connection, query: Query) -> list[tuple[bytes]]:
    """One seek for each kind (and status) in question, merged: never a walk over what is not shown."""
    kinds = query.kinds or list(_kinds(db, query.owner))
    if not kinds:
        return []
    status = "" if query.status is None else f" AND {_ENDED} AND status = ?"
    statuses = [] if query.status is None else [query.status]
    beyond, order = _direction(query)
    one = (
        "SELECT * FROM (SELECT sort, doc FROM jobs WHERE deleted = 0 AND owner = ? AND kind = ?"
        f"{status} AND sort {beyond} ? ORDER BY sort {order} LIMIT ?)"
    )
    wanted = query.limit + 1
    values: list[Any] = []
    for kind in kinds:
        values += (query.owner, kind, *statuses, _start(query), wanted)
    union = " UNION ALL ".join([one] * len(kinds))
    sql = f"SELECT doc FROM ({union}) ORDER BY sort {order} LIMIT ?"
    return db.execute(sql, (*values, wanted)).fetchall()


def _unfinished(db: Connection, query: Query) -> list[tuple[bytes]]:
    """Out of all that are: few beside those that have ended, and an index for this would be written with each."""
    kinds = query.kinds
    of_kinds = "" if kinds is None else f" AND kind IN ({', '.join('?' * len(kinds))})"
    beyond, order = _direction(query)
    sql = (
        "SELECT doc FROM jobs WHERE rowid IN ("
        f"SELECT rowid FROM jobs INDEXED BY jobs_unfinished WHERE {_UNFINISHED}"
        f" AND deleted = 0 AND owner = ? AND status = ?{of_kinds} AND sort {beyond} ?"
        f" ORDER BY sort {order} LIMIT ?) ORDER BY sort {order}"
    )
    values = (query.owner, query.status, *(kinds or ()), _start(query), query.limit + 1)
    return db.execute(sql, values).fetchall()


def _direction(query: Query) -> tuple[str, str]:
    return (">", "ASC") if query.ascending else ("<", "DESC")


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
