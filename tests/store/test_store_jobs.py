"""What every store promises about jobs: making, joining, changing and forgetting them."""

import asyncio
from dataclasses import replace

import pytest

from proxy.store.base import Entry, Job, KeyReused, Store


def finish(job: Job, at: float, status: str = "completed") -> Job:
    ended = [replace(task, state=status, at=None) for task in job.tasks]
    return replace(job, status=status, completed_at=at, tasks=ended)


async def test_a_job_comes_back_as_it_was_stored(store, make):
    job = make(
        request={"prompt": "a cät", "seed": 7, "nested": {"list": [1, 2.5, None]}},
        ordered={"resolution": "720p", "seconds": 4},
        tasks=[Entry(at=1.5), Entry(state="failed", error={"code": "x"}, assets=[{"url": "u"}])],
        dropped=["style"],
        webhook="https://example.com",
    )
    assert await store.create(job) is job
    assert await store.get(job.id) == job


async def test_an_unknown_job_is_none(store):
    assert await store.get("video_unknown") is None
    assert await store.update("video_unknown", lambda job: job) is None


async def test_several_at_once(store, make):
    jobs = [await store.create(make()) for _ in range(3)]
    asked = [jobs[2].id, "video_unknown", jobs[0].id]
    found = await store.several(asked)
    assert {job.id: job for job in found} == {job.id: job for job in (jobs[0], jobs[2])}
    assert await store.several([]) == []


async def test_ping(store):
    await store.ping()


async def test_the_same_id_twice_is_refused(store, make):
    job = await store.create(make())
    with pytest.raises(ValueError, match=job.id):
        await store.create(replace(job, model="other"))
    assert await store.get(job.id) == job


# Idempotency keys


async def test_a_key_joins_its_job(store, make):
    first = await store.create(make(), key="k")
    second = make()
    assert await store.create(second, key="k") == first
    assert await store.get(second.id) is None


async def test_a_key_gives_the_newest_state(store, make):
    first = await store.create(make(), key="k")
    done = await store.update(first.id, lambda job: finish(job, 5.0))
    assert await store.create(make(), key="k") == done


async def test_a_key_belongs_to_its_owner(store, make):
    await store.create(make(owner="web"), key="k")
    other = make(owner="app")
    assert await store.create(other, key="k") is other


async def test_a_key_with_another_body_is_refused(store, make):
    first = await store.create(make(fingerprint="a"), key="k")
    second = make(fingerprint="b")
    with pytest.raises(KeyReused):
        await store.create(second, key="k")
    assert await store.get(second.id) is None
    assert await store.create(make(fingerprint="a"), key="k") == first


async def test_different_keys_are_different_requests_even_as_retries(store, make):
    await store.create(make(), key="k1")
    second = make()
    assert await store.create(second, key="k2", retry=1) is second


async def test_a_key_is_alive_while_its_job_goes_on_even_deleted(store, make):
    first = await store.create(make(), key="k")
    await store.update(first.id, lambda job: replace(job, deleted=True))
    assert (await store.create(make(), key="k")).id == first.id


@pytest.mark.parametrize("order", [("deleted", "status"), ("status", "deleted")])
@pytest.mark.parametrize("how", [{"key": "k"}, {"retry": 1}])
async def test_nothing_joins_a_job_that_is_deleted_and_has_ended(store, make, order, how):
    ends = {"deleted": True, "status": "completed"}
    first = await store.create(make(), key=how.get("key"))
    for name in order:
        await store.update(first.id, lambda job, name=name: replace(job, **{name: ends[name]}))
    second = make()
    assert await store.create(second, **how) is second
    await store.update(first.id, lambda job: replace(job, cost=1.0))  # which comes late
    assert (await store.create(make(), **{**how, "retry": 2})).id == second.id


async def test_release_frees_the_key_and_ends_joining(store, make):
    first = await store.create(make(), key="k")
    await store.release(first.id)
    second = make(fingerprint="other")
    assert await store.create(second, key="k") is second
    third = make(fingerprint=first.fingerprint)
    assert await store.create(third, retry=1) is third
    assert await store.get(first.id) == first


async def test_release_leaves_a_key_that_another_job_holds(store, make):
    first = await store.create(make(), key="k")
    await store.release(first.id)
    second = await store.create(make(), key="k")
    await store.release(first.id)
    assert await store.create(make(), key="k") == second


async def test_release_of_an_unknown_job_is_nothing(store, make):
    await store.release("video_unknown")
    await store.delivered(make())


# Automatic retries


