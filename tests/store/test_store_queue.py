"""What every store promises about the queue: which task is due, when, and for whom."""

from dataclasses import replace

from proxy.store.base import NOTIFY, WEBHOOKS, Due, Entry, Job


def ids(due: list[Due]) -> list[tuple[str, int]]:
    return [(one.job_id, one.index) for one in due]


async def poll(store, clock, limit=100, providers=None, lease=20.0, **more):
    return await store.lease(
        submitting=False, providers=providers, until=clock.now + lease, limit=limit, **more
    )


async def orphans(store, clock, limit=100, providers=None, lease=20.0):
    return await store.lease(
        submitting=True, providers=providers, until=clock.now + lease, limit=limit
    )


async def test_a_task_is_due_at_its_time(store, make, clock):
    job = await store.create(make.polled(clock.now + 5))
    assert await poll(store, clock) == []
    clock.now += 5
    assert await poll(store, clock) == [Due(job.id, 0, "onysoft")]


async def test_a_lease_is_exclusive_until_it_ends(store, make, clock):
    job = await store.create(make.polled(clock.now))
    assert len(await poll(store, clock)) == 1
    clock.now += 19.9
    assert await poll(store, clock) == []
    clock.now += 0.1
    assert ids(await poll(store, clock)) == [(job.id, 0)]


async def test_the_oldest_are_leased_first(store, make, clock):
    jobs = [await store.create(make.polled(clock.now - ago)) for ago in (1, 3, 2)]
    assert ids(await poll(store, clock, limit=2)) == [(jobs[1].id, 0), (jobs[2].id, 0)]
    assert ids(await poll(store, clock, limit=2)) == [(jobs[0].id, 0)]


async def test_the_oldest_are_first_across_providers(store, make, clock):
    jobs = [
        await store.create(make.polled(clock.now - ago, provider=provider))
        for ago, provider in ((1, "a"), (3, "b"), (2, "a"))
    ]
    due = await poll(store, clock, limit=2, providers=["a", "b"])
    assert due == [Due(jobs[1].id, 0, "b"), Due(jobs[2].id, 0, "a")]


async def test_only_of_the_providers_asked_for(store, make, clock):
    for provider in ("a", "b", "c"):
        await store.create(make.polled(clock.now, provider=provider))
    assert await poll(store, clock, providers=[]) == []
    assert await poll(store, clock, providers=["x"]) == []
    assert {one.provider for one in await poll(store, clock, providers=iter(["a", "a"]))} == {"a"}
    assert {one.provider for one in await poll(store, clock)} == {"b", "c"}


async def test_what_is_further_ahead_than_any_wait_is_due_now(store, make, clock):
    """Its time is one of before the clock was set back."""
    late = await store.create(make.polled(clock.now + 3600))
    await store.create(make.polled(clock.now + 80))
    await store.create(make.polled(clock.now + 3600, provider="other"))
    due = await store.create(make.polled(clock.now - 1))
    wanted = {"providers": ["nobody", "onysoft"], "longest": 80.0}
    assert ids(await poll(store, clock, limit=1, **wanted)) == [(due.id, 0)]
    [found] = await poll(store, clock, **wanted)
    assert (found.job_id, found.at) == (late.id, clock.now)
    assert await poll(store, clock, **wanted) == []
    clock.now += 20
    assert set(ids(await poll(store, clock, **wanted))) == {(due.id, 0), (late.id, 0)}


async def test_a_webhook_may_wait_for_longer_than_any_poll(store, make, clock):
    job = await store.create(make(tasks=[Entry(state="completed")]))
    await store.update(job.id, lambda job: replace(job, notify_at=clock.now + 14 * 3600))
    wanted = {"providers": ["onysoft", WEBHOOKS], "longest": 80.0}
    assert await poll(store, clock, **wanted) == []
    clock.now -= 11 * 3600
    assert await poll(store, clock, **wanted) == [Due(job.id, NOTIFY, WEBHOOKS)]


