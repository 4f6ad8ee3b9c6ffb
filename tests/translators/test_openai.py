"""The OpenAI row: what passes through, and what is read."""

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
from translators.openai import ROW
from translators.plan import Plan, plan

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "gateways" / "openai").glob("*.json"))
}


UPLOAD = Source(data=b"\x89PNG", mime="image/png")


URL = "https://a.example/b.png"
TOKENS = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
NO_PARTS = {"input_tokens_details": {"text_tokens": 0, "image_tokens": 0}}


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


def polled(body: Any) -> Task:
    _, operation = ROW.find(Call(Capability.VIDEO, "m", {}))
    assert operation.poll
    return operation.poll.read(answered(body), Seen("v"))


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


def test_a_recording_may_be_a_data_url() -> None:
    made = planned("transcription", file="data:audio/mpeg;base64,SUQz")
    assert made.request.body == {"model": "m", "file": Source(data=b"ID3", mime="audio/mpeg")}


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
    # A form takes bytes: the proxy puts in what the URL leads to.
    assert sent("image_edit", prompt="p", image=URL)["image"] == Source(url=URL)
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
    ("usage", "expected"),
    [
        (TOKENS, TOKENS | NO_PARTS),
        (
            TOKENS | {"input_tokens_details": {"text_tokens": 5}, "cost": 1},
            TOKENS | {"input_tokens_details": {"text_tokens": 5, "image_tokens": 0}},
        ),
        (TOKENS | {"input_tokens_details": 1}, TOKENS | NO_PARTS),
        (
            TOKENS | {"output_tokens_details": {"image_tokens": 7}},
            TOKENS | NO_PARTS | {"output_tokens_details": {"text_tokens": 0, "image_tokens": 7}},
        ),
        ({"total_tokens": 1}, None),
        (TOKENS | {"total_tokens": "12"}, None),
        ([1], None),
    ],
)
def test_the_tokens_of_pictures(usage: Any, expected: Any) -> None:
    read = submitted("image", {"data": [{"url": URL}], "usage": usage})
    assert read.detail.get("usage") == expected


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"data": None}, {"data": []}, {"data": [{}]}, {"data": [{"b64_json": "?"}]}],
)
def test_answers_without_a_picture(body: Any) -> None:
    with pytest.raises(MalformedReply):
        submitted("image", body)


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
    for body in (None, {}, {"id": "v"}):
        with pytest.raises(MalformedReply):
            polled(body)
    with pytest.raises(MalformedReply):
        submitted("video", {"status": "queued"})


def error(message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def test_the_row() -> None:
    assert ROW.auth("sk-1") == {"authorization": "Bearer sk-1"}
    assert ROW.auth("none") == ROW.auth("") == {}
    assert ROW.queries["models"].path == "/models"
    assert Capability.SOUND not in ROW.operations
