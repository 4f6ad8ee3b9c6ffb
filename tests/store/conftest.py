"""Stores to test, by name: every test that asks for `store` or `workers` runs on each of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from proxy.store.base import Entry, Job, Store
from proxy.store.ids import new_id
from proxy.store.sqlite import SqliteStore
from tests.valkey import RedisServer

START = 1_700_000_000.0


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Make:
    """Jobs as a request would make them: one task, in a submit lease of 20 seconds.

    Each is a millisecond later than the one before, so that their ids sort as they were made.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = 0

    def __call__(self, **fields: Any) -> Job:
        self._made += 1
        now = self._clock.now + self._made / 1000
        kind = fields.get("kind", "video")
        defaults: dict[str, Any] = {
            "id": new_id(kind, now),
            "kind": "video",
            "capability": "video",
            "owner": "web",
            "model": "sora-2",
            "provider": "onysoft",
            "target": "onysoft/sora-2",
            "native": "sora-2-text-to-video",
            "created_at": now,
            "deadline": now + 1800,
            "fingerprint": "f1",
            "tasks": [Entry(at=self._clock.now + 20)],
        }
        return Job(**{**defaults, **fields})

    def polled(self, at: float, **fields: Any) -> Job:
        """A job whose one task was accepted and is to be polled then."""
        task = Entry(state="accepted", task_id="t1", at=at)
        return self(**{"status": "in_progress", "tasks": [task], **fields})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Make:
    return Make(clock)


@pytest.fixture(scope="session")
def redis_server() -> type[RedisServer]:
    return RedisServer


@pytest.fixture(scope="session")
def one_redis(redis_server: type[RedisServer]) -> Iterator[RedisServer]:
    with TemporaryDirectory(prefix="anygate") as folder:  # pytest's own are too long for a socket
        server = redis_server(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """The session's server, empty."""
    one_redis.tell("FLUSHALL")
    return one_redis


Opener = Callable[[str], Store]


@pytest.fixture
def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Opener:
    """Makes stores on the same jobs; those of `memory` have each its own."""

    def make(kind: str) -> Store:
        if kind == "redis":
            url = request.getfixturevalue("redis").url
            from proxy.store.redis import RedisStore

            return RedisStore(url, clock=clock)
        return SqliteStore(None if kind == "memory" else tmp_path / "jobs.db", clock=clock)

    return make


@pytest.fixture(params=["memory", "file", "redis"])
async def store(request: pytest.FixtureRequest, opener: Opener) -> AsyncIterator[Store]:
    one = opener(request.param)
    await one.open()
    yield one
    await one.close()


@pytest.fixture(params=["file", "redis"])
async def workers(
    request: pytest.FixtureRequest, opener: Opener
) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores as two worker processes have them: each its own, on the same jobs."""
    async with AsyncExitStack() as stack:
        pair = opener(request.param), opener(request.param)
        for one in pair:
            await one.open()
            stack.push_async_callback(one.close)
        yield pair
