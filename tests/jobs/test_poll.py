"""A poll by itself: how long it may take."""

import time
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proxy.jobs import poll
from proxy.store.base import Due, Entry
from tests.jobs import changes

LEASE = 20.0


class Limits:
    """In place of the timer: every limit is at its end at once, and written down."""

    def __init__(self) -> None:
        self.said: list[float] = []

    async def within(self, seconds: float, work: Coroutine[Any, Any, Any]) -> None:
        self.said.append(seconds)
        work.close()
        raise TimeoutError


async def limits(monkeypatch: pytest.MonkeyPatch, until: float) -> list[float]:
    """The seconds that a poll with a lease of so many more seconds gives its gateway."""
    limits = Limits()
    monkeypatch.setattr(poll, "Deadlines", lambda: limits)

    async def ask(account: Any, path: str, **_: Any) -> None:
        raise AssertionError("there is no gateway")

    operation = SimpleNamespace(poll=SimpleNamespace(paths=["/tasks/{id}"]))
    row = SimpleNamespace(operation=lambda *_: operation)
    account = SimpleNamespace(
        name="apiin",
        row=row,
        submit="auto",
        untimed={},
        health=SimpleNamespace(note=lambda *_: None),
    )
    worker = SimpleNamespace(
        accounts={"apiin": account},
        lease=LEASE,
        config=SimpleNamespace(jobs=SimpleNamespace(poll_min=1.0, poll_max=10.0)),
        driver=SimpleNamespace(ask=ask),
        metrics=SimpleNamespace(poll_lag=SimpleNamespace(observe=lambda *_, **__: None)),
        queue=SimpleNamespace(later=lambda *_: None),
    )
    now = time.time()
    task = Entry(state="accepted", task_id="t")
    job = changes.job().but(provider="apiin", tasks=[task], deadline=now + 3600)
    polling = poll.Poller(cast(Any, worker)).poll(Due(job.id, 0, "apiin", now, now + until), job)
    assert polling is not None
    await polling
    return limits.said


@pytest.mark.parametrize("until", [LEASE, 3600.0])
async def test_a_poll_ends_within_its_lease_whatever_the_clock_says(
    monkeypatch: pytest.MonkeyPatch, until: float
) -> None:
    assert [round(one) for one in await limits(monkeypatch, until)] == [LEASE * 3 / 4]


async def test_a_poll_whose_lease_is_nearly_over_is_left_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor is it the gateway's fault that there is no time for it."""
    assert await limits(monkeypatch, LEASE / 10) == []