async def test_a_retry_joins_the_undelivered_job(store, make):
    first = await store.create(make())
    second = make()
    assert await store.create(second, retry=1) == first
    assert await store.get(second.id) is None


async def test_a_first_request_joins_nothing(store, make):
    await store.create(make())
    second = make()
    assert await store.create(second) is second


@pytest.mark.parametrize("fields", [{"owner": "app"}, {"fingerprint": "f2"}])
async def test_a_retry_of_something_else_joins_nothing(store, make, fields):
    await store.create(make())
    second = make(**fields)
    assert await store.create(second, retry=1) is second


async def test_a_delivered_job_is_not_joined(store, make):
    first = await store.create(make())
    await store.delivered(first)
    second = make()
    assert await store.create(second, retry=1) is second


async def test_nobody_has_to_wait_for_a_delivery(store, make):
    first = await store.create(make())
    noting = store.delivered(first)
    second = make()
    assert await store.create(second, retry=1) is second
    await noting


async def test_a_finished_job_is_joined_until_it_is_delivered(store, make):
    first = await store.create(make())
    done = await store.update(first.id, lambda job: finish(job, 5.0))
    assert await store.create(make(), retry=1) == done


async def test_recent_counts_from_the_new_jobs_creation(store, make):
    first = await store.create(make(created_at=1000.0))
    late = make(created_at=1100.5)
    assert await store.create(late, retry=1, recent=100.0) is late
    assert await store.create(make(created_at=1100.0), retry=2, recent=100.0) == first


async def test_the_oldest_is_joined_and_each_retry_joins_a_job_once(store, make):
    first = await store.create(make(created_at=1000.0))
    second = await store.create(make(created_at=1001.0))
    assert await store.create(make(created_at=1002.0), retry=1) == first
    assert await store.create(make(created_at=1002.0), retry=1) == second
    assert await store.create(make(created_at=1003.0), retry=2) == first
    assert await store.create(make(created_at=1003.0), retry=2) == second


async def test_a_lower_retry_does_not_join_what_a_higher_one_has(store, make):
    first = await store.create(make())
    assert await store.create(make(), retry=2) == first
    other = make()
    assert await store.create(other, retry=1) is other


async def test_a_job_that_a_retry_made_is_joined_by_the_next_one_only(store, make):
    first = await store.create(make(), retry=1)
    equal = make()
    assert await store.create(equal, retry=1) is equal
    assert await store.create(make(), retry=2) == first


async def test_joining_survives_an_update(store, make):
    first = await store.create(make())
    await store.create(make(), retry=1)
    await store.update(first.id, lambda job: replace(job, progress=50))
    other = make()
    assert await store.create(other, retry=1) is other
    assert (await store.create(make(), retry=2)).id == first.id


# Updates


async def test_update_gives_the_new_state(store, make):
    job = await store.create(make())
    new = await store.update(job.id, lambda job: replace(job, progress=40))
    assert new == replace(job, progress=40)
    assert await store.get(job.id) == new


async def test_a_declined_update_changes_nothing(store, make):
    job = await store.create(make())
    assert await store.update(job.id, lambda job: None) is None
    assert await store.get(job.id) == job


async def test_an_update_may_leave_the_job_as_it_is(store, make):
    job = await store.create(make())
    assert await store.update(job.id, lambda job: job) == job


async def test_what_the_caller_knows_is_only_believed_where_it_still_stands(store, make):
    job = await store.create(make(deadline=5.0))
    moved = await store.update(job.id, lambda one: replace(one, progress=40), known=job)
    assert moved == await store.get(job.id) == replace(job, progress=40)
    both = await store.update(job.id, lambda one: replace(one, cost=0.5), known=job)
    assert both == await store.get(job.id) == replace(job, progress=40, cost=0.5)
    assert await store.update(job.id, lambda one: one, known=job) == both
    late = await store.update(job.id, lambda one: None if one.progress else one, known=job)
    assert (late, await store.get(job.id)) == (None, both)
    gone = make()
    assert await store.update(gone.id, lambda one: replace(one, progress=1), known=gone) is None


async def test_what_a_change_raises_reaches_the_caller(store, make):
    job = await store.create(make())

    def wrong(job: Job) -> Job:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await store.update(job.id, wrong)
    assert await store.get(job.id) == job


async def test_one_that_raises_does_not_disturb_the_others(store, make):
    job = await store.create(make())

    def step(number: int) -> Job | None:
        def change(job: Job) -> Job:
            if number % 3 == 0:
                raise LookupError(number)
            return replace(job, progress=job.progress + 1)

        return store.update(job.id, change)

    answers = await asyncio.gather(*(step(n) for n in range(30)), return_exceptions=True)
    assert [isinstance(one, LookupError) for one in answers] == [n % 3 == 0 for n in range(30)]
    assert (await store.get(job.id)).progress == 20


