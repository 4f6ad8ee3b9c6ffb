"""Orders that find a place at their gateway free: stored once, as on their way, and sent."""

import asyncio
from typing import Any

import pytest

from proxy.sandbox import Sandbox
from proxy.store.base import StoreUnavailable
from tests.eventually import becoming
from tests.jobs.conftest import Workers
from translators.core import Capability


async def test_what_has_a_place_at_once_is_stored_once_before_it_is_sent(
    workers: Workers, gateways: Sandbox
) -> None:
    """As on its way: whoever finds it after a crash must take it for sent."""
    engine = await workers()
    gateways["onysoft"].fault("submit", late=float("inf"))
    job = await engine.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.submits)
    assert (await engine.now(job)).tasks[0].state == "sending"
    assert engine.store.asked["update"] == 0


async def test_an_order_goes_on_without_its_client(workers: Workers, gateways: Sandbox) -> None:
    """Stored as on its way, it would be in doubt for ever if nobody sent it."""
    engine = await workers()
    ordering = asyncio.create_task(engine.order("sora-2"))
    await becoming(lambda: engine.store.asked["create"])
    ordering.cancel()
    await gateways["onysoft"].until(lambda double: double.tasks)
    [job] = (await engine.service.store.page("")).jobs
    assert (await engine.ended(job)).status == "completed"


