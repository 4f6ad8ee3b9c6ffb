"""The thread of a SQLite store: what runs together is committed together, and fails alone."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.store.base import StoreUnavailable
from proxy.store.sqlite_lane import Lane, Place
from proxy.store.sqlite_schema import create_file


@pytest.fixture(params=["memory", "file"])
async def lane(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lane]:
    path = None if request.param == "memory" else tmp_path / "a.db"
    if path is not None:
        create_file(path)
    one = Lane(Place(path, 1.0), writes=True)
    yield one
    await one.close()


class Gate:
    """Holds the thread, so that what is called meanwhile becomes one batch."""

    def __init__(self, lane: Lane) -> None:
        self._opened = threading.Event()
        self.passed = lane.call(lambda db: self._opened.wait(10))

    def open(self) -> None:
        self._opened.set()


def hit(db: sqlite3.Connection, bucket: str) -> str:
    db.execute("INSERT INTO hits VALUES (?, 1.0, random())", (bucket,))
    return bucket


def hits(db: sqlite3.Connection) -> list[str]:
    return [bucket for (bucket,) in db.execute("SELECT bucket FROM hits ORDER BY bucket")]


def hit_and_fail(db: sqlite3.Connection, bucket: str) -> str:
    hit(db, bucket)
    raise LookupError(bucket)


async def together(lane: Lane, *calls):
    """Run operations as one batch; what they gave or raised."""
    gate = Gate(lane)
    futures = [lane.call(*call) for call in calls]
    gate.open()
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_one_that_fails_undoes_only_itself(lane):
    answers = await together(lane, (hit, "a"), (hit_and_fail, "b"), (hit, "c"), (hits,))
    assert [answers[0], answers[2]] == ["a", "c"]
    assert isinstance(answers[1], LookupError)
    assert answers[3] == ["a", "c"]
    assert await lane.call(hits) == ["a", "c"]


async def test_one_that_fails_alone(lane):
    with pytest.raises(LookupError):
        await lane.call(hit_and_fail, "a")
    assert await lane.call(hits) == []


async def test_a_callers_mistake_is_not_the_stores(lane):
    answers = await together(lane, (hit, "a"), (hit, object()), (hit, "b"))
    assert isinstance(answers[1], sqlite3.Error)
    assert await lane.call(hits) == ["a", "b"]


async def test_calls_run_in_their_order(lane):
    seen: list[int] = []
    await asyncio.gather(*(lane.call(lambda db, n=n: seen.append(n)) for n in range(1000)))
    assert seen == list(range(1000))


async def test_a_cancelled_call_runs(lane):
    gate = Gate(lane)
    futures = [lane.call(hit, bucket) for bucket in "abc"]
    futures[1].cancel()
    gate.open()
    assert await futures[2] == "c"
    assert futures[1].cancelled()
    assert await lane.call(hits) == ["a", "b", "c"]


async def test_a_database_that_may_not_grow(lane):
    """Full in the middle of a batch: all of it is undone and refused, and later ones go on."""
    await lane.call(hit, "before")
    (pages,) = await lane.call(lambda db: db.execute("PRAGMA page_count").fetchone())
    await lane.call(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    answers = await together(lane, (hit, "a"), (hit, "x" * 100_000), (hit, "b"))
    assert {type(one) for one in answers} == {StoreUnavailable}
    assert "full" in str(answers[0])
    await lane.call(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchall())
    await lane.call(hit, "x" * 100_000)
    assert await lane.call(hits) == ["before", "x" * 100_000]


async def test_closing_runs_what_waits_and_refuses_what_comes(lane):
    gate = Gate(lane)
    futures = [lane.call(hit, bucket) for bucket in "abc"]
    closing = [asyncio.create_task(lane.close()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        lane.call(hits)
    gate.open()
    assert await asyncio.gather(*futures) == ["a", "b", "c"]
    await asyncio.gather(*closing)


async def test_a_close_that_is_cancelled_may_be_repeated(lane):
    gate = Gate(lane)
    closing = asyncio.create_task(lane.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    gate.open()
    await lane.close()


def test_a_loop_that_ended_is_told_nothing():
    async def leave() -> Gate:
        lane = Lane(Place(None, 1.0), writes=True)
        gate = Gate(lane)
        closing = asyncio.create_task(lane.close())  # cancelled with the loop, like its caller
        await asyncio.sleep(0)
        assert not closing.done()
        return gate

    gate = asyncio.run(leave())
    (thread,) = [one for one in threading.enumerate() if one.name == "anygate-store"]
    gate.open()
    thread.join()
