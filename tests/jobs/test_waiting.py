"""Waiting for a job: told by this worker, looked for where another one works, and never for ever."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from proxy.jobs.waiting import Waiting
from proxy.store.base import Entry, Job, StoreUnavailable
from proxy.store.ids import new_id
from proxy.store.sqlite import SqliteStore
from tests.eventually import becoming
from tests.jobs import changes
from tests.jobs.conftest import Shaky

LONG = 30.0


@pytest.fixture
async def store() -> AsyncIterator[Shaky]:
    one = SqliteStore(None)
    await one.open()
    yield Shaky(one)
    await one.close()


@pytest.fixture
def sent_here() -> dict[str, Job]:
    """What this worker is sending."""
    return {}


@pytest.fixture
async def waiting(store: Shaky, sent_here: dict[str, Job]) -> AsyncIterator[Waiting]:
    one = Waiting(store, sent_here)
    yield one
    await one.stop()


async def stored(store: Shaky) -> Job:
    now = time.time()
    return await store.create(changes.job(id=new_id("video"), created_at=now, deadline=now + 1800))


async def waited_for(store: Shaky, waiting: Waiting) -> tuple[Job, "asyncio.Task[Job | None]"]:
    """A job, and the waiting for its end."""
    job = await stored(store)
    found = asyncio.create_task(waiting.wait(job.id, done, LONG, known=job))
    await asyncio.sleep(0)
    return job, found


def done(job: Job) -> bool:
    return job.ended


def completed(job: Job) -> Job:
    return job.but(status="completed", completed_at=time.time())


async def test_what_happens_here_is_told_without_a_look(store: Shaky, waiting: Waiting) -> None:
    job, found = await waited_for(store, waiting)
    waiting.tell(job.but(progress=50))
    assert not found.done()
    told = completed(job)
    waiting.tell(told)
    assert await found is told
    assert not store.asked["get"] and not store.asked["several"]


async def test_what_another_worker_does_is_seen_by_one_look_of_all(
    store: Shaky, waiting: Waiting
) -> None:
    jobs = [await stored(store) for _ in range(150)]
    waits = [asyncio.create_task(waiting.wait(one.id, done, LONG, known=one)) for one in jobs]
    await asyncio.sleep(0)
    for job in jobs:
        await store.update(job.id, completed)
    assert [found.status for found in await asyncio.gather(*waits) if found] == ["completed"] * 150
    assert (store.asked["several"], store.asked["get"]) == (2, 0)


async def test_nobody_looks_for_a_job_before_it_is_due(
    store: Shaky, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for one whose gateway may call another worker."""
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    jobs = [await stored(store) for _ in range(3)]
    waits = [asyncio.create_task(waiting.wait(one.id, done, LONG, known=one)) for one in jobs]
    await asyncio.sleep(0)
    later, soon = time.time() + LONG, time.time() + 0.05
    waiting.tell(jobs[0].with_task(0, state="running", at=later).but(callback="secret"))
    waiting.tell(jobs[1].with_task(0, state="running", at=soon))
    waiting.tell(jobs[2].with_task(0, state="running", at=later))
    for job in jobs:
        await store.update(job.id, completed)
    assert [found.status for found in await asyncio.gather(*waits[:2]) if found] == [
        "completed"
    ] * 2
    looks = store.asked["several"]
    await asyncio.sleep(0.05)
    assert (waits[2].done(), store.asked["several"]) == (False, looks)
    waiting.tell(completed(jobs[2]))
    assert (await waits[2] or jobs[2]).ended


async def ends_elsewhere(store: Shaky, job: Job, found: "asyncio.Task[Job | None]") -> None:
    """Another worker ends the job, and whoever waits for it sees that before its time is over."""
    await store.update(job.id, completed)
    assert (told := await asyncio.wait_for(found, LONG / 3)) is not None and told.ended


