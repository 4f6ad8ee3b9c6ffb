"""Onysoft's answers: tasks in every shape."""

import json
from typing import Any

import pytest

from tests.translators.rowbench import Bench, recorded
from translators.core import (
    Asset,
    Cost,
    State,
    Task,
)
from translators.errors import (
    FaultKind,
    MalformedReply,
)
from translators.onysoft import ROW

RECORDED = recorded("onysoft")
A, B = "https://example.com/a.png", "https://example.com/b.png"
BENCH = Bench(ROW, "video", "veo3")
submitted, polled = BENCH.submitted, BENCH.polled


def done(status: str = "completed", **data: Any) -> dict[str, Any]:
    return {"success": True, "data": {"task_id": "t", "status": status, **data}}


def test_the_pages_created_task() -> None:
    assert submitted(RECORDED["video"]["answer"]["body"]) == Task(
        State.QUEUED, "vid_abc123...", cost=Cost(usd=0.6)
    )


def test_the_pages_finished_task() -> None:
    assert polled(RECORDED["status"]["answer"]["body"]) == Task(
        State.SUCCEEDED,
        "vid_abc123...",
        100,
        assets=(Asset("https://..."),),  # the page's thumbnail has the same URL
        detail={"duration": 5},
    )


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "data": {"taskId": "t", "state": "waiting"}},
        {"code": 200, "msg": "success", "data": {"taskId": "t"}},
        {"task_id": "t", "status": "pending"},
        {"data": {"id": "t"}},
        {"success": True, "data": [{"task_id": "t", "status": "pending"}]},
    ],
)
def test_created_in_other_shapes(body: Any) -> None:
    assert submitted(body) == Task(State.QUEUED, "t")


def test_a_price_in_another_currency_is_no_price() -> None:
    body = done("pending", estimated_cost={"amount": 20, "currency": "TRY"})
    assert submitted(body).cost is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", State.QUEUED),
        ("waiting", State.QUEUED),
        ("queuing", State.QUEUED),
        ("processing", State.RUNNING),
        ("generating", State.RUNNING),
        ("whatever", State.RUNNING),
    ],
)
def test_unfinished_states(status: str, state: State) -> None:
    assert polled(done(status)).state is state
    assert polled({"data": {"state": status.upper(), "progress": "30%"}}).progress == 30


@pytest.mark.parametrize("status", ["completed", "success"])
@pytest.mark.parametrize(
    "result",
    [
        {"video_url": A},
        {"image_url": A},
        {"image_urls": [A]},
        {"audio_url": A},
        {"audio_urls": [A]},
        {"music_url": A},
        {"url": A},
        {"urls": [A]},
        {"output": A},
        {"output": [A]},
        {"output": {"url": A}},
        {"output": [{"image_url": A}]},
        {"result": A},
        {"result": {"image_urls": [A]}},
        {"result_urls": [A]},
        {"resultUrls": [A]},
        {"resultJson": json.dumps({"resultUrls": [A]})},
        {"resultJson": {"resultUrls": [A]}},
        {"video_url": A, "url": B},
        {"video_url": None, "image_url": "", "image_urls": [], "audio_url": A},
    ],
)
def test_results_under_any_name(status: str, result: dict[str, Any]) -> None:
    for kind, model in (("image", "google/imagen4"), ("video", "veo3"), ("music", "suno-v4")):
        found = polled(done(status, **result), kind, model)
        assert (found.state, found.assets) == (State.SUCCEEDED, (Asset(A),))


def test_a_thumbnail_and_a_cover_stand_beside_the_result() -> None:
    assert polled(done(video_url=A, thumbnail_url=B)).assets == (
        Asset(A),
        Asset(B, role="thumbnail"),
    )
    song = polled(done(image_url=B, audio_url=A), "music", "suno-v4")
    assert song.assets == (Asset(A), Asset(B, role="cover"))


@pytest.mark.parametrize(
    "result",
    [
        {"text": "hello"},
        {"result": "hello"},
        {"result": {"text": "hello"}},
        {"resultJson": '{"text": "hello"}'},
        {"resultJson": '{"resultObject": {"text": "hello"}}'},
        {"output": "hello"},
    ],
)
def test_transcripts(result: dict[str, Any]) -> None:
    found = polled(
        done(**result, language_code="en", duration=3.5),
        "transcription",
        "elevenlabs/speech-to-text",
    )
    assert (found.state, found.text) == (State.SUCCEEDED, "hello")
    assert found.detail == {"language": "en", "duration": 3.5}


def test_an_empty_transcript_is_one() -> None:
    found = polled(done(text=""), "transcription", "elevenlabs/speech-to-text")
    assert (found.state, found.text) == (State.SUCCEEDED, "")


@pytest.mark.parametrize("result", [{}, {"video_url": None}, {"urls": []}, {"resultJson": "{}"}])
def test_completed_without_a_result_is_a_failure(result: dict[str, Any]) -> None:
    found = polled(done(**result, estimated_cost={"amount": 1, "currency": "USD"}))
    assert (found.state, found.cost) == (State.FAILED, Cost(usd=1.0))
    assert found.fault and "without a result" in found.fault.message


@pytest.mark.parametrize(
    ("data", "words", "kind"),
    [
        ({"status": "failed", "error": "boom"}, "boom", FaultKind.FAILED),
        ({"status": "failed", "error": {"message": "boom", "code": "x"}}, "boom", FaultKind.FAILED),
        ({"state": "fail", "failMsg": "boom", "failCode": "500"}, "boom", FaultKind.FAILED),
        ({"status": "failed", "error_message": "boom"}, "boom", FaultKind.FAILED),
        ({"status": "failed", "error": "flagged as nsfw"}, "flagged as nsfw", FaultKind.MODERATED),
        ({"status": "failed"}, "the task failed without saying why", FaultKind.FAILED),
    ],
)
def test_failed_tasks_say_why(data: dict[str, Any], words: str, kind: FaultKind) -> None:
    found = polled({"success": True, "data": data})
    assert (found.state, found.id) == (State.FAILED, "t")
    assert found.fault and (found.fault.message, found.fault.kind) == (words, kind)
    assert not found.fault.certain


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"success": True}, {"data": {"status": "pending"}}]
)
def test_unreadable_submits(body: Any) -> None:
    with pytest.raises(MalformedReply):
        submitted(body)


@pytest.mark.parametrize("body", [None, [], "x", {}, {"success": True, "data": {"task_id": "t"}}])
def test_unreadable_polls(body: Any) -> None:
    with pytest.raises(MalformedReply):
        polled(body)


def test_a_poll_without_a_status_but_with_a_result() -> None:
    assert polled({"data": {"video_url": A}}) == Task(State.SUCCEEDED, "t", 100, assets=(Asset(A),))
