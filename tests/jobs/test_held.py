"""Pictures that come inside the gateway's answer, and a media folder that takes nothing."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from proxy.sandbox import Sandbox
from proxy.store.base import Job
from proxy.store.ledger import charged
from proxy.store.money import nanos
from tests.eventually import becoming
from tests.jobs.conftest import Engine, Workers
from translators.core import Capability

PICTURE = "openai/gpt-image-1"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="


@contextmanager
def full_disk() -> Iterator[None]:
    """No file takes a byte, for root neither; the store of these tests has no file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def ordered(engine: Engine, gateways: Sandbox) -> Job:
    """A picture that the gateway is at: it is too late to refuse it."""
    gateways["openai"].fault("submit", late=0.3)
    job = await engine.order(PICTURE, Capability.IMAGE)
    await gateways["openai"].until(lambda double: double.seen("submit"))
    return job


async def refusing(engine: Engine) -> bool:
    await engine.service.media.writable.look()
    return engine.service.media.writable.fault is not None


async def test_a_paid_picture_is_saved_as_soon_as_there_is_room(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(store="memory:")
    media = engine.service.media
    job = await ordered(engine, gateways)
    with full_disk():
        await becoming(lambda: media.writable.fault)
        assert (await engine.now(job)).status != "failed"
    done = await engine.ended(job)
    assert done.status == "completed", done.error
    assert media.path(done.tasks[0].assets[0]["file"]) is not None
    assert len(gateways["openai"].seen("submit")) == 1


async def test_a_picture_that_nobody_could_keep_ends_with_its_job_at_its_cost(
    workers: Workers, gateways: Sandbox
) -> None:
    prices = {"providers": {"openai": {"prices": {"gpt-image-1": {"per_image": 0.04}}}}}
    engine = await workers(store="memory:", jobs={"timeout": 2, "lease": 1}, **prices)
    job = await ordered(engine, gateways)
    with full_disk():
        done = await engine.ended(job)
    assert ((done.error or {})["code"], done.cost) == ("store_unavailable", 0.04)
    assert engine.jobs._launcher._submitter._held._bytes == 0


async def test_a_picture_that_is_lost_has_cost_something_and_one_not_ordered_nothing(
    workers: Workers, gateways: Sandbox
) -> None:
    """By the budget, where nobody knows the price."""
    engine = await workers(store="memory:", jobs={"timeout": 2, "lease": 1})
    job = await ordered(engine, gateways)
    with full_disk():
        lost = await engine.ended(job)
        assert await refusing(engine)
        refused = await engine.ended(await engine.order(PICTURE, Capability.IMAGE))
    spent = [charged(one.but(reserved=0.1, charged_at=1.0)) for one in (lost, refused)]
    assert spent == [nanos(0.1), 0]


async def test_a_picture_that_no_poll_could_keep_ends_with_its_job_at_its_cost(
    workers: Workers, gateways: Sandbox
) -> None:
    """It comes inside the answers to polls, and what it costs with it."""
    price = {"providers": {"apiin-one": {"usd_per_credit": 0.01}}}
    engine = await workers(store="memory:", jobs={"timeout": 1, "lease": 20}, **price)
    told = {"task_id": "t", "status": "SUCCESS", "result": PIXEL, "consumed_credits": 5}
    gateways["apiin.one"].fault("poll", times=None, body={"code": 200, "data": told})
    with full_disk():
        done = await engine.ended(await engine.order("flux", Capability.IMAGE))
    assert ((done.error or {})["code"], done.cost) == ("provider_timeout", 0.05)
    assert "could not be kept here" in (done.error or {})["message"]


async def test_what_is_held_fits_into_some_memory(
    workers: Workers, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.jobs.held._MOST", 10)
    engine = await workers(store="memory:")
    job = await ordered(engine, gateways)
    with full_disk():
        done = await engine.ended(job)
    assert (done.error or {})["code"] == "store_unavailable"


async def test_a_picture_that_could_not_be_kept_is_not_ordered(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(store="memory:")
    slots = engine.service.runtime.accounts["openai"].slots
    with full_disk():
        assert await refusing(engine)
        done = await engine.ended(await engine.order(PICTURE, Capability.IMAGE, key="k"))
        assert ((done.error or {})["status"], (done.error or {})["retry"]) == (503, True)
        # What is asked after can be had later: it goes on.
        assert (await engine.ended(await engine.order("sora-2"))).status == "completed"
        await becoming(lambda: slots.busy == 0)
    assert gateways["openai"].seen("submit") == []
    assert not await refusing(engine)
    again = await engine.order(PICTURE, Capability.IMAGE, key="k")
    assert (await engine.ended(again)).status == "completed"


async def test_an_order_goes_to_the_target_whose_result_needs_no_folder(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(store="memory:", models={"both": [PICTURE, "onysoft/google/imagen4"]})
    with full_disk():
        assert await refusing(engine)
        done = await engine.ended(await engine.order("both", Capability.IMAGE))
    assert (done.status, done.provider) == ("completed", "onysoft")


async def test_as_much_must_fit_as_was_refused(workers: Workers, gateways: Sandbox) -> None:
    """A disk that is nearly full still takes a small file, but no picture."""
    engine = await workers(store="memory:")
    media = engine.service.media
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with full_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
        with pytest.raises(Exception, match="media folder"):
            await media.save(bytes(100_000), "image/png")
        assert await refusing(engine)
    assert not await refusing(engine)
