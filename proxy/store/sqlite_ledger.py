"""What SQLite keeps of clients' rates, tokens, budgets and usage.

Each function is an operation of a lane: it gets the connection, inside a transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from proxy.store.base import Job
from proxy.store.ledger import charge
from proxy.store.ledger import usage as usage_of
from proxy.store.money import (
    BUSY,
    DIMENSIONS,
    MINUTE,
    Admission,
    Budget,
    Charge,
    Counts,
    Line,
    Rates,
    Total,
    nanos,
    taking,
)
from proxy.store.sqlite_connection import Connection
from proxy.store.sqlite_queue import HITS, keep_window

_HOUR = 3600.0  # no limit's window is longer
_SUMS = ("requests", "failed", "prompt_tokens", "completion_tokens", "nanos")
_ADD = (
    "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
)
_counted = attrgetter(*_SUMS)


class Place(NamedTuple):
    client: str
    holder: str
    until: float


def admit(db: Connection, rates: Rates, place: Place, now: float) -> Admission:
    """The place first: a request that is refused one does not count."""
    if rates.concurrency is not None and not _room(db, place.client, rates.concurrency, now):
        return _left(db, f"key:{place.client}", rates.rpm, now, "concurrency")
    admission = _count(db, f"key:{place.client}", rates.rpm, now)
    if rates.concurrency is not None and admission.refused is None:
        db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", place)
    return admission


def _room(db: Connection, client: str, limit: int, now: float) -> bool:
    db.execute("DELETE FROM places WHERE client = ? AND until <= ?", (client, now))
    (taken,) = db.execute("SELECT count(*) FROM places WHERE client = ?", (client,)).fetchone()
    return bool(taken < limit)


def _count(db: Connection, bucket: str, rpm: int | None, now: float) -> Admission:
    """A log of one row a hit, as the limits of providers have it."""
    if rpm is None:
        return Admission()
    keep_window(db, HITS, bucket, MINUTE, now)
    admission = _left(db, bucket, rpm, now)
    if admission.remaining:
        db.execute("INSERT INTO hits VALUES (?, ?, random())", (bucket, now))
        return Admission(remaining=admission.remaining - 1, reset=MINUTE)
    (at,) = db.execute(
        "SELECT at FROM hits WHERE bucket = ? ORDER BY at DESC LIMIT 1 OFFSET ?", (bucket, rpm - 1)
    ).fetchone()
    return Admission("rpm", at + MINUTE - now, 0, admission.reset)


def _left(
    db: Connection, bucket: str, rpm: int | None, now: float, refused: str | None = None
) -> Admission:
    """How much of the minute is left, without counting anything."""
    count, last = db.execute(
        "SELECT count(*), max(at) FROM hits WHERE bucket = ? AND at > ? AND at <= ?",
        (bucket, now - MINUTE, now + MINUTE),
    ).fetchone()
    reset = 0.0 if last is None else last + MINUTE - now
    return Admission(refused, BUSY, max(0, (rpm or 0) - count), reset)


def stay(db: Connection, places: list[Place]) -> None:
    db.executemany(
        "UPDATE places SET until = ?3 WHERE client = ?1 AND holder = ?2",
        places,
    )


def leave(db: Connection, client: str, holder: str) -> None:
    db.execute("DELETE FROM places WHERE client = ? AND holder = ?", (client, holder))


def take(db: Connection, client: str, tokens: int, limit: int, now: float) -> Admission:
    keep_window(db, ("tokens", "client"), client, MINUTE, now)
    spent = db.execute(
        "SELECT at, n FROM tokens WHERE client = ? ORDER BY at", (client,)
    ).fetchall()
    said = taking(spent, tokens, limit, now)
    if said.refused is None:
        correct(db, client, tokens, said.at)
    return said


def correct(db: Connection, client: str, tokens: int, at: float) -> None:
    db.execute(
        "INSERT INTO tokens VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        (client, at, tokens),
    )


def forget(db: Connection, owner: str, budget: Budget, now: float) -> None:
    """What is older than the window, or as far ahead."""
    keep_window(db, ("budgets", "owner"), owner, budget.window, now)


def check(db: Connection, owner: str, budget: Budget, needed: int, now: float) -> None:
    """Raises OverBudget unless so many nanodollars are left."""
    spent = db.execute(
        "SELECT at, nanos FROM budgets WHERE owner = ? AND at > ? AND at <= ? ORDER BY at",
        (owner, now - budget.window, now + budget.window),
    ).fetchall()
    budget.check(spent, needed, now)


def reserve(db: Connection, owner: str, usd: float, budget: Budget, now: float) -> None:
    check(db, owner, budget, nanos(usd), now)
    if usd:
        forget(db, owner, budget, now)
        _spend(db, [Charge(owner, budget.slot(now), nanos(usd))])


def post(db: Connection, old: Job | None, new: Job) -> None:
    """Book what a change of a job means for its owner's budget, and for the table of usage."""
    if (spent := charge(old, new)) is not None:
        _spend(db, [spent])
    for line, counts in usage_of(old, new):
        known = db.lines.get(line)
        if known is None:
            db.lines[line] = counts
        else:
            known.add(counts)


