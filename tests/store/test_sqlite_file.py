"""The file of a SQLite store: who may read it, its version, and how it is searched."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from proxy.store import open_store, sqlite_jobs, sqlite_ledger, sqlite_lists, sqlite_queue
from proxy.store.base import Due, Job, StoreUnavailable
from proxy.store.ids import sort_key
from proxy.store.money import Budget, Counts, Line, Rates
from proxy.store.sqlite import SqliteStore
from proxy.store.sqlite_database import Database, create_file
from proxy.store.sqlite_schema import MIGRATIONS, VERSION
from tests.store.test_store_jobs import finish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


# Opening


async def test_urls(tmp_path, make):
    for url in ("memory:", f"sqlite:{tmp_path / 'a b?.db'}"):
        store = open_store(url)
        await store.open()
        job = await store.create(make())
        assert await store.get(job.id) == job
        await store.close()
    assert (tmp_path / "a b?.db").exists()


@pytest.mark.parametrize("url", ["", "memory", "sqlite:", "memory:x", "redis:", "/a.db"])
def test_other_urls_are_refused(url):
    with pytest.raises(ValueError, match="memory: or sqlite:PATH"):
        open_store(url)


async def test_the_file_and_its_directory_are_made(tmp_path, make):
    path = tmp_path / "some" / "where" / "jobs.db"
    store = SqliteStore(path)
    await store.open()
    await store.create(make())
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["jobs.db", "jobs.db-shm", "jobs.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await store.close()


async def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        await SqliteStore(tmp_path / "file" / "jobs.db").open()


async def test_what_was_stored_is_there_after_a_restart(path, make, clock):
    store = SqliteStore(path, clock=clock)
    await store.open()
    job = await store.create(make.polled(clock.now), key="k")
    await store.spend("a", 1)
    await store.close()
    await store.open()
    assert await store.create(make(), key="k") == job
    assert await store.spend("a", 1) > 0
    assert await store.next_due(["onysoft"]) == clock.now
    await store.close()


async def test_a_memory_forgets(make):
    store = SqliteStore(None)
    await store.open()
    job = await store.create(make())
    await store.close()
    await store.open()
    assert await store.get(job.id) is None
    await store.close()


async def test_workers_that_start_together_make_one_schema(path, make):
    stores = [SqliteStore(path) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    job = await stores[0].create(make())
    assert [await store.get(job.id) for store in stores] == [job] * 6
    await asyncio.gather(*(store.close() for store in stores))


# Closing


async def test_closing_finishes_what_is_queued(path, make):
    store = SqliteStore(path)
    await store.open()
    jobs = [make() for _ in range(150)]  # more than are committed at once
    callers = [asyncio.ensure_future(store.create(job)) for job in jobs]
    await asyncio.sleep(0)
    assert not any(caller.done() for caller in callers)
    await store.close()
    assert await asyncio.gather(*callers) == jobs
    await store.open()
    assert [await store.get(job.id) for job in jobs] == jobs
    await store.close()


async def test_closed_is_unavailable(path):
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.ping()
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.get("video_x")


async def test_nothing_is_left_of_a_purged_job(path, make):
    store = SqliteStore(path)
    await store.open()
    for job in (await store.create(make(), key="k"), await store.create(make())):
        await store.update(job.id, lambda job: finish(job, 5.0))
    assert len(await store.purge(9.0, 10)) == 2
    await store.close()
    db = sqlite3.connect(path)
    for table in ("jobs", "queue", "keys", "undelivered"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    db.close()


# Versions


async def test_the_version_is_written(path):
    store = SqliteStore(path)
    await store.open()
    await store.close()
    assert _pragma(path, "user_version") == VERSION
    assert _pragma(path, "journal_mode") == "wal"


async def test_jobs_of_an_older_version_are_there_as_they_were(path, make):
    """Of version 3, which marked in the job's own row whose answer was delivered."""
    told, untold, again, done = (make(fingerprint=name) for name in "abcd")
    done = finish(done, 5.0)
    db = sqlite3.connect(path, isolation_level=None)
    for statements in MIGRATIONS[:3]:
        for statement in statements:
            db.execute(statement)
    db.execute("PRAGMA user_version = 3")
    for job, delivered, attempt in ((told, 1, 0), (untold, 0, 0), (again, 0, 1), (done, 0, 0)):
        db.execute(
            "INSERT INTO jobs (id, sort, owner, kind, status, deleted, provider, created_at, completed_at,"
            " deadline, fingerprint, delivered, attempt, doc)"
            " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(job.id, sort_key(job.id), job.owner, job.kind, job.status, job.provider),
                *(job.created_at, job.completed_at, job.deadline, job.fingerprint),
                *(delivered, attempt, orjson.dumps(job.__dict__)),
            ),
        )
    db.close()
    store = SqliteStore(path)
    await store.open()

    async def joined(job: Job, retry: int) -> bool:
        made = await store.create(make(fingerprint=job.fingerprint), retry=retry)
        return made == job

    assert [await joined(job, 1) for job in (told, untold, again, done)] == [
        False,
        True,
        False,
        True,
    ]
    assert await joined(again, 2)
    assert done in (await store.page("web", status="completed")).jobs
    assert untold in (await store.page("web", status="queued")).jobs
    await store.update(untold.id, lambda job: finish(job, 6.0), known=untold)
    await store.delivered(untold)
    assert not await joined(untold, 2)
    assert {job.id for job in await store.purge(9.0, 10)} == {done.id, untold.id}
    await store.close()


