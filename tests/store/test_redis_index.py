"""Where Redis finds jobs: nothing is left over, nothing is searched from end to end, and it agrees with SQLite."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from proxy.store.base import Due, Entry, Job, KeyReused, Store
from proxy.store.money import Budget, Charge, Counts, Line, OverBudget, Rates
from proxy.store.sqlite import SqliteStore

pytest.importorskip("redis")

from proxy.store.redis import RedisStore
from proxy.store.redis_index import difference, digest, id_of, place


@pytest.fixture
async def store(redis, clock) -> AsyncIterator[RedisStore]:
    one = RedisStore(redis.url, clock=clock)
    await one.open()
    yield one
    await one.close()


@pytest.mark.parametrize(
    "job_id", ["video_1abc", "sound_effect_1abc", "1abc", "_1abc", "video_", ""]
)
def test_a_place_is_an_id_turned_round(job_id):
    assert id_of(place(job_id)) == job_id


def test_places_sort_by_time_whatever_their_kind():
    ids = ["video_1", "image_11", "video_2", "a_b_3"]
    assert [id_of(one) for one in sorted(map(place, reversed(ids)))] == ids


def test_texts_have_one_digest_only():
    assert len({digest("a", "bc"), digest("ab", "c"), digest("abc"), digest("abc", "")}) == 4


def test_nothing_to_do_is_nothing(make):
    job = make()
    assert difference(job, replace(job, progress=5, links_until=1.0)) == b""
    assert difference(None, None) == b""


@pytest.mark.parametrize("wrong", [{"deadline": float("nan")}, {"tasks": [Entry(at=float("nan"))]}])
async def test_what_a_script_could_not_write_is_refused_before(redis, store, make, wrong):
    before = redis.tell("KEYS", "*")
    with pytest.raises(ValueError, match="no number"):
        await store.create(make(**wrong))
    with pytest.raises(OverflowError):
        await store.book({}, [Charge("web", 1.0, 2**60)])
    assert redis.tell("KEYS", "*") == before


async def test_owners_cannot_look_like_one_another(store, make):
    await store.create(make(owner="a/video"))
    await store.create(make(owner="1:a"))
    assert (await store.page("a")).jobs == []
    assert (await store.page("a", kinds=["video/video"])).jobs == []
    assert (await store.page("", kinds=["a/video"], status="queued")).jobs == []
    assert len((await store.page("a/video")).jobs) == 1


async def test_what_is_purged_leaves_nothing(redis, store, make, clock):
    empty = set(redis.tell("KEYS", "*"))
    for n in range(5):
        job = await store.create(make(provider=f"p{n}"), key=f"k{n}")
        await store.create(make(), retry=1)
        await store.update(job.id, lambda job: replace(job, notify_at=clock.now, provider="q"))
        await store.lease(submitting=False, providers=None, until=clock.now + 9, limit=9)
    for job in (await store.page("web", limit=100)).jobs:
        await store.update(job.id, lambda job: replace(job, status="failed", completed_at=1.0))
    assert len(await store.purge(2.0, 100)) == 5
    left = {key for key in redis.tell("KEYS", "*") if b":usage:" not in key and b":days" not in key}
    assert left == empty


async def test_what_expires_has_a_time_to_live(redis, store, make):
    await store.create(make(), recent=100.0)
    await store.create(make(), recent=50.0)
    assert 100 < redis.tell("TTL", *redis.tell("KEYS", "{anygate}:twins:*")) <= 160
    await store.spend("a", 5, window=1000.0)
    await store.spend("a", 5, window=10.0)
    assert 1000 < redis.tell("TTL", "{anygate}:hits:a") <= 1060


async def test_no_command_goes_through_all_keys(redis, store, make, clock):
    redis.tell("CONFIG", "RESETSTAT")
    for roll, step in enumerate(STEPS * 5):
        await outcome(step, store, roll, [make()], clock)
    used = set(redis.tell("INFO", "commandstats"))
    whole = ("keys", "scan", "hscan", "sscan", "zscan", "sort", "hvals", "zunion", "zinter")
    assert {"cmdstat_evalsha", "cmdstat_zadd", "cmdstat_zrangebyscore"} <= used
    assert used & {f"cmdstat_{name}" for name in whole} == set()


# The same steps at random, in SQLite's memory and in Redis: every answer is equal.

CHANGES = [
    lambda job, now: replace(job, progress=job.progress + 1),
    lambda job, now: job.with_task(0, state="sending", at=now + 5),
    lambda job, now: replace(
        job.with_task(0, state="accepted", task_id="t", at=now + 1), status="in_progress"
    ),
    lambda job, now: replace(job, tasks=[*job.tasks, Entry(at=now + 3)]),
    lambda job, now: replace(job, tasks=job.tasks[:1]),
    lambda job, now: replace(job, deleted=not job.deleted),
    lambda job, now: replace(job, provider="b", deadline=now),
    lambda job, now: replace(job, notify_at=now if job.notify_at is None else None),
    lambda job, now: replace(
        job.with_task(0, state="completed", cost=0.25),
        status="completed",
        completed_at=now,
        cost=0.25,
    ),
    lambda job, now: replace(job.with_task(0, state="failed"), status="failed", completed_at=now),
    lambda job, now: None,
]


async def create(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    key = chance.choice([None, None, "k1", "k2"])
    budget = chance.choice([None, Budget(5.0, 3600.0)])
    return await store.create(
        new.pop(), key=key, retry=chance.choice([0, 0, 1, 2]), recent=20.0, budget=budget
    )


async def known(store: Store) -> list[Job]:
    pages = [await store.page(owner, limit=99, ascending=True) for owner in ("web", "app")]
    return [job for page in pages for job in page.jobs]


async def update(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    change = chance.choice(CHANGES)
    job = chance.choice(await known(store) or new)
    return await store.update(job.id, lambda job: change(job, clock.now))


async def settle(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    job = chance.choice(await known(store) or new)
    if chance.choice([True, False]):
        await store.delivered(job)
    else:
        await store.release(job.id)
    return await store.get(job.id)


async def page(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    jobs = await known(store)
    return await store.page(
        chance.choice(["web", "app"]),
        kinds=chance.choice([None, ["video"], ["image", "video", "music"]]),
        status=chance.choice([None, "queued", "completed"]),
        after=chance.choice([None, chance.choice(jobs or new).id]),
        limit=chance.choice([1, 3]),
        ascending=chance.choice([True, False]),
    )


async def lease(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    due = await store.lease(
        submitting=chance.choice([True, False]),
        providers=chance.choice([None, ["a"], ["a", "b"]]),
        until=clock.now + 4,
        limit=99,
    )
    return sorted(due, key=lambda one: (one.job_id, one.index))


async def move(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    job = chance.choice(await known(store) or new)
    await store.postpone([(Due(job.id, chance.choice([-1, 0, 1]), "a"), clock.now + 2)])
    await store.renew([(job.id, 0), (job.id, 1)], clock.now + chance.choice([1, 9]))
    return await store.next_due(["a", "b"])


async def sweep(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    purged = await store.purge(clock.now - 10, 2)
    return sorted(await store.overdue(99)), await store.counts(), {job.id for job in purged}


async def spend(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    return await store.spend("a", 4, window=10.0, keep=chance.choice([0, 1, 4]))


async def admit(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    rates = Rates(chance.choice([None, 20]), chance.choice([None, 3]))
    left, stays, holder = (str(chance.randrange(5)) for _ in range(3))
    await store.leave("web", left)
    await store.stay([("web", stays)], clock.now + 8)
    return await store.admit("web", rates, holder=holder, until=clock.now + 5)


async def take(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    said = await store.take("web", chance.choice([1, 5, 20]), 30)
    await store.correct("web", chance.choice([-3, 0, 4]), said.at or clock.now)
    if chance.random() < 0.2:
        return said, await store.prune(used_before="2023-11-15", spent_before=clock.now - 30)
    return said


async def pay(store: Store, chance: random.Random, new: list[Job], clock) -> object:
    line = Line("2023-11-14", "web", chance.choice(["r1", "r2"]), "a", "chat")
    await store.book({line: Counts(1, 0, 5, 7, 9)}, [Charge("web", clock.now, -1)])
    await store.reserve("web", chance.choice([0.0, 0.5]), Budget(9.0, 3600.0), clock.now)
    by = chance.choice([(), ("key", "route"), ("day", "kind")])
    return await store.usage(by, since="2023-11-01", until="2023-12-01", key="web")


STEPS = [
    create,
    create,
    update,
    update,
    update,
    settle,
    page,
    lease,
    move,
    sweep,
    spend,
    admit,
    take,
    pay,
]


async def outcome(step, store: Store, seed: float, new: list[Job], clock) -> object:
    try:
        return await step(store, random.Random(seed), list(new), clock)
    except (KeyReused, OverBudget) as exc:
        return type(exc), str(exc), vars(exc)


@pytest.mark.parametrize("seed", range(4))
async def test_it_agrees_with_sqlite(store, make, clock, seed):
    chance = random.Random(seed)
    other = SqliteStore(None, clock=clock)
    await other.open()
    for number in range(150):
        clock.now += chance.choice([0, 0, 1, 3])
        new = [
            make(
                kind=chance.choice(["video", "image"]),
                owner=chance.choice(["web", "web", "app"]),
                provider=chance.choice(["a", "b"]),
                fingerprint=chance.choice(["f1", "f2"]),
                deadline=clock.now + chance.choice([2, 30]),
                tasks=[Entry(at=clock.now + chance.choice([0, 2]))],
                reserved=1.0,
                charged_at=clock.now // 60 * 60,
            )
        ]
        step, roll = chance.choice(STEPS), chance.random()
        answers = [await outcome(step, one, roll, new, clock) for one in (store, other)]
        assert answers[0] == answers[1], (number, step)
    await other.close()
