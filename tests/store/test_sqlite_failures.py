"""A SQLite store whose disk, file or neighbours fail, and what is left after kill -9."""

import asyncio
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import proxy
from proxy.store.base import StoreUnavailable
from proxy.store.sqlite import SqliteStore
from proxy.store.sqlite_database import Database
from proxy.store.sqlite_lane import Reader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path, clock) -> AsyncIterator[SqliteStore]:
    one = SqliteStore(path, clock=clock, patience=0.05)
    await one.open()
    yield one
    await one.close()


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """Writes past that size fail as on a full disk (for root too, unlike a read-only mode)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk(store, path, make):
    job = await store.create(make())
    lost = [make() for _ in range(20)]
    with no_file_may_grow_beyond(path.with_name("jobs.db-wal").stat().st_size):
        answers = await asyncio.gather(
            *(store.create(one) for one in lost), store.ping(), return_exceptions=True
        )
        assert {type(one) for one in answers} == {StoreUnavailable}
        assert all(isinstance(one.__cause__, sqlite3.Error) for one in answers)
        assert await store.get(job.id) == job  # reading goes on
    await store.ping()
    assert [await store.get(one.id) for one in lost] == [None] * 20
    assert await store.create(lost[0]) == lost[0]
    assert await store.get(job.id) == job


@pytest.fixture
async def replaced(store, path, make) -> AsyncIterator[tuple[SqliteStore, Path, str]]:
    """A store with one job whose file was moved aside while it is open."""
    job = await store.create(make())
    aside = path.with_name("aside")
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"jobs.db{suffix}").rename(f"{aside}{suffix}")
    yield store, aside, job.id


def put_back(path: Path, aside: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"jobs.db{suffix}").unlink(missing_ok=True)
        saved = aside.with_name(f"aside{suffix}")
        if saved.exists():
            saved.rename(path.with_name(f"jobs.db{suffix}"))


@pytest.mark.parametrize("content", [None, b"no database at all, but long enough " * 100])
async def test_a_file_that_is_gone_or_corrupt(replaced, path, make, content):
    store, aside, job_id = replaced
    if content is not None:
        path.write_bytes(content)
    for call in (store.ping, lambda: store.create(make()), lambda: store.get(job_id)):
        with pytest.raises(StoreUnavailable) as raised:
            await call()
        assert isinstance(raised.value.__cause__, sqlite3.Error | OSError)
    assert path.exists() == (content is not None)  # a new one would have forgotten every job
    put_back(path, aside)
    await store.ping()
    assert (await store.get(job_id)).id == job_id
    new = await store.create(make())
    assert await store.get(new.id) == new


async def test_writes_never_go_to_a_file_that_was_replaced(replaced, path, make):
    store, _, job_id = replaced
    other = SqliteStore(path)
    await other.open()
    job = await store.create(make())
    assert await other.get(job.id) == job
    assert await store.get(job_id) is None
    await other.close()


async def test_opening_what_is_no_database(path):
    path.write_bytes(b"no database at all, but long enough " * 100)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable):
        await store.open()
    path.unlink()
    await store.open()
    await store.ping()
    await store.close()


@pytest.fixture
def neighbour(store, path) -> Iterator[sqlite3.Connection]:
    """Another process's connection, which may hold the lock for as long as it likes."""
    db = sqlite3.connect(path, isolation_level=None)
    yield db
    db.close()


async def test_a_neighbour_that_keeps_the_lock(store, neighbour, make):
    job = await store.create(make())
    neighbour.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked") as raised:
        await store.create(make())
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
    assert await store.get(job.id) == job  # a reader waits for nobody
    neighbour.execute("ROLLBACK")
    await store.ping()


async def test_waiting_for_the_lock_is_waiting(path, neighbour, clock, make):
    patient = SqliteStore(path, clock=clock, patience=5.0)
    await patient.open()
    neighbour.execute("BEGIN IMMEDIATE")
    caller = asyncio.ensure_future(patient.create(make()))
    await asyncio.sleep(0.05)  # it meets the lock: nothing else tells of that
    assert not caller.done()
    neighbour.execute("ROLLBACK")
    job = await caller
    assert await patient.get(job.id) == job
    await patient.close()


def take_the_lock(db: sqlite3.Connection) -> str:
    """Stands for a read that finds the file locked: another process recovers it after a crash."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("ROLLBACK")
    return "taken"


async def test_a_reader_that_is_locked_out_tries_again(path, neighbour):
    reader = Reader(Database(path, patience=5.0))
    neighbour.execute("BEGIN IMMEDIATE")
    caller = asyncio.create_task(reader.call(take_the_lock))
    await asyncio.sleep(0)
    neighbour.execute("ROLLBACK")
    assert await caller == "taken"
    await reader.close()


async def test_a_reader_is_locked_out_only_so_long(path, neighbour):
    reader = Reader(Database(path, patience=0.0))
    neighbour.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await reader.call(take_the_lock)
    await reader.close()


WRITER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from proxy.store.base import Entry, Job
from proxy.store.ids import new_id
from proxy.store.sqlite import SqliteStore

async def write(store):
    while True:
        job = Job(new_id("video"), "video", "video", "web", "m", "p", "p/m", "m", 1.0, 9e9)
        await store.create(job, key=job.id)
        await store.update(job.id, lambda job: job.with_task(0, state="accepted", task_id="t", at=5.0))
        print(job.id, flush=True)

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await asyncio.gather(*(write(store) for _ in range(8)))

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_kill_9(path, clock):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(proxy.__file__).parents[1],
    )
    lines = [await process.stdout.readline() for _ in range(300)]
    process.kill()
    lines += (await process.communicate())[0].splitlines(keepends=True)
    acknowledged = [line.decode().strip() for line in lines if line.endswith(b"\n")]

    store = SqliteStore(path, clock=clock)
    await store.open()
    jobs = [await store.get(job_id) for job_id in acknowledged]
    assert [job.tasks[0].task_id for job in jobs] == ["t"] * len(acknowledged)
    due = await store.lease(submitting=False, providers=None, until=9e9, limit=100_000)
    assert {one.job_id for one in due} >= set(acknowledged)
    await store.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # each job is whole: with its key, and with the entry in the queue
    (jobs_kept,) = db.execute("SELECT count(*) FROM jobs").fetchone()
    assert db.execute("SELECT count(*) FROM keys").fetchone() == (jobs_kept,)
    db.close()