async def test_a_newer_version_is_refused_and_left_alone(path):
    _pragma(path, f"user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=f"newer Anygate.*{VERSION + 1}.*{VERSION}"):
        await SqliteStore(path).open()
    assert path.read_bytes()[100:] == before[100:]
    assert _pragma(path, "user_version") == VERSION + 1


def _pragma(path: Path, pragma: str) -> object:
    db = sqlite3.connect(path)
    try:
        row = db.execute(f"PRAGMA {pragma}").fetchone()
        return row and row[0]
    finally:
        db.close()


# Searching

Operation = Callable[[sqlite3.Connection], object]


def operations(make) -> dict[str, Operation]:
    budget = Budget(9.0, 60.0)
    job = make(reserved=0.5, charged_at=60.0)
    due = Due(job.id, 0, "onysoft")
    place = sqlite_ledger.Place("web", "a", 2.0)
    line = Line("2026-01-01", "web", "gpt", "apiin", "chat")

    def change(job):
        done = job.with_task(0, state="completed", at=None)
        return replace(done, status="completed", completed_at=1.0)

    def page(kinds, status=None, after=None, ascending=False):
        query = sqlite_lists.Query("web", kinds, status, after, 20, ascending)
        return lambda db: sqlite_lists.page(db, query)

    def lease(providers, submitting):
        wanted = sqlite_queue.Wanted(submitting, providers, 8e9, 100, 60.0)
        return lambda db: sqlite_queue.lease(db, wanted, 9e9)

    return {
        "create": lambda db: sqlite_jobs.create(db, job, "k", 0, 1800.0, budget),
        "join by key": lambda db: sqlite_jobs.create(db, make(), "k", 0, 1800.0),
        "join by retry": lambda db: sqlite_jobs.create(db, make(), None, 1, 1800.0),
        "get": lambda db: sqlite_jobs.get(db, job.id),
        "delivered": lambda db: sqlite_jobs.delivered(db, [job]),
        "overdue": lambda db: sqlite_lists.overdue(db, 9e9, 10),
        "counts": sqlite_lists.counts,
        "page": page(["video"]),
        "page of all": page(None, after=job.id),
        "page of some": page(["image", "video"], ascending=True, after=job.id),
        "page of status": page(None, status="queued"),
        "lease of all": lease(None, True),
        "lease of some": lease(["apiin", "onysoft"], False),
        "postpone": lambda db: sqlite_queue.postpone(db, [(due, 1.0)]),
        "renew": lambda db: sqlite_queue.renew(db, [(job.id, 0)], 2.0),
        "next due": lambda db: sqlite_queue.next_due(db, ["apiin", "onysoft"]),
        "spend": lambda db: sqlite_queue.spend(db, "a", 10, 60.0, 1.0),
        "update": lambda db: sqlite_jobs.update(db, job.id, change),
        "release": lambda db: sqlite_jobs.release(db, job.id),
        "purge": lambda db: sqlite_jobs.purge(db, 9e9, 10),
        "admit": lambda db: sqlite_ledger.admit(db, Rates(9, 9), place, 1.0),
        "stay": lambda db: sqlite_ledger.stay(db, [place]),
        "leave": lambda db: sqlite_ledger.leave(db, "web", "a"),
        "take": lambda db: sqlite_ledger.take(db, "web", 5, 9, 1.0),
        "correct": lambda db: sqlite_ledger.correct(db, "web", 5, 1.0),
        "prune": lambda db: sqlite_ledger.prune(db, "2026-01-01", 1.0, 9e9),
        "reserve": lambda db: sqlite_ledger.reserve(db, "web", 0.5, budget, 1.0),
        "book": lambda db: sqlite_ledger.book(db, [(line, Counts(1))], []),
        "usage": lambda db: sqlite_ledger.usage(
            db, ("key", "day"), "2026-01-01", "2026-02-01", "web"
        ),
    }


def test_nothing_is_searched_from_end_to_end(path, make):
    """But what the queries themselves made, and the unfinished jobs where they are counted or asked for."""
    create_file(path)
    db = Database(path, patience=1.0).connection()
    scans: dict[str, list[str]] = {}
    for name, operation in operations(make).items():
        statements: list[str] = []
        db.set_trace_callback(statements.append)
        operation(db)
        db.set_trace_callback(None)
        assert statements
        plans = [_plan(db, statement) for statement in statements]
        scans[name] = [step for plan in plans for step in plan if _is_scan(step)]
    db.close()
    unfinished = ["SCAN jobs USING COVERING INDEX jobs_unfinished"]
    found = {name: steps for name, steps in scans.items() if steps}
    assert found == {"counts": unfinished, "page of status": unfinished}


@pytest.mark.parametrize(
    ("status", "search"),
    [
        (None, "jobs_of_kind (owner=? AND kind=? AND sort<?)"),
        ("completed", "jobs_ended (owner=? AND kind=? AND status=? AND sort<?)"),
        ("failed", "jobs_ended (owner=? AND kind=? AND status=? AND sort<?)"),
    ],
)
def test_a_listing_is_read_in_order(path, status, search):
    create_file(path)
    db = Database(path, patience=1.0).connection()
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    sqlite_lists.page(db, sqlite_lists.Query("web", ["video"], status, None, 20, False))
    db.set_trace_callback(None)
    plan = _plan(db, statements[0])
    db.close()
    assert f"SEARCH jobs USING INDEX {search}" in plan


def _plan(db: sqlite3.Connection, statement: str) -> list[str]:
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]


def _is_scan(step: str) -> bool:
    return step.startswith("SCAN") and not step.startswith(("SCAN (subquery", "SCAN CONSTANT"))