async def test_one_that_is_still_being_sent_is_looked_for(
    store: Shaky, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another worker, of which nothing is heard: though its first task is not due yet."""
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    monkeypatch.setattr("proxy.jobs.waiting._QUIET", LONG)
    job, found = await waited_for(store, waiting)
    later = time.time() + LONG
    tasks = [Entry(state="accepted", at=later), Entry(state="sending", at=later)]
    waiting.tell(job.but(tasks=tasks))
    await ends_elsewhere(store, job, found)


async def test_what_is_being_sent_here_is_read_by_one_alone(
    store: Shaky, waiting: Waiting, sent_here: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else does anything to it; but whoever waits is to know when the store is away."""
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    jobs = [await stored(store) for _ in range(3)]
    sent_here |= {job.id: job for job in jobs}
    waits = [asyncio.create_task(waiting.wait(one.id, done, LONG, known=one)) for one in jobs]
    await becoming(lambda: store.asked["several"] > 2)
    assert [waiting.told(job.id) is None for job in jobs] == [False, True, True]
    monkeypatch.setattr("proxy.jobs.waiting._PATIENCE", 0.0)
    store.away = {"several"}
    errors = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in errors] == [StoreUnavailable] * 3


async def test_one_that_was_sent_here_beyond_its_deadline_is_looked_for(
    store: Shaky, waiting: Waiting, sent_here: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any worker may end it then."""
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    first, _ = await waited_for(store, waiting)
    job, found = await waited_for(store, waiting)
    sent_here |= {first.id: first, job.id: job.but(deadline=time.time() + 0.05)}
    await ends_elsewhere(store, job, found)


async def test_a_clock_that_is_behind_makes_nobody_wait_until_a_poll_is_due(
    store: Shaky, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    monkeypatch.setattr("proxy.jobs.waiting._QUIET", 0.05)
    job, found = await waited_for(store, waiting)
    waiting.tell(job.with_task(0, state="running", at=time.time() + LONG))
    await ends_elsewhere(store, job, found)


async def test_two_short_outages_are_not_one_long_one(
    store: Shaky, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between them nobody looked, since the job was not due."""
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    job, found = await waited_for(store, waiting)
    store.away = {"several"}
    await becoming(lambda: waiting._lost is not None)
    waiting.tell(job.with_task(0, state="running", at=time.time() + LONG))
    await becoming(lambda: waiting._lost is None)
    found.cancel()
    await asyncio.gather(found, return_exceptions=True)


async def test_a_job_that_is_gone_is_waited_for_no_longer(store: Shaky, waiting: Waiting) -> None:
    job = await stored(store)
    found = asyncio.create_task(waiting.wait(job.id, done, LONG))
    await asyncio.sleep(0)
    await store.update(job.id, lambda one: one.but(status="completed", completed_at=1.0))
    assert [one.id for one in await store.purge(2.0, 10)] == [job.id]
    assert await found is None


async def test_a_moment_without_the_store_is_nobodys_affair(
    store: Shaky, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.jobs.waiting._LOOK", 0.01)
    job, found = await waited_for(store, waiting)
    store.away = {"several"}
    await becoming(lambda: waiting._lost is not None)
    assert not found.done()
    store.away = set()
    await store.update(job.id, completed)
    assert (told := await found) is not None and told.ended
    assert waiting._lost is None  # the next outage has all of its time again


async def test_who_waits_while_the_store_is_away_is_told_so(
    store: Shaky, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.jobs.waiting._PATIENCE", 0.0)
    job = await stored(store)
    waits = [asyncio.create_task(waiting.wait(job.id, done, LONG)) for _ in range(2)]
    await asyncio.sleep(0)
    store.away = {"several"}
    errors = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in errors] == [StoreUnavailable] * 2
    assert errors[0] is not errors[1]
    store.away = set()
    await store.update(job.id, completed)
    later = waiting.wait(job.id, done, LONG, known=job)  # the looks have not ended with it
    assert (found := await later) is not None and found.ended


async def test_after_its_time_one_gets_the_job_as_it_stands(store: Shaky, waiting: Waiting) -> None:
    job = await stored(store)
    found = asyncio.create_task(waiting.wait(job.id, done, 0.05, known=job))
    await asyncio.sleep(0)
    await store.update(job.id, lambda one: one.but(progress=40))
    assert (await found or job).progress == 40
    assert (await waiting.wait(job.id, done, 0.0) or job).progress == 40
