"""A Redis store whose server goes away, refuses or forgets, and what is left after kill -9."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import proxy
from proxy.store.base import Job, StoreUnavailable, Unanswered
from proxy.store.money import Budget, Charge, Counts, Line, OverBudget, day_of, nanos

pytest.importorskip("redis")

from redis.exceptions import RedisError

from proxy.store import redis_scripts as scripts
from proxy.store.redis import RedisStore
from proxy.store.redis_account_scripts import BOOK, RESERVE, SPEND
from proxy.store.redis_lane import Lane
from proxy.store.redis_scripts import CREATE
from proxy.store.redis_server import Server
from tests.store.redis_stand_ins import cut_then, relay, stand_in


@pytest.fixture
async def store(redis, clock) -> AsyncIterator[RedisStore]:
    one = RedisStore(redis.url, clock=clock)
    await one.open()
    yield one
    await one.close()


@pytest.fixture
def durable(redis_server) -> Iterator[Any]:
    """A server of the test's own, which acknowledges what is on the disk."""
    with TemporaryDirectory(prefix="anygate") as folder:
        server = redis_server(Path(folder), appendonly="yes", appendfsync="always")
        yield server
        server.stop()


async def is_unavailable(*calls) -> None:
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [one for one in answers if not isinstance(one, StoreUnavailable)] == []
    assert all(isinstance(one.__cause__, RedisError) for one in answers)


async def test_a_server_that_is_killed_and_started_again(durable, clock, make):
    store = RedisStore(durable.url, clock=clock)
    await store.open()
    jobs = await asyncio.gather(*(store.create(make(), key=str(n)) for n in range(50)))
    durable.kill()
    await is_unavailable(store.ping(), store.create(make()), store.get(jobs[0].id))
    await is_unavailable(store.update(jobs[0].id, lambda job: replace(job, progress=1)))
    with pytest.raises(StoreUnavailable):
        await RedisStore(durable.url, clock=clock).open()
    durable.start()
    await store.ping()
    assert [await store.get(job.id) for job in jobs] == jobs
    assert await store.create(make(), key="7") == jobs[7]
    clock.now += 20
    due = await store.lease(submitting=True, providers=None, until=clock.now + 9, limit=100)
    assert {one.job_id for one in due} == {job.id for job in jobs}
    await store.close()


async def test_a_server_that_was_restarted_while_nobody_asked(durable, clock, make):
    """The connection is dead, the server is there: nobody has to notice."""
    store = RedisStore(durable.url, clock=clock)
    await store.open()
    job = await store.create(make())
    durable.stop()
    durable.start()
    await asyncio.sleep(0.01)  # the event loop sees that the connection has ended
    assert await store.spend("a", 1) == 0.0
    assert await store.get(job.id) == job
    await store.close()


async def test_opening_where_no_server_is(clock):
    store = RedisStore("redis://:secret@127.0.0.1:1/0", clock=clock)
    with pytest.raises(StoreUnavailable) as raised:
        await store.open()
    assert "secret" not in str(raised.value) + repr(raised.value.__cause__)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


# Servers that are not quite there


