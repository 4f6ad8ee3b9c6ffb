"""Orders that find a place at their gateway free: stored once, as on their way, and sent."""

import asyncio

import pytest

from proxy.sandbox import Sandbox
from proxy.store.base import StoreUnavailable
from tests.eventually import becoming
from tests.jobs.conftest import Workers


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