async def test_no_submit_is_an_orphan_for_standing_far_ahead(store, make, clock):
    """A replica whose clock is ahead may be sending it."""
    await store.create(make(tasks=[Entry(at=clock.now + 3600)]))
    assert await orphans(store, clock) == []


async def test_a_limit_of_none_leases_none(store, make, clock):
    await store.create(make.polled(clock.now))
    assert await poll(store, clock, limit=0) == []
    assert len(await poll(store, clock, limit=1)) == 1


async def test_submits_and_polls_are_two_queues(store, make, clock):
    new = await store.create(make(tasks=[Entry(at=clock.now)]))
    sending = await store.create(make(tasks=[Entry(state="sending", at=clock.now)]))
    polled = await store.create(make.polled(clock.now))
    assert ids(await poll(store, clock)) == [(polled.id, 0)]
    assert set(ids(await orphans(store, clock))) == {(new.id, 0), (sending.id, 0)}


async def test_each_task_of_a_job_has_its_own_entry(store, make, clock):
    tasks = [
        Entry(state="accepted", at=clock.now),
        Entry(state="completed", at=clock.now),
        Entry(state="accepted"),
        Entry(state="sending", at=clock.now),
    ]
    job = await store.create(make(tasks=tasks))
    assert ids(await poll(store, clock)) == [(job.id, 0)]
    assert ids(await orphans(store, clock)) == [(job.id, 3)]


async def test_the_queue_follows_the_tasks(store, make, clock):
    def task(**changes):
        return lambda job: job.with_task(0, **changes)

    job = await store.create(make(tasks=[Entry(at=clock.now)]))
    await store.update(job.id, task(state="accepted", at=clock.now + 1))
    assert await orphans(store, clock) == []
    assert await poll(store, clock) == []
    clock.now += 1
    assert len(await poll(store, clock)) == 1

    await store.update(job.id, task(at=None))
    clock.now += 1000
    assert await poll(store, clock) == []

    await store.update(job.id, task(at=clock.now))
    assert len(await poll(store, clock)) == 1

    await store.update(job.id, task(state="failed", at=clock.now))
    clock.now += 1000
    assert await poll(store, clock) == []


async def test_tasks_may_come_and_go(store, make, clock):
    job = await store.create(make(tasks=[]))
    three = [Entry(at=clock.now)] * 3
    await store.update(job.id, lambda job: replace(job, tasks=three))
    await store.update(job.id, lambda job: replace(job, tasks=job.tasks[:2]))
    assert set(ids(await orphans(store, clock))) == {(job.id, 0), (job.id, 1)}


async def test_a_finished_job_may_still_have_a_task_to_poll(store, make, clock):
    job = await store.create(make.polled(clock.now))
    await store.update(job.id, lambda job: replace(job, status="failed", completed_at=clock.now))
    assert ids(await poll(store, clock)) == [(job.id, 0)]


async def test_a_change_of_provider_moves_the_tasks(store, make, clock):
    job = await store.create(make(tasks=[Entry(state="sending", at=clock.now)]))
    await store.update(job.id, lambda job: replace(job, provider="other"))
    assert await orphans(store, clock, providers=["onysoft"]) == []
    assert await orphans(store, clock, providers=["other"]) == [Due(job.id, 0, "other")]


async def test_a_change_that_leaves_the_time_alone_keeps_the_lease(store, make, clock):
    job = await store.create(make.polled(clock.now))
    await poll(store, clock)

    def rename(job: Job) -> Job:
        return replace(job.with_task(0, progress=50), deleted=True, provider="other")

    await store.update(job.id, rename)
    assert await poll(store, clock) == []
    clock.now += 20
    assert await poll(store, clock) == [Due(job.id, 0, "other")]


async def test_postpone_sets_the_time_alone(store, make, clock):
    jobs = [await store.create(make.polled(clock.now)) for _ in range(3)]
    due = await poll(store, clock)
    await store.postpone((one, clock.now + wait) for one, wait in zip(due, (1, 2, 3), strict=True))
    clock.now += 2
    assert ids(await poll(store, clock)) == ids(due[:2])
    assert await store.get(jobs[0].id) == jobs[0]


