"""The OpenAI row: what passes through, what is read, and what a refusal means."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from translators.core import (
    Answer,
    Asset,
    Call,
    Capability,
    FormText,
    Ordered,
    Request,
    Seen,
    Source,
    State,
    Task,
)
from translators.errors import (
    Fault,
    FaultKind,
    InvalidType,
    MalformedReply,
    MissingParameter,
    UnsupportedValue,
)
from translators.openai import ROW, models, progress_of, refuse, state_of, task_fault
from translators.plan import Plan, plan

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "gateways" / "openai").glob("*.json"))
}
UPLOAD = Source(data=b"\x89PNG", mime="image/png")
URL = "https://a.example/b.png"


def planned(kind: str, model: str = "m", options: Any = None, **params: Any) -> Plan:
    return plan(ROW, Call(Capability(kind), model, params, frozenset(params), options or {}))


def sent(kind: str, **params: Any) -> Any:
    body = planned(kind, **params).request.body
    assert body is not None
    assert body["model"] == "m"
    return {name: value for name, value in body.items() if name != "model"}


def answered(body: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, orjson.dumps(body), body)


def submitted(kind: str, body: Any) -> Task:
    call = Call(Capability(kind), "m", {})
    _, operation = ROW.find(call)
    assert operation.read
    return operation.read(answered(body), call)


def polled(body: Any, status: int = 200, age: float = 60.0) -> Task:
    _, operation = ROW.find(Call(Capability.VIDEO, "m", {}))
    assert operation.poll
    return operation.poll.read(answered(body, status), Seen("v", age))


@pytest.mark.parametrize("name", [name for name, one in RECORDED.items() if "call" in one])
def test_the_references_own_requests(name: str) -> None:
    call, request = RECORDED[name]["call"], RECORDED[name]["request"]
    made = planned(call["capability"], call["model"], **call["params"])
    assert made.request == Request(
        "POST", request["path"], request["body"], request.get("form", False)
    )
    assert ROW.refuse(answered(RECORDED[name]["answer"]["body"])) is None


@pytest.mark.parametrize(
    ("kind", "path", "form"),
    [
        ("chat", "/chat/completions", False),
        ("completion", "/completions", False),
        ("embedding", "/embeddings", False),
        ("moderation", "/moderations", False),
        ("response", "/responses", False),
        ("speech", "/audio/speech", False),
        ("transcription", "/audio/transcriptions", True),
        ("translation", "/audio/translations", True),
    ],
)
def test_what_passes_through(kind: str, path: str, form: bool) -> None:
    params = {"input": "x", "file": UPLOAD, "odd": {"deep": [1]}, "n": 2, "stream": True}
    made = planned(kind, options={"extra": 1}, **params)
    assert made.request == Request("POST", path, {**params, "model": "m", "extra": 1}, form)
    assert made.operation.read is None
    assert made.dropped == ()


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────


def test_a_picture_is_asked_for_without_what_the_proxy_itself_does() -> None:
    made = planned(
        "image", prompt="p", n=2, response_format="url", stream=True, partial_images=1, odd=1
    )
    assert made.request == Request(
        "POST", "/images/generations", {"model": "m", "prompt": "p", "odd": 1}
    )
    assert made.dropped == ("partial_images",)


def test_edits_are_forms_with_their_files() -> None:
    made = planned("image_edit", prompt="p", image=UPLOAD, mask=UPLOAD, size="auto")
    assert made.request == Request(
        "POST",
        "/images/edits",
        {"model": "m", "prompt": "p", "image": UPLOAD, "mask": UPLOAD, "size": "auto"},
        form=True,
    )
    assert sent("image_edit", prompt="p", image=[UPLOAD])["image"] == UPLOAD
    assert sent("image_edit", prompt="p", image=[UPLOAD] * 2)["image"] == [UPLOAD] * 2
    with pytest.raises(UnsupportedValue, match="uploaded file"):
        sent("image_edit", prompt="p", image=URL)
    with pytest.raises(MissingParameter):
        sent("image_edit", prompt="p")


def test_a_variation_needs_no_prompt() -> None:
    made = planned("image_variation", image=UPLOAD, n=1)
    assert made.request == Request(
        "POST", "/images/variations", {"model": "m", "image": UPLOAD}, form=True
    )
    with pytest.raises(UnsupportedValue):
        sent("image_variation", image=[UPLOAD] * 2)


def test_pictures_are_read_as_bytes_or_urls() -> None:
    recorded = RECORDED["image"]["answer"]["body"]
    assert submitted("image", recorded) == Task(
        State.SUCCEEDED, assets=(Asset(data=b"\x89PNG"),), detail={"usage": recorded["usage"]}
    )
    body = {"data": [{"url": URL, "b64_json": None, "revised_prompt": "r"}, {"url": URL}]}
    assert submitted("image_edit", body) == Task(
        State.SUCCEEDED,
        assets=(Asset(url=URL, title="r"), Asset(url=URL)),
        detail={"revised_prompt": "r"},
    )
    body = {"data": [{"b64_json": "data:image/png;base64,iVBORw=="}]}
    assert submitted("image_variation", body).assets == (Asset(data=b"\x89PNG"),)


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"data": None}, {"data": []}, {"data": [{}]}, {"data": [{"b64_json": "?"}]}],
)
def test_answers_without_a_picture(body: Any) -> None:
    with pytest.raises(MalformedReply):
        submitted("image", body)


# ── videos ────────────────────────────────────────────────────────────────────────────────────────


def test_a_video_is_a_form() -> None:
    made = planned("video", prompt="p", seconds=8, size=FormText("1280x720"), odd="x")
    assert made.request == Request(
        "POST",
        "/videos",
        {"model": "m", "prompt": "p", "seconds": "8", "size": "1280x720", "odd": "x"},
        form=True,
    )
    assert made.ordered == Ordered(resolution="1280x720", seconds="8")


def test_what_a_video_starts_from() -> None:
    def reference(value: Any) -> Any:
        body = sent("video", prompt="p", input_reference=value)
        return {name: one for name, one in body.items() if name != "prompt"}

    assert reference(UPLOAD) == {"input_reference": UPLOAD}
    assert reference({"image_url": "data:image/png;base64,iVBORw=="}) == {"input_reference": UPLOAD}
    assert reference({"image_url": URL}) == {"input_reference[image_url]": URL}
    assert reference({"file_id": "file-1"}) == {"input_reference[file_id]": "file-1"}
    with pytest.raises(UnsupportedValue, match="2 files"):
        reference([UPLOAD, UPLOAD])
    with pytest.raises(InvalidType):
        reference({})


def test_edits_and_extensions() -> None:
    clip = Source(data=b"x", mime="video/mp4")
    edit = planned("video_edit", prompt="p", video=clip).request
    assert edit == Request(
        "POST", "/videos/edits", {"model": "m", "prompt": "p", "video": clip}, True
    )
    longer = planned("video_extension", prompt="p", video=clip, seconds=4).request
    assert (longer.path, (longer.body or {})["seconds"]) == ("/videos/extensions", "4")
    with pytest.raises(MissingParameter):
        planned("video_edit", prompt="p")


def test_a_video_on_its_way() -> None:
    assert submitted("video", RECORDED["video"]["answer"]["body"]) == Task(
        State.QUEUED, "video_123", 0
    )
    assert polled({"status": "in_progress", "progress": 42}) == Task(State.RUNNING, "v", 42)
    content = Asset(url="/videos/v/content", mime="video/mp4", auth=True)
    assert polled({"status": "completed"}) == Task(State.SUCCEEDED, "v", 100, assets=(content,))
    error = {"code": "moderation_blocked", "message": "m"}
    assert polled({"id": "v", "status": "failed", "error": error, "progress": 3}) == Task(
        State.FAILED,
        "v",
        3,
        fault=Fault(FaultKind.MODERATED, "m", certain=False, code="moderation_blocked"),
    )


def test_polls_that_show_no_video() -> None:
    for body, status in ((None, 200), ({}, 200), ({"status": "queued", "id": 7}, 200), ({}, 500)):
        with pytest.raises(MalformedReply):
            polled(body, status)
    with pytest.raises(MalformedReply):
        submitted("video", {"status": "queued"})
    assert polled({}, 404, age=29) == Task(State.QUEUED, "v")
    lost = polled({}, 404, age=30)
    assert lost.fault is not None
    assert lost.fault.kind is FaultKind.NOT_FOUND


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", State.QUEUED),
        ("PENDING", State.QUEUED),
        ("in_progress", State.RUNNING),
        ("brand new word", State.RUNNING),
        (None, State.RUNNING),
        ("Succeeded", State.SUCCEEDED),
        ("completed", State.SUCCEEDED),
        ("FAILURE", State.FAILED),
        ("cancelled", State.FAILED),
    ],
)
def test_states(word: Any, state: State) -> None:
    assert state_of(word) is state


@pytest.mark.parametrize(
    ("value", "percent"),
    [
        (30, 30),
        (30.9, 30),
        ("30%", 30),
        ("30", 30),
        (130, 100),
        (-1, 0),
        ("", None),
        (None, None),
        ([], None),
        (float("nan"), None),
    ],
)
def test_progress(value: Any, percent: int | None) -> None:
    assert progress_of(value) == percent


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


def error(message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, error(code="x"), Fault(FaultKind.REJECTED, "m", code="x")),
        (401, error(type="auth"), Fault(FaultKind.AUTH, "m", code="auth")),
        (404, error(), Fault(FaultKind.NOT_FOUND, "m")),
        (429, error(), Fault(FaultKind.RATE, "m")),
        (
            429,
            error(code="insufficient_quota"),
            Fault(FaultKind.QUOTA, "m", code="insufficient_quota"),
        ),
        (
            403,
            error(type="insufficient_user_quota", code=""),
            Fault(FaultKind.QUOTA, "m", code="insufficient_user_quota"),
        ),
        (
            400,
            error(code="content_policy_violation"),
            Fault(FaultKind.MODERATED, "m", code="content_policy_violation"),
        ),
        (
            400,
            error(code="moderation_blocked"),
            Fault(FaultKind.MODERATED, "m", code="moderation_blocked"),
        ),
        (
            422,
            error("Your request was rejected by our safety system."),
            Fault(FaultKind.MODERATED, "Your request was rejected by our safety system."),
        ),
        (500, error(), Fault(FaultKind.FAILED, "m", certain=False)),
        (503, error(), Fault(FaultKind.FAILED, "m", certain=True)),
        (504, error(), Fault(FaultKind.TIMEOUT, "m", certain=False)),
    ],
)
def test_refusals(status: int, body: Any, fault: Fault) -> None:
    assert refuse(answered(body, status)) == fault


def test_a_refusals_wait() -> None:
    def waits(**headers: str) -> float | None:
        fault = refuse(answered(error(), 429, **headers))
        assert fault is not None
        return fault.retry_after

    assert waits(**{"retry-after": "7"}) == 7
    assert waits(**{"Retry-After": "1.5"}) == 1.5
    assert waits(**{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) is None
    assert waits() is None


def test_refusals_without_json() -> None:
    def words(raw: bytes) -> str:
        fault = refuse(Answer(502, {}, raw))
        assert fault is not None
        return fault.message

    assert words(b"upstream is away") == "upstream is away"
    assert words(b"<html>Bad Gateway</html>") == "The gateway answered HTTP 502."
    assert words(b"") == "The gateway answered HTTP 502."
    assert words(b"\xff\xfe") == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("body", "kind", "certain"),
    [
        ({"error": "no"}, FaultKind.FAILED, False),
        (error(), FaultKind.FAILED, False),
        (error(code=429), FaultKind.RATE, True),
        (error(status=400), FaultKind.REJECTED, True),
        (error(code="insufficient_quota"), FaultKind.QUOTA, False),
    ],
)
def test_errors_under_200(body: Any, kind: FaultKind, certain: bool) -> None:
    fault = refuse(answered(body))
    assert fault is not None
    assert (fault.kind, fault.certain) == (kind, certain)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": None},
        {"error": ""},
        {"id": "resp_1", "status": "failed", "error": {"message": "m"}},
        [],
        None,
        "text",
    ],
)
def test_good_answers(body: Any) -> None:
    assert refuse(answered(body)) is None


def test_a_failed_tasks_words() -> None:
    assert task_fault({}) == Fault(FaultKind.FAILED, "The generation failed.", certain=False)
    assert task_fault({"error": "violates the content policy"}).kind is FaultKind.MODERATED


# ── the row ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"object": "list", "data": [{"id": "a", "x": 1}]}, [{"id": "a", "x": 1}]),
        ({"data": {"models": [{"id": "a"}]}}, [{"id": "a"}]),
        ({"success": True, "data": {"items": [{"id": "a"}]}}, [{"id": "a"}]),
        (
            [{"id": "a"}, {"name": "b"}, {"model": "c"}],
            [{"id": "a"}, {"name": "b", "id": "b"}, {"model": "c", "id": "c"}],
        ),
        (["a"], [{"id": "a"}]),
        ({"data": [{}, 7, {"id": 7}]}, []),
        ([], []),
    ],
)
def test_lists_of_models(body: Any, found: Any) -> None:
    assert models(body) == found


@pytest.mark.parametrize("body", [None, {}, {"data": {}}, {"data": "x"}, 7])
def test_what_is_no_list_of_models(body: Any) -> None:
    with pytest.raises(MalformedReply):
        models(body)


def test_the_row() -> None:
    assert ROW.auth("sk-1") == {"authorization": "Bearer sk-1"}
    assert ROW.auth("none") == ROW.auth("") == {}
    assert ROW.queries["models"].path == "/models"
    assert Capability.SOUND not in ROW.operations
