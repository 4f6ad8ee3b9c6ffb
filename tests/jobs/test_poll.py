"""A poll by itself: how long it may take."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proxy.health import Health
from proxy.jobs.poll import Poller
from proxy.store.base import Due, Entry
from tests.jobs import changes

LEASE = 0.8


async def reading(until: float) -> list[float]:
    """The seconds that a poll with a lease of so many more seconds gives its gateway."""
    asked: list[float] = []

    async def ask(account: Any, path: str, *, poll: bool, timeout: Any) -> None:
        began = time.monotonic()
        try:
            await asyncio.Event().wait()
        finally:
            asked.append(time.monotonic() - began)

    operation = SimpleNamespace(poll=SimpleNamespace(paths=["/tasks/{id}"]))
    row = SimpleNamespace(operation=lambda *_: operation)
    account = SimpleNamespace(
        name="apiin",
        row=row,
        config=SimpleNamespace(submit="auto"),
        untimed={},
        health=Health("apiin", None),
    )
    jobs = SimpleNamespace(
        accounts={"apiin": account},
        lease=LEASE,
        config=SimpleNamespace(jobs=SimpleNamespace(poll_min=1.0, poll_max=10.0)),
        driver=SimpleNamespace(ask=ask),
        metrics=SimpleNamespace(poll_lag=SimpleNamespace(observe=lambda *_, **__: None)),
        later=lambda *_: None,
    )
    job = changes.job().but(provider="apiin", tasks=[Entry(state="accepted", task_id="t")])
    now = time.time()
    await Poller(cast(Any, jobs)).poll(Due(job.id, 0, "apiin", now, now + until), job)
    return asked


@pytest.mark.parametrize("until", [LEASE, 3600.0])
async def test_a_poll_ends_within_its_lease_whatever_the_clock_says(until: float) -> None:
    [took] = await reading(until)
    assert LEASE * 3 / 4 <= took + 0.01 < LEASE


async def test_a_poll_whose_lease_is_nearly_over_is_left_to_others() -> None:
    """Nor is it the gateway's fault that there is no time for it."""
    assert await reading(LEASE / 10) == []