async def test_postpone_may_also_bring_forward(store, make, clock):
    job = await store.create(make.polled(clock.now + 100))
    await store.postpone([(Due(job.id, 0, "onysoft"), clock.now)])
    assert len(await poll(store, clock)) == 1


async def test_postpone_does_not_revive_what_has_ended(store, make, clock):
    job = await store.create(make.polled(clock.now))
    due = await poll(store, clock)
    await store.update(job.id, lambda job: job.with_task(0, state="completed"))
    await store.postpone([(due[0], clock.now)])
    await store.postpone([(Due("video_unknown", 0, "onysoft"), clock.now)])
    await store.postpone([])
    assert await poll(store, clock) == []


async def test_next_due_is_the_earliest_poll_of_these_providers(store, make, clock):
    assert await store.next_due(["a", "b"]) is None
    await store.create(make.polled(clock.now + 3, provider="a"))
    await store.create(make.polled(clock.now + 2, provider="b"))
    await store.create(make.polled(clock.now + 1, provider="c"))
    await store.create(make(provider="a", tasks=[Entry(at=clock.now)]))  # a submit is no poll
    assert await store.next_due(["a", "b"]) == clock.now + 2
    assert await store.next_due(iter(["a"])) == clock.now + 3
    assert await store.next_due([]) is None
    assert await store.next_due(["x"]) is None


async def test_next_due_sees_leases(store, make, clock):
    await store.create(make.polled(clock.now))
    await poll(store, clock, lease=20)
    assert await store.next_due(["onysoft"]) == clock.now + 20


async def test_renew_extends_submit_leases(store, make, clock):
    kept = await store.create(make())
    lost = await store.create(make())
    clock.now += 15
    await store.renew([(kept.id, 0), (kept.id, 7), ("video_unknown", 0)], clock.now + 20)
    clock.now += 5
    assert ids(await orphans(store, clock)) == [(lost.id, 0)]
    clock.now += 15
    assert (kept.id, 0) in ids(await orphans(store, clock))


async def test_renew_never_shortens(store, make, clock):
    job = await store.create(make(tasks=[Entry(at=clock.now + 20)]))
    await store.renew([(job.id, 0)], clock.now)
    assert await orphans(store, clock) == []


async def test_renew_leaves_polls_alone(store, make, clock):
    job = await store.create(make.polled(clock.now))
    await store.renew([(job.id, 0)], clock.now + 20)
    await store.renew([], clock.now + 20)
    assert len(await poll(store, clock)) == 1


async def test_a_webhook_that_is_to_be_called_is_due_with_the_polls(store, make, clock):
    job = await store.create(make(tasks=[Entry(state="completed")]))
    await store.update(job.id, lambda job: replace(job, notify_at=clock.now + 1))
    assert await store.next_due([WEBHOOKS]) == clock.now + 1
    assert await store.next_due(["onysoft"]) is None
    assert await orphans(store, clock) == []
    clock.now += 1
    assert await poll(store, clock) == [Due(job.id, NOTIFY, WEBHOOKS)]
    await store.update(job.id, lambda job: replace(job, notify_at=None))
    clock.now += 1000
    assert await poll(store, clock) == []


async def test_a_webhook_in_the_queue_of_before_is_called(store, make, clock, monkeypatch):
    """It stands under its job's provider there, until it is to be called again."""
    job = await store.create(make(tasks=[Entry(state="completed")]))
    with monkeypatch.context() as before:
        before.setattr("proxy.store.due.WEBHOOKS", "onysoft")
        await store.update(job.id, lambda job: replace(job, notify_at=clock.now))
    await store.update(job.id, lambda job: replace(job, progress=7))
    names = ["onysoft", WEBHOOKS]
    assert await poll(store, clock, providers=names) == [Due(job.id, NOTIFY, "onysoft")]
    await store.update(job.id, lambda job: replace(job, notify_at=clock.now + 5))
    clock.now += 5
    assert await poll(store, clock, providers=names) == [Due(job.id, NOTIFY, WEBHOOKS)]
    await store.update(job.id, lambda job: replace(job, notify_at=None))
    assert await store.next_due(names) is None