async def test_concurrent_updates_are_all_applied(store, make):
    job = await store.create(make())

    async def add(number: int) -> Job:
        return await store.update(job.id, lambda job: replace(job, media=[*job.media, str(number)]))

    await asyncio.gather(*(add(number) for number in range(100)))
    assert sorted((await store.get(job.id)).media, key=int) == [str(n) for n in range(100)]


async def test_concurrent_creates_with_one_key_make_one_job(store: Store, make):
    jobs = [make() for _ in range(50)]
    answers = await asyncio.gather(*(store.create(job, key="k") for job in jobs))
    assert len({job.id for job in answers}) == 1
    assert len([job for job in jobs if await store.get(job.id)]) == 1


async def created(store: Store, job: Job) -> Job:
    return await store.create(job)


async def test_a_cancelled_caller_does_not_stop_its_write(store, make):
    jobs = [make() for _ in range(20)]
    callers = [asyncio.create_task(created(store, job)) for job in jobs]
    await asyncio.sleep(0)  # every one of them has handed its job over
    for caller in callers[::2]:
        caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in answers] == [True, False] * 10
    await store.ping()
    assert [await store.get(job.id) for job in jobs] == jobs


# Deadlines, counts and retention


async def test_overdue_are_the_unfinished_past_their_deadline(store, make, clock):
    now = clock.now
    late = await store.create(make(deadline=now - 5))
    later = await store.create(make(deadline=now - 10, deleted=True))
    await store.create(make(deadline=now + 5))
    done = await store.create(make(deadline=now - 10))
    await store.update(done.id, lambda job: finish(job, now))
    assert await store.overdue(10) == [later.id, late.id]
    assert await store.overdue(1) == [later.id]
    clock.now += 6
    assert len(await store.overdue(10)) == 3


async def test_overdue_follows_a_moved_deadline(store, make, clock):
    job = await store.create(make(deadline=clock.now - 5))
    await store.update(job.id, lambda job: replace(job, deadline=clock.now + 5))
    assert await store.overdue(10) == []


async def test_counts_are_of_the_unfinished(store, make):
    assert await store.counts() == {}
    for provider, status in (
        ("a", "queued"),
        ("a", "queued"),
        ("a", "in_progress"),
        ("b", "queued"),
    ):
        await store.create(make(provider=provider, status=status))
    done = await store.create(make(provider="a"))
    await store.update(done.id, lambda job: finish(job, 1.0, "failed"))
    moved = await store.create(make(provider="c"))
    await store.update(moved.id, lambda job: replace(job, provider="b"))
    assert await store.counts() == {("a", "queued"): 2, ("a", "in_progress"): 1, ("b", "queued"): 2}


async def test_purge_takes_what_completed_before_then(store, make, clock):
    jobs = [await store.create(make(tasks=[Entry(at=1.0)]), key=f"k{n}") for n in range(4)]
    for number, job in enumerate(jobs[:3]):
        jobs[number] = await store.update(
            job.id, lambda job, at=100.0 + number: replace(job, status="failed", completed_at=at)
        )
    assert await store.purge(100.0, 10) == []
    assert await store.purge(102.0, 10) == jobs[:2]
    assert [await store.get(job.id) for job in jobs] == [None, None, jobs[2], jobs[3]]
    again = make(fingerprint="other")
    assert await store.create(again, key="k0") is again  # its key went with it
    due = await store.lease(submitting=True, providers=None, until=clock.now + 9, limit=10)
    assert {one.job_id for one in due} == {jobs[2].id, jobs[3].id}  # and its task


async def test_purge_takes_the_oldest_and_no_more_than_asked(store, make):
    jobs = [await store.create(make()) for _ in range(3)]
    for job, at in zip(jobs, (3.0, 1.0, 2.0), strict=True):
        await store.update(job.id, lambda job, at=at: finish(job, at))
    assert [job.id for job in await store.purge(10.0, 2)] == [jobs[1].id, jobs[2].id]
    assert [job.id for job in await store.purge(10.0, 2)] == [jobs[0].id]
    assert await store.purge(10.0, 2) == []


async def test_purge_never_takes_an_unfinished_job(store, make):
    job = await store.create(make(completed_at=1.0))
    assert await store.purge(10.0, 10) == []
    assert await store.get(job.id) == job
