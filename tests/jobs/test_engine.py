"""The engine against doubles: leases, orphans, outages, polls; what the doubles saw is the proof."""

import asyncio
import itertools
import time
from dataclasses import replace
from typing import Any

import pytest

from proxy.jobs import transitions
from proxy.jobs.transitions import Outcome, fetching
from proxy.sandbox import Sandbox
from proxy.store.base import Change, Due, Job, StoreUnavailable, Unanswered
from tests.eventually import becoming
from tests.jobs.conftest import Workers
from translators.core import Capability

SHARED = "sqlite:jobs.db"
# What has to be counted is stored before its turn comes.
COUNTED = {"providers": {"onysoft": {"rpm": 60}}}


async def test_a_task_id_is_stored_however_long_the_store_is_away(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(jobs={"lease": 20})
    gateways["onysoft"].fault("submit", late=0.3)
    job = await engine.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.submits)
    engine.store.away = {"*"}
    await gateways["onysoft"].until(lambda double: double.submits[0].ended)
    await asyncio.sleep(0.2)  # the engine runs against the wall meanwhile
    engine.store.away = set()
    done = await engine.ended(job)
    assert (done.status, done.tasks[0].task_id) == (
        "completed",
        gateways["onysoft"].submits[0].task_id,
    )
    assert len(gateways["onysoft"].submits) == 1


async def test_nothing_is_sent_where_the_store_cannot_note_it(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(jobs={"lease": 20}, **COUNTED)
    engine.store.away = {"update"}
    job = await engine.order("sora-2")
    await becoming(lambda: engine.store.refused["update"])
    assert gateways["onysoft"].submits == []
    engine.store.away = set()
    assert (await engine.ended(job)).status == "completed"


async def test_what_was_stored_unheard_is_nobodys_job(workers: Workers, gateways: Sandbox) -> None:
    """Its client was told that it could not be stored: its repetition is a job of its own, and at once."""
    engine = await workers(jobs={"lease": 20})
    engine.store.mute = {"create"}
    with pytest.raises(StoreUnavailable):
        await engine.order("sora-2", key="k")
    engine.store.away, engine.store.mute = {"*"}, set()
    await becoming(lambda: engine.store.refused["release"] > 1)
    engine.store.away = set()
    [stored] = (await engine.service.store.page("")).jobs
    lost = await engine.ended(stored)
    assert (lost.error or {})["code"] == "submission_lost"
    made = await engine.order("sora-2", key="k")
    assert made.id != lost.id
    assert (await engine.ended(made)).status == "completed"
    assert len(gateways["onysoft"].submits) == 1


async def test_a_live_submit_is_no_orphan_to_another_worker(
    workers: Workers, gateways: Sandbox
) -> None:
    one, _other = await workers(), await workers()
    gateways["onysoft"].fault("submit", late=1.8)  # longer than a lease
    done = await one.ended(await one.order("sora-2"))
    assert done.status == "completed", done.error
    assert len(gateways["onysoft"].submits) == 1


async def test_a_live_submit_is_no_orphan_after_a_reload_that_shortens_leases(
    workers: Workers, gateways: Sandbox
) -> None:
    """Its worker has just looked after its leases, and does so again when a quarter of a long one has passed."""
    one = await workers(jobs={"lease": 20})
    other = await workers()
    one.jobs.use(other.service.runtime)
    gateways["onysoft"].fault("submit", late=1.8)
    done = await one.ended(await one.order("sora-2"))
    assert done.status == "completed", done.error


async def test_a_reload_puts_other_leases_in_force(workers: Workers) -> None:
    one, other = await workers(), await workers(jobs={"lease": 20})
    one.jobs.use(other.service.runtime)
    await becoming(lambda: one.jobs._worker.lease == 20)


async def test_a_worker_that_could_not_renew_does_not_give_up_its_own(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers()
    engine.store.away = {"renew"}
    gateways["onysoft"].fault("submit", late=1.8)
    done = await engine.ended(await engine.order("sora-2"))
    assert done.status == "completed", done.error


async def test_after_an_outage_a_live_submit_is_no_orphan(
    workers: Workers, gateways: Sandbox
) -> None:
    """Nobody could renew its lease meanwhile. The other worker sees the store again before its own does."""
    one, other = await workers(jobs={"lease": 2}), await workers(jobs={"lease": 2})
    gateways["onysoft"].fault("submit", late=float("inf"))
    job = await one.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.tasks)
    one.store.away = other.store.away = {"*"}
    await becoming(lambda: other.store.refused["overdue"])
    # As an outage leaves it that is longer than the lease.
    await one.service.store.postpone([(Due(job.id, 0, "onysoft"), time.time() - 1)])
    before = other.store.asked["overdue"]
    other.store.away = set()
    await becoming(lambda: other.store.asked["overdue"] > before)
    renewed = one.store.asked["renew"]
    one.store.away = set()
    await becoming(lambda: one.store.asked["renew"] > renewed)
    gateways["onysoft"].release()
    assert (await one.ended(job)).status == "completed"
    assert len(gateways["onysoft"].submits) == 1


async def test_a_crash_while_sending_is_settled_by_another_worker(
    workers: Workers, gateways: Sandbox
) -> None:
    one, other = await workers(), await workers()
    gateways["onysoft"].fault("submit", late=float("inf"))
    job = await one.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.tasks)
    await one.crash()
    done = await other.ended(job)
    assert done.error is not None
    assert (done.status, done.error["code"]) == ("failed", "submission_ambiguous")
    assert len(gateways["onysoft"].submits) == 1