@pytest.mark.parametrize(
    "answer",
    [
        b"-LOADING Valkey is loading the dataset in memory\r\n",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-MISCONF Errors writing to the AOF file: No space left on device\r\n",
        b"-CLUSTERDOWN Hash slot not served\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"-ERR max number of clients reached\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_what_a_server_refuses(answer, clock):
    async with stand_in(answer) as url:
        with pytest.raises(StoreUnavailable) as raised:
            await RedisStore(url, clock=clock).open()
    assert isinstance(raised.value.__cause__, RedisError)


async def test_a_server_that_says_nothing(clock):
    async with stand_in(None) as url:
        async with asyncio.timeout(2):
            with pytest.raises(StoreUnavailable, match=r"[Tt]imeout"):
                await RedisStore(f"{url}?socket_timeout=0.05", clock=clock).open()


async def test_out_of_memory_nothing_is_half_written(redis, store, make):
    job = await store.create(make())
    before = redis.tell("KEYS", "*")
    redis.tell("CONFIG", "SET", "maxmemory", "1")
    try:
        await is_unavailable(store.ping(), store.create(make(), key="k"))
        await is_unavailable(store.update(job.id, lambda job: replace(job, status="failed")))
        assert await store.get(job.id) == job
    finally:
        redis.tell("CONFIG", "SET", "maxmemory", "0")
    assert set(redis.tell("KEYS", "*")) == set(before)
    await store.ping()


async def test_a_replica_is_not_written(redis, store, make):
    redis.tell("REPLICAOF", "127.0.0.1", 1)
    try:
        await is_unavailable(store.ping(), store.create(make()))
    finally:
        redis.tell("REPLICAOF", "NO", "ONE")
    await store.ping()


# Scripts and connections


async def test_a_script_cache_that_was_flushed(redis, store, make):
    job = await store.create(make())
    redis.tell("SCRIPT", "FLUSH")
    new = make()
    calls = (store.get(job.id), store.create(new), store.get(job.id), store.counts())
    answers = await asyncio.gather(*calls)
    assert answers[:3] == [job, new, job]
    assert await store.get(new.id) == new


async def test_a_connection_that_is_cut_in_the_middle(redis, store, make, clock):
    """Each change is made once at the most, and exactly once where that was acknowledged."""
    job = await store.create(make())

    def note(n: int):
        return lambda job: replace(job, media=[*job.media, str(n)])

    async def cut() -> None:
        for _ in range(20):
            redis.tell("CLIENT", "KILL", "TYPE", "normal")
            await asyncio.sleep(0.002)

    work = (store.update(job.id, note(n)) for n in range(200))
    _, *answers = await asyncio.gather(cut(), *work, return_exceptions=True)
    done = [str(n) for n, answer in enumerate(answers) if not isinstance(answer, Exception)]
    media = (await store.get(job.id)).media
    assert len(set(media)) == len(media)
    assert set(done) <= set(media)
    assert all(isinstance(one, Job | StoreUnavailable) for one in answers)


async def test_what_was_done_when_its_answer_was_lost(redis, clock, make):
    """It is neither done again nor reported as failed."""

    def more(job: Job) -> Job:
        return replace(job, progress=job.progress + 1)

    async with relay(redis.url.removeprefix("unix://")) as (url, lose):
        store = RedisStore(url, clock=clock)
        await store.open()
        job = await store.create(make())
        await store.update(job.id, more)
        await store.spend("a", 10)  # the server knows the scripts now
        lose.append(scripts.UPDATE)
        assert (await store.update(job.id, more)).progress == 2
        assert (await store.get(job.id)).progress == 2
        lose.append(scripts.CREATE)
        other = make()
        assert await store.create(other, key="k") is other
        assert await store.create(make(), key="k") == other
        lose.append(scripts.CREATE)
        with pytest.raises(StoreUnavailable):  # whether it joined is not known
            await store.create(make(), key="k")
        lose.append(SPEND)
        with pytest.raises(StoreUnavailable):
            await store.spend("a", 10)
        assert await store.spend("a", 3) == 0.0
        assert await store.spend("a", 3) > 0.0
        assert lose == []
        await store.close()


async def test_money_and_usage_are_booked_once_when_the_answer_is_lost(redis, clock):
    budget, line = Budget(9.0, 3600.0), Line(day_of(clock.now), "web", "gpt", "apiin", "chat")
    charge = Charge("web", budget.slot(clock.now), nanos(0.5))
    async with relay(redis.url.removeprefix("unix://")) as (url, lose):
        store = RedisStore(url, clock=clock)
        await store.open()

        async def booked() -> tuple[int, float]:
            (row,) = await store.usage((), since="2000-01-01", until="2100-01-01")
            with pytest.raises(OverBudget) as raised:
                await store.reserve("web", 1e6, budget, clock.now)
            return row.counts.requests, raised.value.spent

        await store.book({line: Counts(1)}, [charge])
        await store.reserve("web", 0.5, budget, clock.now)  # the server knows the scripts now
        assert await booked() == (1, 1.0)
        lose += [BOOK]
        await store.book({line: Counts(1)}, [charge])
        assert await booked() == (2, 1.5)
        lose += [RESERVE]
        await store.reserve("web", 0.5, budget, clock.now)
        assert await booked() == (2, 2.0)
        lose += [BOOK, BOOK]
        with pytest.raises(Unanswered):
            await store.book({line: Counts(1)}, [charge], once="a")
        await store.book({line: Counts(1)}, [charge], once="a")
        assert await booked() == (3, 2.5)
        lose += [RESERVE, RESERVE]
        with pytest.raises(Unanswered):
            await store.reserve("web", 0.5, budget, clock.now, once="b")
        await store.book({}, [charge], once="b")
        assert await booked() == (3, 3.0)
        assert lose == []
        await store.close()


async def test_a_repetition_that_is_refused_says_nothing_of_the_first_time():
    async with cut_then(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n") as url:
        lane = Lane(Server(url), "{anygate}:")
        with pytest.raises(Unanswered, match="not allowed"):
            await lane.call(BOOK, "a", "{}")
        with pytest.raises(StoreUnavailable) as raised:
            await lane.call(BOOK, "b", "{}")
        assert not isinstance(raised.value, Unanswered)
        await lane.close()


async def test_what_could_not_be_sent_is_certainly_not_done(make):
    """No server there: nobody need take the job back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    lane = Lane(Server(f"redis://127.0.0.1:{port}"), "{anygate}:")
    for script in (BOOK, CREATE):
        with pytest.raises(StoreUnavailable) as raised:
            await lane.call(script, "a", "{}")
        assert type(raised.value) is StoreUnavailable
    await lane.close()


async def test_a_job_that_may_be_stored_is_told_apart(durable, clock, make):
    """Whether it is cannot be asked any more: what counts is that it may be."""
    store = RedisStore(f"{durable.url}?socket_timeout=0.2", clock=clock)
    await store.open()
    durable.freeze()
    with pytest.raises(Unanswered):
        await store.create(make())
    durable.thaw()
    await store.close()


WRITER = """
import asyncio, sys
from proxy.store.base import Job
from proxy.store.ids import new_id
from proxy.store.redis import RedisStore

async def write(store):
    while True:
        job = Job(new_id("video"), "video", "video", "web", "m", "p", "p/m", "m", 1.0, 9e9)
        await store.create(job, key=job.id)
        await store.update(job.id, lambda job: job.with_task(0, state="accepted", task_id="t", at=5.0))
        print(job.id, flush=True)

async def main():
    store = RedisStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(write(store) for _ in range(8)))

asyncio.run(main())
"""


async def test_what_a_replica_acknowledged_survives_its_kill_9(redis, store):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, redis.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(proxy.__file__).parents[1],
    )
    lines = [await process.stdout.readline() for _ in range(300)]
    process.kill()
    lines += (await process.communicate())[0].splitlines(keepends=True)
    acknowledged = [line.decode().strip() for line in lines if line.endswith(b"\n")]

    jobs = [await store.get(job_id) for job_id in acknowledged]
    assert [job.tasks[0].task_id for job in jobs] == ["t"] * len(acknowledged)
    due = await store.lease(submitting=False, providers=None, until=9e9, limit=100_000)
    assert {one.job_id for one in due} >= set(acknowledged)
    # each job is whole: with its key, and counted
    counting = """return {#redis.call('KEYS', '{anygate}:job:*'), redis.call('HLEN', '{anygate}:keys'),
        tonumber(redis.call('HGET', '{anygate}:counts', 'queued:p'))}"""
    assert len(set(redis.tell("EVAL", counting, 0))) == 1


async def test_nobody_waits_for_a_server_that_is_known_to_hang(durable, clock, make):
    """The first call finds it out; as many more as one likes are told so at once, until it is back."""
    store = RedisStore(f"{durable.url}?socket_timeout=0.5", clock=clock)
    await store.open()
    job = await store.create(make())
    durable.freeze()
    await is_unavailable(store.get(job.id), store.create(make()))
    async with asyncio.timeout(5):
        for _ in range(100):
            await is_unavailable(store.get(job.id), store.update(job.id, lambda job: None))
    durable.thaw()

    async def is_back() -> bool:
        try:
            return await store.get(job.id) == job
        except StoreUnavailable:
            return False

    for _ in range(500):
        if back := await is_back():
            break
        await asyncio.sleep(0.01)
    assert back
    await store.close()


async def test_a_store_is_closed_while_its_server_hangs(durable, clock):
    store = RedisStore(f"{durable.url}?socket_timeout=0.2", clock=clock)
    await store.open()
    durable.freeze()
    await is_unavailable(store.ping())
    async with asyncio.timeout(5):
        await store.close()
    durable.thaw()
