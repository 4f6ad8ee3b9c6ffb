"""The queue of polls, by itself: which document a task is asked after by."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proxy.jobs.queue import Queue
from proxy.store.base import Due, Entry, Job, StoreUnavailable
from tests.eventually import becoming
from tests.jobs import changes

LEASE = 20.0


class Kept:
    """A queue of some providers whose store has nothing to give out; `told`: the jobs that are waited for here."""

    def __init__(self, told: dict[str, Job], *, connections: int = 100) -> None:
        self.lease = LEASE
        self.longest = 80.0
        names = ("apiin", *"123456")
        self.accounts = {name: SimpleNamespace(max_concurrency=connections) for name in names}
        self.config = SimpleNamespace(jobs=SimpleNamespace(poll_max=10.0))
        self.postponed: dict[str, float] = {}
        self.read: list[str] = []
        self.polled: list[tuple[Due, Job | None]] = []
        self.ending = asyncio.Event()
        self.away = False
        self.refused = 0
        self.due: list[Due] = []
        store = SimpleNamespace(
            lease=self.lease_of,
            postpone=self.postpone,
            next_due=self.next_due,
            get=self.get,
            several=self.several,
        )
        waiting = SimpleNamespace(
            told=told.get, told_of=lambda _: None, waits=lambda job_id: job_id in told
        )
        self.queue = Queue(cast(Any, self), cast(Any, store), cast(Any, waiting))

    def report(self, exc: BaseException, doing: str) -> None:
        raise AssertionError(doing) from exc

    async def lease_of(self, **_: Any) -> list[Due]:
        due, self.due = self.due, []
        return due

    async def several(self, names: Sequence[str]) -> list[Job]:
        return [await self.get(name) for name in names]

    async def postpone(self, due: Sequence[tuple[Due, float]]) -> None:
        if self.away:
            self.refused += 1
            raise StoreUnavailable("the disk is full")
        self.postponed |= {one.job_id: at for one, at in due}

    async def next_due(self, _: Sequence[str]) -> None:
        return None

    async def get(self, job_id: str) -> Job:
        self.read.append(job_id)
        return changes.job().but(id=job_id, model="read")

    async def poll(self, due: Due, job: Job | None) -> None:
        self.polled.append((due, job))
        await self.ending.wait()


@asynccontextmanager
async def running(kept: Kept) -> AsyncIterator[Kept]:
    loop = asyncio.create_task(kept.queue.run(kept.poll))
    await asyncio.sleep(0)
    try:
        yield kept
    finally:
        kept.ending.set()
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


def due_in(seconds: float, job_id: str = "a", until: float = LEASE) -> Due:
    now = time.time()
    return Due(job_id, 0, "apiin", now + seconds, now + until)


async def test_a_kept_task_is_polled_by_what_was_told_of_it() -> None:
    known = changes.job().but(tasks=[Entry(state="accepted", task_id="t")])
    async with running(Kept({"a": known})) as kept:
        due = due_in(0.01)
        kept.queue.keep(due)
        await becoming(lambda: kept.polled)
        assert kept.polled == [(due, known)] and kept.polled[0][1] is known
        assert time.time() >= due.at
        assert not kept.read


async def test_a_kept_task_whose_client_has_left_or_whose_gateway_calls_is_read() -> None:
    """Nor can one be polled that is told of as still being sent."""
    taken = changes.job().but(tasks=[Entry(state="accepted", task_id="t")])
    told = {"b": taken.but(callback="secret"), "c": changes.job()}
    async with running(Kept(told)) as kept:
        for name in "abc":
            kept.queue.keep(due_in(0, name))
        await becoming(lambda: len(kept.polled) == 3)
        assert sorted(kept.read) == ["a", "b", "c"]
        assert [job and job.model for _, job in kept.polled] == ["read"] * 3


async def test_a_kept_task_whose_gateway_calls_is_due_to_whoever_is_free() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        kept.queue.keep(due_in(0.05))
        kept.queue.called(Due("a", 0, "apiin"))
        kept.queue.keep(due_in(0.1, "later"))
        await becoming(lambda: kept.polled)
        assert [due.job_id for due, _ in kept.polled] == ["later"]
        assert kept.postponed["a"] <= time.time()


async def test_a_task_that_is_called_for_in_the_midst_of_its_poll_is_due_after_it() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        due = due_in(0)
        kept.queue.keep(due)
        await becoming(lambda: kept.polled)
        kept.queue.called(Due("a", 0, "apiin"))
        kept.queue.later(due, 0.05)
        assert not kept.postponed
        kept.ending.set()
        await becoming(lambda: kept.postponed)
        assert kept.postponed["a"] <= time.time()
        await asyncio.sleep(0.1)
        assert len(kept.polled) == 1  # it is kept no more


async def test_kept_tasks_wait_for_their_turn_and_leave_a_place_to_others() -> None:
    """Of four connections two are for polls."""
    names = [str(number) for number in range(5)]
    async with running(Kept(dict.fromkeys(names, changes.job()), connections=4)) as kept:
        for name in names:
            kept.queue.keep(due_in(0, name))
        await becoming(lambda: kept.polled)
        assert [due.job_id for due, _ in kept.polled] == names[:1]
        kept.ending.set()
        await becoming(lambda: [due.job_id for due, _ in kept.polled] == names)
        assert not kept.postponed


async def test_kept_tasks_leave_half_of_the_room_where_others_are_due() -> None:
    names = [str(number) for number in range(9)]
    kept = Kept(dict.fromkeys(names, changes.job()), connections=12)
    kept.due = [due_in(0, "z")]
    async with running(kept):
        await becoming(lambda: kept.polled)
        for name in names:
            kept.queue.keep(due_in(0, name))
        await becoming(lambda: len(kept.polled) == 4)
        kept.queue.wake()
        kept.queue.keep(due_in(0.1, "last"))
        await becoming(lambda: len(kept.polled) == 6)  # nothing else was due any more
        assert [due.job_id for due, _ in kept.polled] == ["z", *names[:5]]


async def test_a_kept_task_that_waits_for_too_long_has_its_turn_by_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.jobs.ahead._TURN", 0.1)
    names = [str(number) for number in range(3)]
    async with running(Kept(dict.fromkeys(names, changes.job()), connections=4)) as kept:
        dues = [due_in(0, name) for name in names]
        for due in dues:
            kept.queue.keep(due)
        await becoming(lambda: len(kept.postponed) == 2)
        assert [due for due, _ in kept.polled] == dues[:1]
        assert kept.postponed == {due.job_id: due.at for due in dues[1:]}


@pytest.mark.parametrize("connections", [1, 3])
async def test_where_one_poll_is_all_there_is_room_for_the_store_has_it(connections: int) -> None:
    """At once: who kept it would wait for a place that is left to the store."""
    async with running(Kept({"a": changes.job()}, connections=connections)) as kept:
        due = due_in(0)
        kept.queue.later(due, 0.5)
        assert [one for one, _ in kept.queue._later] == [due]
        await becoming(lambda: kept.postponed)
        assert not kept.polled


@pytest.mark.parametrize("by_the_store", [True, False])
async def test_however_many_providers_hang_another_is_polled(by_the_store: bool) -> None:
    names = [f"{provider}-{number}" for provider in "123456" for number in range(60)]
    kept = Kept(dict.fromkeys([*names, "a"], changes.job()))
    hanging = [replace(due_in(0, name), provider=name[0]) for name in names]
    async with running(kept):
        for due in hanging:
            kept.queue.keep(due)
        await becoming(lambda: len(kept.polled) == 6 * 49)
        due = due_in(0)
        if by_the_store:
            kept.due = [due]
            kept.queue.wake()
        else:
            kept.queue.keep(due)
        await becoming(lambda: due in [one for one, _ in kept.polled])
        assert "a" not in kept.postponed  # it did not wait for its turn in vain


async def test_a_lease_that_could_not_be_drawn_out_is_not_believed_in() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        kept.away = True
        kept.queue.later(due_in(0, "a", until=LEASE / 2), 0.1)
        await becoming(lambda: kept.refused)
        kept.queue.keep(due_in(0.15, "b"))
        await becoming(lambda: kept.polled)
        assert [due.job_id for due, _ in kept.polled] == ["b"]


async def test_a_task_that_another_worker_could_have_leased_is_not_begun() -> None:
    async with running(Kept({})) as kept:
        kept.queue.keep(due_in(0, "a", until=0.0))
        kept.queue.keep(due_in(0.05, "b"))
        await becoming(lambda: kept.polled)
        assert [due.job_id for due, _ in kept.polled] == ["b"]
        assert not kept.postponed


async def test_a_clock_that_was_set_back_draws_no_lease_out() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        kept.queue.later(due_in(0, "a", until=3600), 0.0)
        await becoming(lambda: kept.polled)
        assert kept.polled[0][0].until <= time.time() + LEASE


async def test_a_kept_task_whose_lease_nears_its_end_is_left_to_others() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        due = due_in(-0.5, until=0.7)
        kept.queue.keep(due)
        await becoming(lambda: kept.postponed)
        assert (kept.postponed, kept.polled) == ({"a": due.at}, [])


async def test_a_task_that_goes_on_is_kept_and_its_lease_drawn_out_in_time() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        first = due_in(0)
        kept.queue.later(first, 0.0)
        await becoming(lambda: kept.polled)
        assert kept.polled[0][0].until == first.until
        kept.queue.later(due_in(0, "a", until=LEASE / 2), 0.0)
        await becoming(lambda: kept.postponed)
        assert kept.postponed["a"] > time.time() + LEASE * 3 / 4


async def test_what_comes_later_or_has_no_client_here_is_left_to_others() -> None:
    async with running(Kept({"a": changes.job()})) as kept:
        kept.queue.later(due_in(0, "a"), LEASE / 2)
        kept.queue.later(due_in(0, "b"), 0.01)
        await becoming(lambda: len(kept.postponed) == 2)
        assert kept.postponed["a"] > kept.postponed["b"]


async def test_what_is_kept_is_left_to_others_when_the_worker_stops() -> None:
    kept = Kept({"b": changes.job(), "c": changes.job()})
    async with running(kept):
        dues = [due_in(0, "b"), due_in(LEASE / 5, "c"), due_in(LEASE / 5, "a")]
        for due in dues:
            kept.queue.keep(due)
        await becoming(lambda: kept.polled)
    assert kept.postponed == {due.job_id: due.at for due in dues[1:]}
    kept.queue.later(dues[0], 0.0)
    kept.queue.keep(dues[1])
    assert [one for one, _ in kept.queue._later] == dues[
        :2
    ]  # a poll that ends now leaves nothing behind
    assert [due.job_id for due, _ in kept.polled] == ["b"]


async def test_a_job_of_which_one_task_may_be_known_no_more_is_read_for_that_one() -> None:
    now = time.time()
    tasks = [Entry(state="sending", at=now), Entry(state="accepted", task_id="b", at=now)]
    known = changes.job().but(tasks=tasks)
    stored = known.with_task(0, state="accepted", task_id="a")
    due = [Due(known.id, 0, "apiin", now), Due(known.id, 1, "apiin", now)]

    async def lease(**_: Any) -> list[Due]:
        return due

    async def several(names: Sequence[str]) -> list[Job]:
        return [stored for name in names if name == known.id]

    in_force = SimpleNamespace(lease=20.0, longest=80.0)
    store = SimpleNamespace(lease=lease, several=several)
    waiting = SimpleNamespace(told_of=lambda one: known if one.index == 1 else None)
    queue = Queue(cast(Any, in_force), cast(Any, store), cast(Any, waiting))
    found = await queue._read(["apiin"], 10)
    assert [(one.index, job) for one, job in found] == [(0, stored), (1, known)]
