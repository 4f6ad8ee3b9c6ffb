"""aigate.shop's answers: the long one of its page, and the task shapes of its server."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from translators.aigate_shop import ROW
from translators.core import (
    Answer,
    Asset,
    Call,
    Capability,
    Seen,
    State,
    Task,
)
from translators.errors import (
    Fault,
    FaultKind,
    MalformedReply,
)

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "gateways" / "aigate.shop").glob("*.json"))
}


URL = "https://cdn.example.com/v.mp4"


def answered(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body), body)


def submitted(body: Any) -> Task:
    call = Call(Capability.VIDEO, "m", {})
    _, operation = ROW.find(call)
    assert operation.read
    return operation.read(answered(body), call)


def polled(body: Any) -> Task:
    _, operation = ROW.find(Call(Capability.VIDEO, "m", {}))
    assert operation.poll
    assert operation.poll.paths == ("/videos/{id}", "/video/generations/{id}")
    return operation.poll.read(answered(body), Seen("t"))


def done(*urls: str, id: str | None = "t", mime: str = "video/mp4") -> Task:
    assets = tuple(Asset(url=url, mime=mime, lives=1200, auth=True) for url in urls)
    return Task(State.SUCCEEDED, id, 100, assets=assets)


def test_several_videos_are_several_assets() -> None:
    videos = [{"url": f"{URL}?1", "mime_type": "video/webm"}, {"url": f"{URL}?2"}]
    task = submitted({"created": 1, "videos": videos})
    assert [(one.url, one.mime) for one in task.assets] == [
        (f"{URL}?1", "video/webm"),
        (f"{URL}?2", "video/mp4"),
    ]
    assert submitted({"data": [{"url": URL}]}) == done(URL, id=None)
    assert submitted({"videos": [URL]}) == done(URL, id=None)


@pytest.mark.parametrize(
    "body",
    [
        {"id": "t"},
        {"task_id": "t"},
        {"id": "7", "task_id": "t"},
        {"code": "success", "data": {"task_id": "t"}},
        {"code": "success", "data": "t"},
        {"id": "t", "object": "video", "status": "queued", "progress": 0},
    ],
)
def test_an_answer_with_only_an_id_is_polled(body: Any) -> None:
    task = submitted(body)
    assert (task.state, task.id) == (State.QUEUED, "t")


@pytest.mark.parametrize("body", [None, [], {}, {"videos": []}, {"videos": [{}]}, "t"])
def test_an_answer_with_neither(body: Any) -> None:
    with pytest.raises(MalformedReply):
        submitted(body)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", State.QUEUED),
        ("in_progress", State.RUNNING),
        ("unknown", State.RUNNING),
        ("NOT_START", State.QUEUED),
        ("SUBMITTED", State.QUEUED),
        ("QUEUED", State.QUEUED),
        ("IN_PROGRESS", State.RUNNING),
    ],
)
def test_unfinished_in_both_shapes(status: str, state: State) -> None:
    assert polled({"id": "t", "status": status, "progress": 30}) == Task(state, "t", 30)
    body = {"code": "success", "data": {"task_id": "x", "status": status, "progress": "30%"}}
    assert polled(body) == Task(state, "t", 30)


def test_finished_in_both_shapes() -> None:
    assert polled({"id": "t", "status": "completed", "metadata": {"url": URL}}) == done(URL)
    assert polled({"data": {"status": "SUCCESS", "result_url": URL}}) == done(URL)
    # An old finished task: the URL stands where a failure's reason would.
    assert polled({"data": {"status": "SUCCESS", "fail_reason": URL}}) == done(URL)
    # The content's own path is on the page.
    assert polled({"id": "t", "status": "completed"}) == done("/videos/t/content")
    assert polled(RECORDED["kling"]["answer"]["body"]).state is State.SUCCEEDED


def test_failed_in_both_shapes() -> None:
    openais = polled({"id": "t", "status": "failed", "error": {"message": "m", "code": "c"}})
    assert openais.fault == Fault(FaultKind.FAILED, "m", certain=False, code="c")
    body = {"code": "success", "message": "", "data": {"status": "FAILURE", "fail_reason": "f"}}
    assert polled(body).fault == Fault(FaultKind.FAILED, "f", certain=False)
    blocked = polled({"status": "failed", "error": {"message": "x", "code": "moderation_blocked"}})
    assert blocked.fault is not None
    assert blocked.fault.kind is FaultKind.MODERATED


def test_bad_polls() -> None:
    for body in (None, []):
        with pytest.raises(MalformedReply):
            polled(body)
    assert polled({}) == Task(State.QUEUED, "t")


@pytest.mark.parametrize(
    ("status", "code", "kind", "certain"),
    [
        (400, "invalid_request", FaultKind.REJECTED, True),
        (401, "http_401", FaultKind.AUTH, True),
        (404, "not_found", FaultKind.NOT_FOUND, True),
        (410, "http_410", FaultKind.EXPIRED, True),
        (429, "insufficient_quota", FaultKind.QUOTA, True),
        (429, "rate_limit", FaultKind.RATE, True),
        (500, "api_error", FaultKind.FAILED, False),
        (502, "api_error", FaultKind.FAILED, False),
        (503, "api_error", FaultKind.FAILED, False),
    ],
)
def test_the_pages_errors(status: int, code: str, kind: FaultKind, certain: bool) -> None:
    error = {"message": "m", "type": "t", "code": code, "status": status}
    assert ROW.refuse(answered({"error": error}, status)) == Fault(kind, "m", certain, code=code)


def test_the_pages_own_error_and_one_under_200() -> None:
    recorded = RECORDED["error"]["answer"]
    fault = ROW.refuse(answered(recorded["body"], recorded["status"]))
    assert fault == Fault(FaultKind.EXPIRED, "Video link expired", code="http_410")
    hidden = ROW.refuse(answered({"error": {"message": "m", "code": 429}}))
    assert hidden == Fault(FaultKind.RATE, "m", certain=False)
