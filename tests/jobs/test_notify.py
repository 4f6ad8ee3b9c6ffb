"""Calls of webhooks, by themselves: none outlasts its lease, and nobody's receiver holds all the places."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

from pydantic import SecretStr

from proxy.deadlines import Deadlines
from proxy.jobs.notify import Notifier
from proxy.store.base import NOTIFY, WEBHOOKS, Change, Due, Job
from tests.eventually import becoming
from tests.jobs import changes

SLOW = "https://slow.example/hook"
QUICK = "https://quick.example/hook"


class Receivers:
    """What the engine is to a notifier; the receiver of SLOW answers with `going` alone."""

    def __init__(self, lease: float = 20.0) -> None:
        self.lease = lease
        webhooks = SimpleNamespace(secret=SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        webhooks.allow_private = False
        self.config = SimpleNamespace(webhooks=webhooks)
        self.driver = self.queue = self
        self.redactor = SimpleNamespace(text=str)
        self.going = asyncio.Semaphore(0)
        self.called: list[str] = []
        self.jobs: dict[str, Job] = {}
        self.given_back: list[str] = []
        self.notifier = Notifier(cast(Any, self), Deadlines())

    async def call(self, url: str, body: bytes, headers: dict[str, str], *, private: bool) -> int:
        self.called.append(url)
        if url == SLOW:
            await self.going.acquire()
        return 200

    async def change(self, job_id: str, change: Change) -> None:
        self.jobs[job_id] = change(self.jobs[job_id]) or self.jobs[job_id]

    def later(self, due: Due, seconds: float) -> None:
        assert seconds == 0.0
        self.given_back.append(due.job_id)

    def tell(self, name: str, url: str, owner: str = "", left: float | None = None) -> Any:
        job = changes.job(id=name, owner=owner, webhook=url, notify_at=1.0, status="completed")
        self.jobs[name] = job
        until = time.time() + (self.lease if left is None else left)
        due = Due(name, NOTIFY, WEBHOOKS, 1.0, until)
        return asyncio.create_task(self.notifier.notify(due, job))

    def busy(self) -> int:
        return self.called.count(SLOW)


async def test_a_call_is_over_before_its_lease_is() -> None:
    """A receiver whose answer comes drop by drop is called again later, by one worker at a time."""
    receivers = Receivers(lease=0.2)
    await receivers.tell("one", SLOW)
    job = receivers.jobs["one"]
    assert job.notifications == 1
    assert (job.notify_at or 0.0) > time.time()


async def test_a_call_whose_lease_is_nearly_over_is_left_to_others() -> None:
    receivers = Receivers()
    await receivers.tell("one", QUICK, left=1.0)
    assert receivers.called == []


async def test_a_slow_receiver_leaves_places_to_others() -> None:
    receivers = Receivers()
    calls = [receivers.tell(f"slow{n}", SLOW) for n in range(50)]
    await becoming(receivers.busy)
    await receivers.tell("quick", QUICK)
    assert receivers.called.count(QUICK) == 1
    assert receivers.busy() == 10
    # What is held meanwhile takes no place in the queue, and comes back as one is free at its receiver.
    assert sum(call.done() for call in calls) == 40
    receivers.going.release()
    await becoming(lambda: receivers.given_back)
    assert receivers.given_back == ["slow10"]
    await ended(receivers, calls)


async def test_a_client_with_many_receivers_leaves_places_to_others() -> None:
    receivers = Receivers()
    held = asyncio.Event()

    async def hangs(url: str, *_: Any, **__: Any) -> int:
        receivers.called.append(url)
        await held.wait()
        return 200

    receivers.call = hangs  # type: ignore[method-assign]
    calls = [receivers.tell(str(n), f"https://{n}.example/", owner="web") for n in range(50)]
    await becoming(lambda: len(receivers.called) >= 25)
    calls.append(receivers.tell("other", QUICK, owner="shop"))
    await becoming(lambda: QUICK in receivers.called)
    assert len(receivers.called) == 26
    held.set()
    await asyncio.gather(*calls)


async def test_what_is_held_too_long_is_others() -> None:
    """Its lease has run out: somebody may be calling by now."""
    receivers = Receivers(lease=0.4)
    calls = [receivers.tell(f"slow{n}", SLOW) for n in range(11)]
    await asyncio.gather(*calls)
    calls = [receivers.tell("late", SLOW, left=0.1)]
    await becoming(lambda: receivers.busy() == 11)
    await ended(receivers, calls)
    assert set(receivers.given_back) <= {"slow10"}


async def ended(receivers: Receivers, calls: list[Any]) -> None:
    for _ in calls:
        receivers.going.release()
    await asyncio.gather(*calls)
