"""A Redis store's start: its URL and password, what the server is like, and where in a cluster it is."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import proxy
from proxy.store.base import StoreUnavailable

pytest.importorskip("redis")

from proxy.store import open_store
from proxy.store import redis_scripts as scripts
from proxy.store.redis import RedisStore
from tests.store.redis_stand_ins import relay, stand_in


@pytest.fixture
async def store(redis, clock) -> AsyncIterator[RedisStore]:
    one = RedisStore(redis.url, clock=clock)
    await one.open()
    yield one
    await one.close()


# URLs and passwords


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


async def test_it_is_what_a_redis_url_opens(redis, make):
    async with relay(redis.url.removeprefix("unix://")) as (url, _):
        store = open_store(f"{url}/0")
        await store.open()
        job = await store.create(make())
        assert await store.get(job.id) == job
        await store.close()
    assert isinstance(open_store("rediss://u:p%2Fw@h"), RedisStore)


def test_a_url_of_another_kind_is_not_told_with_its_password():
    with pytest.raises(ValueError, match="no such store") as raised:
        open_store("mysql://user:secret@h")
    assert "secret" not in str(raised.value)


def test_without_the_extra_it_is_named():
    code = "import sys; sys.modules['redis'] = None; from proxy.store import open_store as o; o(sys.argv[1])"
    command = [sys.executable, "-c", code, "redis://:secret@h"]
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(proxy.__file__).parents[1], check=False
    )
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError: store: redis://")
    assert "pip install 'anygate[redis]'" in last
    assert "secret" not in run.stderr


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