async def test_a_task_whose_polls_its_worker_kept_for_itself_is_polled_by_another_when_it_dies(
    workers: Workers, gateways: Sandbox
) -> None:
    """Its lease runs out: it must not pass for an orphan's."""
    one, other = await workers(jobs={"lease": 3}), await workers(jobs={"lease": 3})
    gateways["onysoft"].fault("submit", late=0.1)
    gateways["onysoft"].fault("poll", late=float("inf"))
    job = await one.order("sora-2")
    waiting = asyncio.create_task(one.jobs.wait(job.id, lambda job: job.ended, 60))
    await one.state(job, lambda job: job.tasks[0].task_id is not None)
    one.store.away = {"*"}
    waiting.cancel()
    await one.crash()
    assert (await other.ended(job)).status == "completed"
    assert len(gateways["onysoft"].submits) == 1


async def test_of_n_tasks_each_is_settled_by_what_is_known_of_it(
    workers: Workers, gateways: Sandbox
) -> None:
    """The first was taken, the second is in doubt, and the worker dies: one picture is delivered."""
    one, other = await workers(), await workers()
    double = gateways["apiin.one"]
    double.fault("submit", match=lambda seen: len(double.submits) == 1, late=float("inf"))
    job = await one.order("flux", Capability.IMAGE, tasks=2)
    await double.until(lambda double: len(double.tasks) == 2)
    await one.crash()
    done = await other.ended(job)
    assert done.status == "completed"
    assert [entry.state for entry in done.tasks] == ["completed", "failed"]
    assert (done.tasks[1].error or {})["code"] == "submission_ambiguous"
    assert len(double.submits) == 2


async def test_one_refused_task_does_not_end_the_leases_of_the_others(
    workers: Workers, gateways: Sandbox
) -> None:
    one, _other = await workers(), await workers()
    double = gateways["apiin.one"]
    double.fault("submit", match=lambda seen: len(double.submits) == 1, status=429)
    double.fault("submit", match=lambda seen: len(double.submits) == 2, late=1.8)
    done = await one.ended(await one.order("flux", Capability.IMAGE, tasks=3))
    assert sorted(entry.state for entry in done.tasks) == ["completed", "completed", "failed"]


