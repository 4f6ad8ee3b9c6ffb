"""What holds when several worker processes share a store."""

import asyncio
from dataclasses import replace

import pytest

from proxy.store.base import KeyReused


async def test_each_sees_what_the_other_wrote(workers, make):
    one, two = workers
    job = await one.create(make())
    assert await two.get(job.id) == job
    new = await two.update(job.id, lambda job: replace(job, progress=9))
    assert await one.get(job.id) == new
    assert (await one.page("web")).jobs == [new]


async def test_a_task_is_leased_to_one(workers, make, clock):
    jobs = [await workers[0].create(make.polled(clock.now)) for _ in range(60)]
    leases = await asyncio.gather(
        *(
            worker.lease(submitting=False, providers=None, until=clock.now + 20, limit=7)
            for worker in workers * 10
        )
    )
    leased = [one.job_id for due in leases for one in due]
    assert sorted(leased) == sorted(job.id for job in jobs)


async def test_creates_with_one_key_make_one_job(workers, make):
    jobs = [make() for _ in range(40)]
    answers = await asyncio.gather(
        *(workers[n % 2].create(job, key="k") for n, job in enumerate(jobs))
    )
    assert len({job.id for job in answers}) == 1
    assert len((await workers[0].page("web", limit=100)).jobs) == 1
    with pytest.raises(KeyReused):
        await workers[1].create(make(fingerprint="other"), key="k")


async def test_retries_join_across_workers(workers, make):
    first = await workers[0].create(make())
    answers = await asyncio.gather(*(worker.create(make(), retry=1) for worker in workers))
    assert len([job for job in answers if job == first]) == 1


async def test_updates_are_all_applied(workers, make):
    job = await workers[0].create(make())

    def add(job):
        return replace(job, progress=job.progress + 1)

    await asyncio.gather(*(workers[n % 2].update(job.id, add) for n in range(100)))
    assert (await workers[1].get(job.id)).progress == 100


async def test_they_share_the_limits(workers):
    waits = await asyncio.gather(*(workers[n % 2].spend("a", 5) for n in range(20)))
    assert waits.count(0.0) == 5


async def test_a_job_is_purged_by_one(workers, make):
    for _ in range(20):
        await workers[0].create(make(status="failed", completed_at=1.0, tasks=[]))
    purged = await asyncio.gather(*(worker.purge(2.0, 5) for worker in workers * 3))
    assert len({job.id for jobs in purged for job in jobs}) == 20
    assert sum(len(jobs) for jobs in purged) == 20
