"""The writer of a SQLite store: what runs together is committed together, and fails alone."""

import asyncio
import gc
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store.base import StoreUnavailable
from proxy.store.money import Counts, Line
from proxy.store.sqlite_connection import Connection
from proxy.store.sqlite_database import Database, create_file
from proxy.store.sqlite_errands import Errands
from proxy.store.sqlite_lane import Writer
from proxy.store.sqlite_ledger import usage


@pytest.fixture(params=["memory", "file"])
async def writer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Writer]:
    path = None if request.param == "memory" else tmp_path / "a.db"
    if path is not None:
        create_file(path)
    one = Writer(Database(path, patience=1.0))
    yield one
    await one.close()


def hit(db: sqlite3.Connection, bucket: str) -> str:
    db.execute("INSERT INTO hits VALUES (?, 1.0, random())", (bucket,))
    return bucket


def hits(db: sqlite3.Connection) -> list[str]:
    return [bucket for (bucket,) in db.execute("SELECT bucket FROM hits ORDER BY bucket")]


def hit_and_fail(db: sqlite3.Connection, bucket: str) -> str:
    hit(db, bucket)
    raise LookupError(bucket)


async def together(writer: Writer, *calls):
    """Run operations as one batch; what they gave or raised."""
    return await asyncio.gather(*(writer.call(*call) for call in calls), return_exceptions=True)


async def test_one_that_fails_undoes_only_itself(writer):
    answers = await together(writer, (hit, "a"), (hit_and_fail, "b"), (hit, "c"), (hits,))
    assert [answers[0], answers[2]] == ["a", "c"]
    assert isinstance(answers[1], LookupError)
    assert answers[3] == ["a", "c"]
    assert await writer.call(hits) == ["a", "c"]


async def test_one_that_fails_alone(writer):
    with pytest.raises(LookupError):
        await writer.call(hit_and_fail, "a")
    assert await writer.call(hits) == []


async def test_a_callers_mistake_is_not_the_stores(writer):
    answers = await together(writer, (hit, "a"), (hit, object()), (hit, "b"))
    assert isinstance(answers[1], sqlite3.Error)
    assert await writer.call(hits) == ["a", "b"]


async def test_a_fault_of_the_database_undoes_the_batch(writer):
    def search_what_is_not_there(db: sqlite3.Connection) -> None:
        db.execute("SELECT * FROM lost")

    answers = await together(writer, (hit, "a"), (search_what_is_not_there,), (hit, "b"))
    assert {type(one) for one in answers} == {StoreUnavailable}
    assert await writer.call(hits) == []


LINE = Line("2026-01-31", "a", "m", "local", "chat")


def count(db: Connection) -> None:
    """Something for the table of usage, whose line is written with those of the others."""
    known = db.lines.setdefault(LINE, Counts())
    known.add(Counts(requests=1))


def count_and_fail(db: Connection) -> None:
    hit(db, "b")
    count(db)
    raise LookupError


def counted(db: Connection) -> int:
    return sum(total.counts.requests for total in usage(db, (), "2026-01-01", "2026-12-31", None))


async def test_what_is_counted_is_committed_with_what_counted_it(writer):
    await together(writer, (count,), (count,), (count_and_fail,), (count,))
    assert await writer.call(counted) == 3


def count_too_much(db: Connection) -> None:
    """No integer of SQLite's."""
    db.lines.setdefault(LINE, Counts()).add(Counts(nanos=1 << 70))


async def test_what_cannot_be_counted_is_the_fault_of_its_operation_alone(writer):
    answers = await together(writer, (count,), (count_too_much,), (hit, "a"), (count,))
    assert [type(one) for one in answers] == [type(None), OverflowError, str, type(None)]
    assert await writer.call(counted) == 2
    assert await writer.call(hits) == ["a"]


async def test_what_is_counted_is_undone_with_its_batch(writer):
    def search_what_is_not_there(db: Connection) -> None:
        db.execute("SELECT * FROM lost")

    await together(writer, (count,), (search_what_is_not_there,))
    await together(writer, (count,))
    assert await writer.call(counted) == 1


async def test_calls_run_in_their_order(writer):
    seen: list[int] = []
    await asyncio.gather(*(writer.call(lambda db, n=n: seen.append(n)) for n in range(1000)))
    assert seen == list(range(1000))


async def test_a_cancelled_call_runs(writer):
    futures = [writer.call(hit, bucket) for bucket in "abc"]
    futures[1].cancel()
    assert await futures[2] == "c"
    assert futures[1].cancelled()
    assert await writer.call(hits) == ["a", "b", "c"]


async def test_a_database_that_may_not_grow(writer):
    """Full in the middle of a batch: all of it is undone and refused, and later ones go on."""
    await writer.call(hit, "before")
    (pages,) = await writer.call(lambda db: db.execute("PRAGMA page_count").fetchone())
    await writer.call(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    answers = await together(writer, (hit, "a"), (hit, "x" * 100_000), (hit, "b"))
    assert {type(one) for one in answers} == {StoreUnavailable}
    assert "full" in str(answers[0])
    await writer.call(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchall())
    await writer.call(hit, "x" * 100_000)
    assert await writer.call(hits) == ["before", "x" * 100_000]


async def test_batches_follow_one_another(writer):
    """More than one transaction takes, and more that come while it is committed."""
    first = [writer.call(hit, f"{n:04}") for n in range(300)]
    await first[0]
    second = [writer.call(hit, f"{n:04}") for n in range(300, 600)]
    await asyncio.gather(*first, *second)
    assert await writer.call(hits) == [f"{n:04}" for n in range(600)]


async def test_closing_runs_what_waits_and_refuses_what_comes(writer):
    futures = [writer.call(hit, bucket) for bucket in "abc"]
    closing = [asyncio.create_task(writer.close()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        writer.call(hits)
    assert await asyncio.gather(*futures) == ["a", "b", "c"]
    await asyncio.gather(*closing)


async def test_a_close_that_is_cancelled_ends_all_the_same(writer):
    future = writer.call(hit, "a")
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert await future == "a"
    await writer.close()


def test_a_loop_that_ended_is_told_nothing():
    release = threading.Event()
    before = threading.enumerate()

    async def leave() -> None:
        Errands(asyncio.get_running_loop()).run(release.wait, print, print)

    asyncio.run(leave())
    (thread,) = [one for one in threading.enumerate() if one not in before]
    release.set()
    thread.join()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted there")
def test_a_connection_that_has_failed_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    create_file(path)
    database = Database(path, patience=1.0)
    db = database.connection()
    with pytest.raises(sqlite3.IntegrityError):
        db.write("INSERT INTO hits VALUES (?, ?, ?)", (None, None, None))
    database.close()
    gc.disable()  # which would close it sooner or later
    try:
        opened = Path("/proc/self/fd").iterdir()
        names = [str(one.readlink()) for one in opened if one.is_symlink()]
    finally:
        gc.enable()
    assert [name for name in names if name.startswith(str(path))] == []