async def test_a_poll_that_drips_is_not_asked_twice_at_once(
    workers: Workers, gateways: Sandbox
) -> None:
    one, _other = await workers(), await workers()
    double = gateways["onysoft"]
    double.fault("poll", times=1, drip=0.3)  # ten pieces: three leases
    done = await one.ended(await one.order("sora-2"), timeout=20)
    assert done.status == "completed"
    polls = double.polls()
    for earlier, later in itertools.pairwise(polls):
        assert earlier.ended is not None
        assert later.at >= earlier.ended - 0.5  # told of a hang-up a little after the next request


async def test_a_file_that_takes_longer_than_a_lease_is_fetched_once(
    workers: Workers, gateways: Sandbox
) -> None:
    keep = {"media": {"keep": True}}
    one, _other = await workers(**keep), await workers(**keep)
    double = gateways["onysoft"]
    double.configure({"files": {"drip": 0.1, "drip_size": 6000}})
    done = await one.ended(await one.order("sora-2"), timeout=30)
    assert all("file" in asset for asset in done.tasks[0].assets)
    assert len(double.seen("file")) == len(done.tasks[0].assets)


async def test_a_file_that_fails_is_fetched_again_and_leaves_nothing_behind(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(media={"keep": True})
    double = gateways["onysoft"]
    double.fault("file", truncate=100)
    double.fault("file", status=503)
    done = await engine.ended(await engine.order("sora-2"))
    kept = {one.name for one in engine.service.config.media.dir.iterdir() if one.is_file()}
    assert kept == {asset["file"] for asset in done.tasks[0].assets}


@pytest.mark.parametrize("unheard", [True, False], ids=["unheard", "stopped"])
async def test_files_stay_that_the_job_was_completed_with(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, unheard: bool
) -> None:
    """Though their worker does not hear of it, or is stopped before it could."""
    monkeypatch.setattr("proxy.jobs.queue._LAST", 0.01)
    engine, ended = await workers(media={"keep": True}), asyncio.Event()

    async def update(job_id: str, change: Change, **known: Any) -> Job | None:
        job = await engine.service.store.update(job_id, change)
        if job is not None and job.ended:
            ended.set()
            if unheard:
                raise Unanswered("the connection was lost")
            await asyncio.Event().wait()
        return job

    engine.store.update = update
    job = await engine.order("sora-2")
    await asyncio.wait_for(ended.wait(), 15)
    await engine.crash()
    kept = {one.name for one in engine.service.config.media.dir.iterdir() if one.is_file()}
    assert kept == {asset["file"] for asset in (await engine.now(job)).tasks[0].assets}
    assert kept


async def test_a_provider_that_hangs_keeps_no_other_waiting(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(jobs={"lease": 20})
    gateways["onysoft"].fault("poll", times=None, hang=True)
    stuck = [await engine.order("sora-2") for _ in range(70)]
    await becoming(lambda: len(gateways["onysoft"].polls()) >= 40)
    done = await engine.ended(await engine.order("kling"))
    assert done.status == "completed"
    gateways["onysoft"].clear()
    for job in stuck:
        assert (await engine.ended(job, timeout=30)).status == "completed"


async def test_a_task_that_shows_up_late_is_found_on_whichever_path(
    workers: Workers, gateways: Sandbox
) -> None:
    double = gateways["aigate.shop"]
    double.variants.add("videos_id")
    double.ready_after_polls = 1
    double.fault("poll", times=3, status=404)
    engine = await workers(providers={"aigate-shop": {"submit": "async"}})
    done = await engine.ended(await engine.order("kling-shop"))
    assert done.status == "completed"
    assert {one.path.rpartition("/")[0] for one in double.polls()} == {
        "/v1/videos",
        "/v1/video/generations",
    }


async def test_a_refusal_under_http_200_goes_to_the_next_target(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(models={"both": ["ai-gate-one/Sora2", "onysoft/sora-2"]})
    gateways["ai-gate.one"].fault("submit", status=200, body={"error": "no such model"})
    done = await engine.ended(await engine.order("both"))
    assert (done.status, done.provider) == ("completed", "onysoft")


async def test_stopping_lets_a_submit_end(workers: Workers, gateways: Sandbox) -> None:
    engine = await workers()
    gateways["onysoft"].fault("submit", late=0.5)
    job = await engine.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.tasks)
    await engine.jobs.stop(drain=10)
    assert (await engine.now(job)).tasks[0].task_id is not None


async def test_a_job_that_was_never_marked_is_lost_and_its_key_free(
    workers: Workers, gateways: Sandbox
) -> None:
    one, other = await workers(**COUNTED), await workers(**COUNTED)
    one.store.away = {"update"}
    job = await one.order("sora-2", key="k1")
    await one.crash()
    done = await other.ended(job)
    assert (done.error or {})["code"] == "submission_lost"
    while (again := await other.order("sora-2", key="k1")).id == job.id:
        pass  # it is freed as soon as the job has failed
    assert (await other.ended(again)).status == "completed"
    assert len(gateways["onysoft"].submits) == 1


async def test_what_waits_for_its_turn_has_not_been_sent(
    workers: Workers, gateways: Sandbox
) -> None:
    limited = {"providers": {"onysoft": {"max_concurrency": 1}}}
    one, other = await workers(**limited), await workers(**limited)
    gateways["onysoft"].fault("submit", late=float("inf"))
    sent = await one.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.tasks)
    waits = await one.order("sora-2")
    await one.crash()
    assert ((await other.ended(sent)).error or {})["code"] == "submission_ambiguous"
    assert ((await other.ended(waits)).error or {})["code"] == "submission_lost"
    assert len(gateways["onysoft"].submits) == 1


async def test_what_was_never_sent_before_the_deadline_leaves_its_key_free(
    workers: Workers, gateways: Sandbox
) -> None:
    limits = {"onysoft": {"max_concurrency": 1}}
    engine = await workers(jobs={"timeout": 1}, providers=limits)
    slots = engine.service.runtime.accounts["onysoft"].slots
    assert slots.taken()
    waits = await engine.order("sora-2", key="k")
    assert ((await engine.ended(waits)).error or {})["code"] == "submission_lost"
    slots.release()
    while (again := await engine.order("sora-2", key="k")).id == waits.id:
        pass  # it is freed as soon as the job has failed
    assert (await engine.ended(again)).status == "completed"
    assert len(gateways["onysoft"].submits) == 1


async def test_an_answer_that_comes_after_the_deadline_leaves_its_id_and_cost(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(jobs={"timeout": 1})
    gateways["onysoft"].fault("submit", late=1.8)
    job = await engine.order("sora-2")
    failed = await engine.ended(job)
    assert (failed.error or {})["code"] == "submission_ambiguous"
    late = await engine.state(job, lambda one: one.tasks[0].task_id is not None)
    assert late.tasks[0].task_id == gateways["onysoft"].submits[0].task_id
    assert late.cost is not None
    assert (late.status, late.error, late.completed_at) == (
        "failed",
        failed.error,
        failed.completed_at,
    )


async def test_a_video_that_comes_after_the_deadline_leaves_its_cost_though_it_would_be_kept(
    workers: Workers, gateways: Sandbox
) -> None:
    prices = {"aigate-shop": {"prices": {"klingai/kling-v3.0-t2v": {"per_request": 0.3}}}}
    engine = await workers(jobs={"timeout": 1}, media={"keep": True}, providers=prices)
    gateways["aigate.shop"].fault("submit", late=1.8)
    job = await engine.order("kling-shop")
    assert ((await engine.ended(job)).error or {})["code"] == "submission_ambiguous"
    assert (await engine.state(job, lambda one: one.cost is not None)).cost == 0.3


async def test_what_a_gateway_finished_while_the_proxy_was_down_is_no_timeout(
    workers: Workers, gateways: Sandbox
) -> None:
    """The deadline passed meanwhile: it is asked after once more."""
    engine = await workers(jobs={"timeout": 1})
    double = gateways["onysoft"]
    double.fault("poll", hang=True)
    job = await engine.order("sora-2")
    await double.until(lambda double: double.polls())
    await engine.crash()
    await becoming(lambda: time.time() > job.deadline)
    other = await workers(jobs={"timeout": 1})
    done = await other.ended(job)
    assert done.status == "completed", done.error


async def test_a_poll_that_has_no_place_at_the_deadline_is_not_the_gateways_silence(
    workers: Workers, gateways: Sandbox
) -> None:
    """Chat may have all of a provider's places then: what lies ready is asked for as soon as one is free."""
    one = {"providers": {"onysoft": {"max_concurrency": 1}}}
    engine = await workers(jobs={"timeout": 1, "lease": 2}, **one)
    account = engine.service.runtime.accounts["onysoft"]
    gateways["onysoft"].fault("poll", hang=True)
    job = await engine.order("sora-2")
    await gateways["onysoft"].until(lambda double: double.polls())
    chat = asyncio.create_task(account.slots.wait(None))
    await chat
    await becoming(lambda: time.time() > job.deadline and account.slots.waiting)
    await becoming(lambda: not account.slots.waiting)  # that poll has given up
    account.slots.release()
    done = await engine.ended(job)
    assert done.status == "completed", done.error


async def test_a_gateway_that_is_dead_at_the_deadline_ends_the_job(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(jobs={"timeout": 1, "lease": 20})
    gateways["onysoft"].fault("poll", times=None, cut="before")
    done = await engine.ended(await engine.order("sora-2"))
    assert (done.error or {})["message"] == (
        "The gateway did not finish before the deadline. It gave no answer when it was last asked."
    )


async def test_a_job_that_is_waited_for_here_is_not_read_for_its_poll(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers(jobs={"lease": 20})
    gateways["onysoft"].fault("submit", late=0.2)
    job = await engine.order("sora-2")
    done = await engine.jobs.wait(job.id, lambda one: one.ended, 15)
    assert done is not None and done.status == "completed"
    assert engine.store.asked["several"] == 0


async def test_a_task_that_is_waited_for_here_is_nobody_elses_until_its_lease_ends(
    workers: Workers, gateways: Sandbox
) -> None:
    engine, other = await workers(jobs={"lease": 20}), await workers(jobs={"lease": 20})
    job = await engine.order("sora-2")
    waiting = asyncio.create_task(engine.jobs.wait(job.id, lambda one: one.ended, 15))
    taken = await engine.state(job, lambda one: one.tasks[0].task_id is not None)
    assert (taken.tasks[0].at or 0) > time.time() + 10
    done = await waiting
    assert done is not None and done.status == "completed"
    assert other.store.asked["several"] == 0
    assert gateways["onysoft"].polls()


async def test_a_provider_that_comes_back_finds_its_tasks_due(
    workers: Workers, gateways: Sandbox
) -> None:
    """Removed by one reload and there again by the next: nobody waits for the end of a lease."""
    gateways["onysoft"].ready_after_polls = 10_000
    engine = await workers(jobs={"lease": 20})
    job, runtime = await engine.order("sora-2"), engine.service.runtime
    waiting = asyncio.create_task(engine.jobs.wait(job.id, lambda one: one.ended, 15))
    await gateways["onysoft"].until(lambda double: double.polls())
    engine.jobs.use(replace(runtime, accounts={}))
    end = time.monotonic() + 5
    while ((await engine.store.next_due(["onysoft"])) or 0.0) > time.time():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    gateways["onysoft"].finish(str((await engine.now(job)).tasks[0].task_id))
    engine.jobs.use(runtime)
    assert (await engine.ended(job)).status == "completed"
    await waiting


async def test_a_worker_that_stops_leaves_what_is_waited_for_there_to_others(
    workers: Workers, gateways: Sandbox
) -> None:
    """At once, and not at the end of the lease."""
    engine = await workers(jobs={"lease": 20})
    job = await engine.order("sora-2")
    waiting = asyncio.create_task(engine.jobs.wait(job.id, lambda one: one.ended, 15))
    await engine.state(job, lambda one: one.tasks[0].task_id is not None)
    await engine.jobs.stop(drain=5)
    waiting.cancel()
    other = await workers(jobs={"lease": 20})
    assert (await other.ended(job, timeout=10)).status == "completed"


async def test_what_another_worker_did_to_a_job_that_is_waited_for_here_stays(
    workers: Workers, gateways: Sandbox
) -> None:
    """Its poll goes by what was last told here, and finds out when it writes."""
    engine = await workers(jobs={"lease": 20})
    gateways["onysoft"].fault("poll", late=float("inf"), times=1)
    job = await engine.order("sora-2")
    waiting = asyncio.create_task(engine.jobs.wait(job.id, lambda one: one.ended, 15))
    await gateways["onysoft"].until(lambda double: double.polls())
    await engine.service.store.update(job.id, lambda one: one.but(deleted=True))
    gateways["onysoft"].release()
    done = await waiting
    assert done is not None and (done.status, done.deleted) == ("completed", True)
    assert (await engine.now(job)).deleted


async def test_what_another_worker_has_found_done_is_not_asked_after(
    workers: Workers, gateways: Sandbox
) -> None:
    """Its files are to be fetched now: who waits here must not go by how the task stood before."""
    engine = await workers(jobs={"lease": 20, "poll_min": 5, "poll_max": 10})
    job = await engine.order("sora-2")
    waiting = asyncio.create_task(engine.jobs.wait(job.id, lambda one: one.ended, 15))
    await engine.state(job, lambda one: one.tasks[0].task_id is not None)
    outcome = Outcome(assets=({"role": "content", "url": "http://127.0.0.1:9/a.mp4"},))
    await engine.service.store.update(job.id, fetching(0, outcome, now=time.time()))
    engine.jobs._worker.queue.wake()
    await becoming(lambda: engine.store.asked["several"] or gateways["onysoft"].polls())
    assert gateways["onysoft"].polls() == []
    waiting.cancel()


async def test_a_media_folder_that_takes_no_change_undoes_none_in_the_store(
    workers: Workers, gateways: Sandbox
) -> None:
    engine = await workers()
    media = engine.service.media
    upload = await media.save(b"x", "image/png", upload=True)
    (media._folder / "public").write_bytes(b"no folder")
    job = await engine.order("sora-2", media=[upload])
    assert (await engine.ended(job)).status == "completed"
    deleted = await engine.jobs.change(job.id, transitions.hidden)
    assert deleted is not None and deleted.deleted


async def test_what_is_ordered_while_the_engine_stops_is_not_given_up(
    workers: Workers, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await workers(jobs={"lease": 20})
    begun, removed, later = asyncio.Event(), asyncio.Event(), asyncio.Event()
    create = engine.service.store.create

    async def hangs(*args: Any, **kwargs: Any) -> Job:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def slow(*args: Any, **kwargs: Any) -> Job:
        begun.set()
        await later.wait()
        return await create(*args, **kwargs)

    async def removes(names: list[str]) -> None:
        await removed.wait()

    monkeypatch.setattr(engine.service.media, "remove", removes)
    monkeypatch.setattr(engine.service.store, "create", hangs)
    first = asyncio.create_task(engine.order("sora-2", media=["a.png"]))
    await begun.wait()
    begun.clear()
    stopping = asyncio.create_task(engine.jobs.stop(drain=0))
    await asyncio.sleep(0.05)  # it waits for the first, whose files are being removed
    assert not stopping.done()
    monkeypatch.setattr(engine.service.store, "create", slow)
    second = asyncio.create_task(engine.order("sora-2"))
    await begun.wait()
    removed.set()
    await stopping
    later.set()
    assert (await second).id
    with pytest.raises(StoreUnavailable):
        await first