def settle(db: Connection) -> None:
    """Write what the operations of a transaction have left to its end."""
    if db.lines:
        lines = list(db.lines.items())
        db.lines.clear()
        _add(db, lines)


def book(db: Connection, lines: list[tuple[Line, Counts]], charges: list[Charge]) -> None:
    _add(db, lines)
    _spend(db, charges)


def _spend(db: Connection, charges: Iterable[Charge]) -> None:
    db.executemany(
        "INSERT INTO budgets VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos",
        charges,
    )


def _add(db: Connection, lines: Iterable[tuple[Line, Counts]]) -> None:
    db.executemany(_ADD, [(*line, *_counted(counts)) for line, counts in lines])


def usage(
    db: Connection, by: Sequence[str], since: str, until: str, key: str | None
) -> list[Total]:
    settle(db)  # a memory is read in the transaction that writes it
    named = [name for name in DIMENSIONS if name in by]
    grouped = f" GROUP BY {', '.join(named)} ORDER BY {', '.join(named)}" if named else ""
    sums = (f"sum({name})" for name in _SUMS)
    rows = db.execute(
        f"SELECT {', '.join([*named, *sums])} FROM usage WHERE day BETWEEN ? AND ?"
        f"{'' if key is None else ' AND key = ?'}{grouped}",
        (since, until) if key is None else (since, until, key),
    )
    size = len(named)
    totals = (Total(dict(zip(named, row[:size], strict=True)), Counts(*row[size:])) for row in rows)
    return [one for one in totals if one.counts]


def prune(db: Connection, used_before: str, spent_before: float, now: float) -> bool:
    """Rows that nobody asks for again: whoever used them may be gone for good."""
    days = db.execute(
        "SELECT DISTINCT day FROM usage WHERE day < ? ORDER BY day LIMIT 2", (used_before,)
    ).fetchall()
    db.executemany("DELETE FROM usage WHERE day = ?", days[:1])
    for table, name, time, before in (
        ("budgets", "owner", "at", spent_before),
        ("tokens", "client", "at", now - MINUTE),
        ("places", "client", "until", now),
        ("hits", "bucket", "at", now - _HOUR),
    ):
        for one in list(_names(db, table, name)):
            db.execute(f"DELETE FROM {table} WHERE {name} = ? AND {time} <= ?", (one, before))
    return len(days) > 1


def _names(db: Connection, table: str, name: str) -> Iterator[str]:
    """Skipping from one to the next in the primary key."""
    last = ""
    sql = f"SELECT {name} FROM {table} WHERE {name} > ? ORDER BY {name} LIMIT 1"
    while row := db.execute(sql, (last,)).fetchone():
        last = row[0]
        yield last
