"""A Redis store whose server goes away, refuses or forgets, and what is left after kill -9."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import proxy
from proxy.store.base import Job, StoreUnavailable

pytest.importorskip("redis")

from redis.exceptions import RedisError

from proxy.store import redis_scripts as scripts
from proxy.store.redis import RedisStore
from proxy.store.redis_account_scripts import SPEND


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


@asynccontextmanager
async def stand_in(answer: bytes | None) -> AsyncIterator[str]:
    """A server that gives one answer to everything, or none; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if answer is not None:
                writer.write(answer * data.count(b"*"))  # as many as there are commands
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


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


# Clusters


async def test_in_a_cluster_the_node_is_found(redis, clock, make):
    async with relay(redis.url.removeprefix("unix://")) as (url, lose):
        node = url.removeprefix("redis://")
        async with stand_in(f"-MOVED 3999 {node}\r\n".encode()) as seed:
            store = RedisStore(seed, clock=clock)
            await store.open()
            jobs = await asyncio.gather(*(store.create(make()) for _ in range(3)))
            lose.append(scripts.UPDATE)
            await store.update(jobs[0].id, lambda job: job.with_task(0, progress=5))
            assert (await store.get(jobs[0].id)).tasks[0].progress == 5
            await store.close()


async def test_a_cluster_that_sends_in_circles(clock):
    async with stand_in(b"-MOVED 3999 :0\r\n") as url:
        with pytest.raises(StoreUnavailable, match="circles"):
            await RedisStore(url, clock=clock).open()


async def test_every_key_is_in_one_slot(redis, store, make):
    await store.create(make(), key="k")
    await store.spend("a", 5)
    keys = redis.tell("KEYS", "*")
    assert len(keys) > 8
    assert {key.partition(b":")[0] for key in keys} == {b"{anygate}"}


# Passwords


async def test_a_wrong_password(redis, clock, make):
    redis.tell("CONFIG", "SET", "requirepass", "right/secret")
    url = redis.url.replace("unix://", "unix://:{}@")
    store = RedisStore(url.format("right%2Fsecret"), clock=clock)
    try:
        for wrong in (redis.url, url.format("wrong-secret")):
            with pytest.raises(StoreUnavailable, match=r"password|[Aa]uth") as raised:
                await RedisStore(wrong, clock=clock).open()
            assert "secret" not in f"{raised.value} {raised.value.__cause__!r}"
        await store.open()
        await store.create(make())
        await store.close()
    finally:
        from redis import Redis

        with Redis.from_url(url.format("right%2Fsecret")) as client:
            client.config_set("requirepass", "")


@pytest.mark.parametrize("url", ["redis://:secret@h:port", "redis://:sec/ret@h", "redis://h?db=x"])
def test_a_url_that_cannot_be_read(url):
    with pytest.raises(ValueError, match="redis://") as raised:
        RedisStore(url)
    assert "sec" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def test_a_user_who_may_not_ask_for_the_configuration(redis, clock, make, caplog):
    redis.tell("ACL", "SETUSER", "gate", "on", ">pw", "~{anygate}:*", "+@all", "-@admin")
    try:
        store = RedisStore(redis.url.replace("unix://", "unix://gate:pw@"), clock=clock)
        await store.open()
        job = await store.create(make(), key="k")
        assert await store.create(make(), key="k") == job
        await store.close()
    finally:
        redis.tell("ACL", "DELUSER", "gate")
    assert caplog.records == []


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
        lose.append(SPEND)
        with pytest.raises(StoreUnavailable):
            await store.spend("a", 10)
        assert await store.spend("a", 3) == 0.0
        assert await store.spend("a", 3) > 0.0
        assert lose == []
        await store.close()


async def test_a_create_that_joined_when_its_answer_was_lost_is_not_known(redis, clock, make):
    async with relay(redis.url.removeprefix("unix://")) as (url, lose):
        store = RedisStore(url, clock=clock)
        await store.open()
        job = await store.create(make(), key="k")
        lose.append(scripts.CREATE)
        with pytest.raises(StoreUnavailable):
            await store.create(make(), key="k")
        assert await store.create(make(), key="k") == job
        await store.close()


@asynccontextmanager
async def relay(path: str) -> AsyncIterator[tuple[str, list[scripts.Script]]]:
    """Passes everything on. Instead of the answer to a script in its list, it cuts the connection."""
    lose: list[scripts.Script] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, out = await asyncio.open_unix_connection(path)
        while data := await reader.read(65536):
            out.write(data)
            answer = await upstream.read(65536)
            if lose and lose[0].digest.encode() in data:
                del lose[0]
                writer.transport.abort()
                break
            writer.write(answer)
        out.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", lose


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


# What is said at the start


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing is written to disk"),
        ({"save": "900 1"}, "only snapshots are written"),
        ({"appendonly": "yes"}, None),
        ({"appendonly": "yes", "maxmemory-policy": "allkeys-lru"}, "Set `noeviction`"),
    ],
)
async def test_a_server_that_forgets_is_warned_of(redis, clock, caplog, settings, said):
    usual = {"appendonly": "no", "save": "", "maxmemory-policy": "noeviction"}
    for name, value in settings.items():
        redis.tell("CONFIG", "SET", name, value)
    try:
        with caplog.at_level(logging.INFO, logger="anygate.store"):
            store = RedisStore(redis.url, clock=clock)
            await store.open()
            await store.close()
    finally:
        for name in settings:
            redis.tell("CONFIG", "SET", name, usual[name])
    messages = [one.getMessage() for one in caplog.records]
    assert [said in message for message in messages] == ([] if said is None else [True])


async def test_a_newer_layout_is_refused_and_left_alone(redis, clock):
    redis.tell("SET", "{anygate}:version", 99)
    with pytest.raises(StoreUnavailable, match=r"newer Anygate.*99"):
        await RedisStore(redis.url, clock=clock).open()
    assert redis.tell("KEYS", "*") == [b"{anygate}:version"]
