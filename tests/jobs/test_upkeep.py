"""What a worker's look at the store ends, and what it leaves time for: by clocks that a test sets."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proxy.jobs.upkeep import Upkeep
from proxy.store.base import Change, Entry, Job
from proxy.store.sqlite import SqliteStore
from tests.jobs import changes

LEASE = 20.0


class Worker:
    """A worker's upkeep over a store in memory, whose clocks stand still but for the test."""

    def __init__(self) -> None:
        self.now, self.steady = changes.NOW, 1000.0
        self.store = SqliteStore(None, clock=lambda: self.now)
        self.lease = LEASE
        self.sending: dict[str, Job] = {}
        self.accounts = {"apiin": None}
        self.upkeep = Upkeep(cast(Any, self), wall=lambda: self.now, steady=lambda: self.steady)

    async def change(self, job_id: str, change: Change) -> Job | None:
        return await self.store.update(job_id, change)

    async def passes(self, seconds: float) -> None:
        """… in which the upkeep looks every second."""
        for _ in range(int(seconds)):
            self.now += 1
            self.steady += 1
            await self.upkeep.sweep()

    async def stored(self, entry: Entry, **fields: Any) -> Job:
        return await self.store.create(changes.job().but(tasks=[entry], **fields))

    async def state(self, job: Job) -> str:
        found = await self.store.get(job.id)
        assert found is not None
        return str((found.error or {}).get("code", found.status))


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker()
    store = made.store
    await store.open()
    try:
        yield made
    finally:
        await store.close()


@pytest.mark.parametrize("step", [60.0, -3600.0])
async def test_after_the_clock_was_set_everybody_can_renew_first(
    worker: Worker, step: float
) -> None:
    """A submit that another worker is sending must not pass for an orphan's."""
    await worker.passes(LEASE)
    job = await worker.stored(Entry(state="sending", at=worker.now + LEASE), deadline=2e9)
    worker.now += step
    for _ in range(4):  # until its worker renews it, which it does every quarter of a lease
        await worker.passes(1)
    assert await worker.state(job) == "queued"
    await worker.store.renew([(job.id, 0)], worker.now + LEASE)
    await worker.passes(LEASE - 1)
    assert await worker.state(job) == "queued"


async def test_an_orphan_is_settled_after_the_clock_was_set(worker: Worker) -> None:
    await worker.passes(LEASE)
    job = await worker.stored(Entry(state="sending", at=worker.now + LEASE))
    worker.now += 60
    await worker.passes(LEASE)
    assert await worker.state(job) == "submission_ambiguous"


async def test_a_clock_that_is_set_in_the_midst_of_a_look_is_seen(worker: Worker) -> None:
    await worker.passes(LEASE)
    job = await worker.stored(Entry(state="sending", at=worker.now + LEASE), deadline=2e9)
    lease = worker.store.lease

    async def slow(**wanted: Any) -> Any:
        worker.now += 60
        return await lease(**wanted)

    worker.store = cast(Any, SimpleNamespace(**{**_methods(worker.store), "lease": slow}))
    await worker.passes(1)
    assert await worker.state(job) == "queued"


async def test_a_clock_that_is_slewed_is_not_set(worker: Worker) -> None:
    """A hundred seconds in a day, as the system does it, hold nothing up."""
    job = await worker.stored(Entry(state="sending", at=worker.now + LEASE))
    for _ in range(int(2 * LEASE)):
        worker.now += 0.001
        await worker.passes(1)
    assert await worker.state(job) == "submission_ambiguous"


async def test_a_task_that_could_not_be_asked_after_is_not_ended_by_the_deadline(
    worker: Worker,
) -> None:
    """The proxy was down over it: whoever comes back asks first. It ends where that comes to nothing."""
    job = await worker.stored(Entry(state="accepted", task_id="t", at=worker.now), deadline=1.0)
    await worker.passes(3 * LEASE)
    assert await worker.state(job) == "queued"
    await worker.passes(2)
    assert await worker.state(job) == "provider_timeout"


async def test_nor_is_one_whose_deadline_has_just_passed(worker: Worker) -> None:
    await worker.passes(4 * LEASE)
    task = Entry(state="accepted", task_id="t", at=worker.now)
    job = await worker.stored(task, deadline=worker.now)
    await worker.passes(3 * LEASE - 1)
    assert await worker.state(job) == "queued"
    await worker.passes(2)
    assert await worker.state(job) == "provider_timeout"


async def test_what_nobody_can_ask_after_ends_at_its_deadline(worker: Worker) -> None:
    task = Entry(state="accepted", task_id="t", at=worker.now)
    gone = await worker.stored(task, id="video_2", provider="gone", deadline=1.0)
    sent = await worker.stored(Entry(state="sending", at=worker.now + LEASE), deadline=1.0)
    await worker.passes(1)
    assert await worker.state(gone) == "provider_not_configured"
    assert await worker.state(sent) == "submission_ambiguous"


def _methods(store: SqliteStore) -> dict[str, Any]:
    return {name: getattr(store, name) for name in ("overdue", "ping", "update", "get")}
