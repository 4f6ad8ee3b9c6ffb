"""What every store promises about lists."""

from dataclasses import replace

import pytest

from proxy.store.ids import new_id


@pytest.fixture
async def jobs(store, make):
    """Five of `web`, oldest first; other owners' and deleted ones between them."""
    kinds = ["video", "image", "video", "speech", "video"]
    made = []
    for kind in kinds:
        made.append(await store.create(make(kind=kind)))
        await store.create(make(owner="app", kind=kind))
        await store.create(make(kind=kind, deleted=True))
    return made


async def listed(store, owner="web", **query):
    page = await store.page(owner, **query)
    return page.jobs, page.has_more


async def test_newest_first(store, jobs):
    assert await listed(store) == (jobs[::-1], False)


async def test_ascending(store, jobs):
    assert await listed(store, ascending=True) == (jobs, False)


async def test_of_some_kinds(store, jobs):
    assert await listed(store, kinds=["video"]) == ([jobs[4], jobs[2], jobs[0]], False)
    assert await listed(store, kinds=iter(["speech", "image", "image"])) == (
        [jobs[3], jobs[1]],
        False,
    )
    assert await listed(store, kinds=["music"]) == ([], False)
    for status in (None, "queued", "completed"):
        assert await listed(store, kinds=[], status=status) == ([], False)


async def test_limit_and_has_more(store, jobs):
    assert await listed(store, limit=4) == (jobs[:0:-1], True)
    assert await listed(store, limit=5) == (jobs[::-1], False)
    assert await listed(store, limit=2, kinds=["video"]) == ([jobs[4], jobs[2]], True)
    assert await listed(store, limit=3, kinds=["video"], ascending=True) == (jobs[::2], False)


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("kinds", [None, ["video", "image", "speech"]])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_follow_one_another(store, jobs, ascending, kinds, limit):
    seen, after, more = [], None, True
    while more:
        page, more = await listed(store, after=after, limit=limit, ascending=ascending, kinds=kinds)
        seen += page
        after = page[-1].id
    assert seen == (jobs if ascending else jobs[::-1])


async def test_after_need_not_be_there_any_more(store, jobs):
    await store.update(jobs[2].id, lambda job: replace(job, deleted=True))
    assert await listed(store, after=jobs[2].id) == ([jobs[1], jobs[0]], False)
    await store.update(jobs[3].id, lambda job: replace(job, status="failed", completed_at=1.0))
    assert len(await store.purge(2.0, 10)) == 1
    assert await listed(store, after=jobs[3].id) == ([jobs[1], jobs[0]], False)
    assert await listed(store, after=jobs[3].id, ascending=True) == ([jobs[4]], False)


async def test_after_may_never_have_been(store, jobs, clock):
    assert await listed(store, after=new_id("image", clock.now + 99)) == (jobs[::-1], False)
    assert await listed(store, after=new_id("image", clock.now - 99)) == ([], False)


async def test_after_of_another_kind_is_a_time_all_the_same(store, jobs):
    assert await listed(store, after=jobs[3].id, kinds=["video"]) == ([jobs[2], jobs[0]], False)


async def test_of_a_status(store, jobs):
    done = await store.update(
        jobs[2].id, lambda job: replace(job, status="completed", completed_at=1.0)
    )
    assert await listed(store, status="completed") == ([done], False)
    assert await listed(store, status="completed", kinds=["image"]) == ([], False)
    assert await listed(store, status="queued", kinds=["video"], limit=1) == ([jobs[4]], True)
    assert await listed(store, status="queued", after=jobs[1].id) == ([jobs[0]], False)
    assert await listed(store, status="failed") == ([], False)


async def test_a_deleted_job_is_hidden_and_still_there(store, jobs):
    gone = await store.update(jobs[4].id, lambda job: replace(job, deleted=True))
    assert await listed(store, limit=1) == ([jobs[3]], True)
    assert await store.get(jobs[4].id) == gone


async def test_an_owner_without_jobs(store, jobs):
    assert await listed(store, "nobody") == ([], False)
    assert await listed(store, "") == ([], False)


async def test_the_owner_without_a_name(store, make):
    job = await store.create(make(owner=""))
    assert await listed(store, "") == ([job], False)
