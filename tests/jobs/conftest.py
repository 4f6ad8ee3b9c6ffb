"""An engine without a web server: the service's parts, driven directly against the doubles."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.auth import ANONYMOUS
from proxy.config import load
from proxy.jobs.engine import Jobs
from proxy.routing import Ask
from proxy.sandbox import Sandbox
from proxy.service import Service
from proxy.store.base import Job, StoreUnavailable, Unanswered
from proxy.store.ids import new_id
from tests.harness import config_for, write
from translators import TRANSLATORS
from translators.core import Capability


class Shaky:
    """A store whose named methods are unavailable for as long as a test says so."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.away: set[str] = set()
        self.asked: Counter[str] = Counter()  # while it was there
        self.refused: Counter[str] = Counter()
        self.mute: set[str] = set()  # methods that are carried out, but nobody hears of it

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def called(*args: Any, **kwargs: Any) -> Any:
            if self.away & {name, "*"}:
                self.refused[name] += 1
                raise StoreUnavailable("the disk is full")
            self.asked[name] += 1
            answer = await method(*args, **kwargs)
            if name in self.mute:
                raise Unanswered("the connection was lost")
            return answer

        return called


class Engine:
    """One worker's jobs, and how tests order from it."""

    def __init__(self, service: Service) -> None:
        self.store = Shaky(service.store)
        self.service = service
        self.jobs = Jobs(self.store, service.media, service.runtime)

    async def order(
        self,
        model: str,
        capability: Capability = Capability.VIDEO,
        *,
        tasks: int = 1,
        key: str | None = None,
        media: Sequence[str] = (),
    ) -> Job:
        """A job of this model, stored and on its way."""
        router = self.service.runtime.router
        params = {"prompt": "A cat", "size": "1280x720", "seconds": "4"}
        if capability is Capability.IMAGE:
            params = {"prompt": "A cat"}
        ask = Ask(capability, params)
        candidates = router.candidates(router.resolve(model, capability, ANONYMOUS), ask)
        beginning = self.jobs.begin(candidates, tasks)
        first, now = beginning.candidates[0], time.time()
        job = Job(
            id=new_id("video"),
            kind="video",
            capability=capability.value,
            owner="",
            model=model,
            provider=first.account.name,
            target=str(first.target),
            native=first.plan.model,
            created_at=now,
            deadline=now + self.service.config.jobs.timeout,
            status="in_progress" if beginning.long else "queued",
            fingerprint=model,
            media=list(media),
            tasks=beginning.tasks,
        )
        return await self.jobs.start_job(job, beginning, key=key, retry=0)

    async def now(self, job: Job) -> Job:
        found = await self.service.store.get(job.id)
        assert found is not None
        return found

    async def state(self, job: Job, wanted: Callable[[Job], bool], timeout: float = 15) -> Job:
        """The job once it is as wanted."""
        end = time.monotonic() + timeout
        while not wanted(found := await self.now(job)):
            assert time.monotonic() < end, found
            await asyncio.sleep(0.02)
        return found

    async def ended(self, job: Job, timeout: float = 15) -> Job:
        return await self.state(job, lambda one: one.ended, timeout)

    async def crash(self) -> None:
        """What kill -9 leaves: nothing goes on, nothing is said."""
        await self.jobs.stop(drain=0)


Workers = Callable[..., Awaitable[Engine]]


@asynccontextmanager
async def worker(path: Path) -> AsyncIterator[Engine]:
    service = Service(load(path, rows=TRANSLATORS), TRANSLATORS)
    await service.store.open()
    engine = Engine(service)
    engine.jobs.start()
    try:
        yield engine
    finally:
        await engine.jobs.stop(drain=0)
        await service.transports.aclose()
        await service.store.close()


@pytest.fixture
async def workers(gateways: Sandbox, tmp_path: Path) -> AsyncIterator[Workers]:
    """Makes engines that share a store; leases are a second."""
    async with AsyncExitStack() as stack:

        async def start(**sections: Any) -> Engine:
            base: dict[str, Any] = {"jobs": {"lease": 1}}
            config = config_for(gateways, **{**base, **sections})
            config["jobs"].setdefault("lease", 1)
            return await stack.enter_async_context(worker(write(tmp_path, config)))

        yield start