async def test_what_is_not_stored_holds_no_place_and_keeps_no_file(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers()
    slots = engine.service.runtime.accounts["onysoft"].slots
    first = await engine.order("sora-2", key="k")
    await engine.ended(first)
    file = await engine.service.media.save(b"one more", "image/png")
    assert (await engine.order("sora-2", key="k", media=[file])).id == first.id
    engine.store.away = {"create"}
    other = await engine.service.media.save(b"another", "image/png")
    with pytest.raises(StoreUnavailable):
        await engine.order("sora-2", media=[other])
    await becoming(lambda: slots.busy == 0)
    assert [engine.service.media.path(one) for one in (file, other)] == [None, None]


async def test_what_took_too_long_to_store_is_marked_anew(
    workers: Workers, gateways: Sandbox
) -> None:
    """Another worker may have taken it for an orphan's: then it is not sent any more."""
    one, other = await workers(), await workers()
    create, settled = one.service.store.create, asyncio.Event()

    async def slowly(*args: Any, **options: Any) -> Any:
        made = await create(*args, **options)
        await other.ended(made)
        settled.set()
        return made

    one.store.create = slowly
    job = await one.order("sora-2")
    assert settled.is_set()
    assert ((await one.ended(job)).error or {})["code"] == "submission_ambiguous"
    slots = one.service.runtime.accounts["onysoft"].slots
    await becoming(lambda: slots.busy == 0)
    assert gateways["onysoft"].submits == []


async def test_a_target_on_probation_gets_one_order_of_many(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(models={"both": ["onysoft/sora-2", "ai-gate-one/Sora2"]})
    gateways["onysoft"].fault("submit", late=float("inf"), times=None)
    circuit = engine.service.runtime.accounts["onysoft"].health.connection
    circuit._until, circuit._pause = circuit._clock() - 0.001, 1.0  # its pause is over
    await asyncio.gather(*(engine.order("both") for _ in range(10)))
    await becoming(lambda: len(gateways["ai-gate.one"].tasks) == 9)
    await gateways["onysoft"].until(lambda double: double.submits)
    assert len(gateways["onysoft"].submits) == 1


async def test_a_store_that_stands_still_leaves_half_of_the_places(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(providers={"onysoft": {"max_concurrency": 4}})
    slots = engine.service.runtime.accounts["onysoft"].slots
    create, going = engine.service.store.create, asyncio.Event()

    async def later(*args: Any, **options: Any) -> Any:
        await going.wait()
        return await create(*args, **options)

    engine.store.create = later
    orders = [asyncio.create_task(engine.order("sora-2")) for _ in range(6)]
    await becoming(lambda: slots.busy == 2)
    await asyncio.sleep(0)
    assert (slots.busy, slots.early) == (2, 2)
    going.set()
    done = [await engine.ended(job) for job in await asyncio.gather(*orders)]
    assert [one.status for one in done] == ["completed"] * 6
    assert (slots.busy, slots.early) == (0, 0)


async def test_what_is_stored_while_the_worker_stops_is_lost_and_its_key_free(
    workers: Workers, gateways: Sandbox
) -> None:
    """Its client is told so, and comes again: not to a job that nobody sends."""
    one, other = await workers(), await workers()
    create, stored = one.service.store.create, asyncio.Event()

    async def unheard(*args: Any, **options: Any) -> Any:
        await create(*args, **options)
        stored.set()
        await asyncio.Event().wait()

    one.store.create = unheard
    ordering = asyncio.create_task(one.order("sora-2", key="k"))
    await stored.wait()
    await one.crash()
    with pytest.raises(StoreUnavailable):
        await ordering
    [job] = (await other.service.store.page("")).jobs
    assert (job.error or {})["code"] == "submission_lost"
    again = await other.order("sora-2", key="k")
    assert again.id != job.id
    assert (await other.ended(again)).status == "completed"


async def test_what_was_stored_unheard_is_taken_back_after_any_outage(
    workers: Workers, gateways: Sandbox
) -> None:
    """Longer than a lease, too, whose end would leave it in doubt."""
    engine = await workers()
    engine.store.mute = {"create"}
    with pytest.raises(StoreUnavailable):
        await engine.order("sora-2", key="k")
    engine.store.away, engine.store.mute = {"*"}, set()
    await asyncio.sleep(1.2)  # a lease: nothing else tells that it is over
    engine.store.away = set()
    [stored] = (await engine.service.store.page("")).jobs
    assert ((await engine.ended(stored)).error or {})["code"] == "submission_lost"
    assert (await engine.order("sora-2", key="k")).id != stored.id


async def test_a_request_that_cannot_be_made_leaves_no_doubt(
    workers: Workers, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workers()

    def never(*_: object) -> None:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(engine.service.runtime.driver, "native", never)
        done = await engine.ended(await engine.order("sora-2", key="k"))
    assert (done.error or {})["code"] == "submission_lost"
    assert (await engine.order("sora-2", key="k")).id != done.id
    assert len(gateways["onysoft"].submits) <= 1


async def test_further_tasks_are_sent_as_places_come_free(
    workers: Workers, gateways: Sandbox
) -> None:
    """They are more than may wait for a place: their job is taken, so none may be refused by our own limit."""
    engine = await workers(providers={"onysoft": {"max_concurrency": 2}})
    slots = engine.service.runtime.accounts["onysoft"].slots
    most = 0

    def late(_: Any) -> bool:
        nonlocal most
        most = max(most, slots.waiting)
        return True

    gateways["onysoft"].fault("submit", match=late, late=0.05, times=None)
    done = await engine.ended(await engine.order("imagen", Capability.IMAGE, tasks=10))
    assert [one.state for one in done.tasks] == ["completed"] * 10
    assert most <= 2  # one of the job, and a poll: others find room to wait, too


async def test_further_tasks_wait_until_they_may_be_counted(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(providers={"onysoft": {"rpm": 60}})
    driver = engine.service.runtime.driver
    waits = [0.0, 0.01, 0.01, 0.0]

    async def spend(bucket: str, limit: int, *, keep: int = 0) -> float:
        return waits.pop(0) if waits else 0.0

    driver._spend = spend
    done = await engine.ended(await engine.order("imagen", Capability.IMAGE, tasks=2))
    assert [one.state for one in done.tasks] == ["completed"] * 2
    assert waits == []


async def test_further_tasks_that_may_not_be_counted_end_with_their_job(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(providers={"onysoft": {"rpm": 60}}, jobs={"timeout": 0.5})
    asked = 0

    async def spend(bucket: str, limit: int, *, keep: int = 0) -> float:
        nonlocal asked
        asked += 1
        return 0.0 if asked == 1 else 0.01

    engine.service.runtime.driver._spend = spend
    job = await engine.order("imagen", Capability.IMAGE, tasks=2)
    done = await engine.ended(job)
    assert (done.tasks[1].error or {})["code"] == "submission_lost"
    await becoming(lambda: not engine.jobs._worker.sending)
    assert len(gateways["onysoft"].submits) == 1
