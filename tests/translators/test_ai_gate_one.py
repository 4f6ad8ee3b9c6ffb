"""ai-gate.one's row: the page's own requests, what is sold, and every reading of an answer."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from translators.ai_gate_one import ROW
from translators.ai_gate_one_videos import PRICES
from translators.core import (
    Answer,
    Asset,
    Call,
    Capability,
    FormText,
    Hosted,
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
    UnsupportedEndpoint,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.plan import Plan, plan

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "gateways" / "ai-gate.one").glob("*.json"))
}
REQUESTS = [name for name, one in RECORDED.items() if "call" in one]
KEY = "your-api-key"


def planned(kind: str, model: str, **params: Any) -> Plan:
    call = Call(Capability(kind), model, params, given=frozenset(params), key=KEY)
    return plan(ROW, call)


def sent(kind: str, model: str, **params: Any) -> Any:
    body = planned(kind, model, **params).request.body
    assert body is not None
    assert body["apiKey"] == KEY
    return {name: value for name, value in body.items() if name not in ("apiKey", "type")}


def ordered(model: str, **params: Any) -> tuple[Any, Any]:
    body = sent("video", model, prompt="p", **params)
    return body.get("resolution"), body.get("durationSec")


def answered(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body), body)


def polled(answer: Answer, age: float = 60.0) -> Task:
    _, operation = ROW.find(Call(Capability.IMAGE, "NanoBanana", {}))
    assert operation.poll
    assert operation.poll.paths == ("/result/{id}",)
    return operation.poll.read(answer, Seen("t", age))


def submitted(body: Any) -> Task:
    call = Call(Capability.IMAGE, "NanoBanana", {})
    _, operation = ROW.find(call)
    assert operation.read
    return operation.read(answered(body), call)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_pages_own_requests(name: str) -> None:
    call, request = RECORDED[name]["call"], RECORDED[name]["request"]
    made = planned(call["capability"], call["model"], **call["params"])
    assert made.request == Request("POST", request["path"], request["body"])
    assert made.dropped == ()


@pytest.mark.parametrize("name", REQUESTS)
def test_the_pages_own_answers(name: str) -> None:
    assert submitted(RECORDED[name]["answer"]["body"]) == Task(State.RUNNING, "request-taskId")
    done = polled(answered(RECORDED[name]["result"]["body"]))
    if name == "text":
        assert done == Task(
            State.SUCCEEDED, "t", 100, text="result text", detail={"characters": 11}
        )
    else:
        assert done == Task(State.SUCCEEDED, "t", 100, assets=(Asset(url="https://result-url"),))


def test_the_price_table_is_the_pages() -> None:
    listed = RECORDED["price"]["answer"]["body"]["video"]
    known = {
        model: {
            resolution: {second: usd for second, usd in seconds.items() if usd is not None}
            for resolution, seconds in sold.items()
        }
        for model, sold in PRICES.items()
    }
    assert known.pop("Sora2") == {"720p": {}, **listed.pop("Sora2")}
    assert known == listed


# ── video: resolution and seconds hang together ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "size", "seconds", "resolution", "duration"),
    [
        ("Sora2", "1280x720", "4", "720p", "10"),
        ("Sora2", "720x1280", "10", "720p", "10"),
        ("Sora2", "1280x720", "10.5", "1080p", "15"),  # 720p goes no further than 10
        ("Sora2", "1280x720", "12", "1080p", "15"),
        ("Sora2", "1792x1024", "8", "1080p", "10"),
        ("Sora2", "1920x1080", "11", "1080p", "15"),
        ("Sora2", "auto", "4", "720p", "10"),
        ("Wan2_6", "720x1280", "4", "1080p", "5"),
        ("Wan2_6", "1920x1080", "6", "1080p", "10"),
        ("Kling_2_5_Pro", "720x1280", "5", "1080p", "5"),
        ("Kling2_6", "720x1280", "8", "1080p", "10"),
        ("Veo3_1Fast", "1280x720", "8", "720p", "8"),
        ("Veo3_1_Quality", "1280x720", "4", "1088p", "8"),
        ("Veo3_1_Quality", "1920x1088", "8", "1088p", "8"),
        ("Hailuo2_3", "1280x720", "4", "768P", "6"),
        ("Hailuo2_3", "1366x768", "7", "768P", "10"),
        ("Hailuo2_3", "1024x1792", "8", "1080P", "10"),
    ],
)
def test_what_is_ordered(
    model: str, size: str, seconds: str, resolution: str, duration: str
) -> None:
    made = planned("video", model, prompt="p", size=size, seconds=seconds)
    assert made.request.body is not None
    assert made.ordered.resolution == made.request.body["resolution"] == resolution
    assert made.ordered.seconds == made.request.body["durationSec"] == duration
    assert made.price == PRICES[model][resolution][duration]


@pytest.mark.parametrize(
    ("model", "size", "seconds", "param", "allowed"),
    [
        ("Veo3_1Fast", "1920x1080", "8", "size", "720p"),
        ("Hailuo2_3", "1920x1088", "6", "size", "768P, 1080P"),
        ("Sora2", "1920x1080", "16", "seconds", "10, 15"),
        ("Sora2", "1280x720", "15.1", "seconds", "10, 15"),
        ("Veo3_1_Quality", "720x1280", "12", "seconds", "8"),
        ("Sora2", "wide", "4", "size", "WIDTHxHEIGHT"),
        ("Sora2", "1280x720", "soon", "seconds", "number"),
    ],
)
def test_what_is_not_sold(model: str, size: str, seconds: str, param: str, allowed: str) -> None:
    with pytest.raises(UnsupportedValue, match=allowed) as refused:
        planned("video", model, prompt="p", size=size, seconds=seconds)
    assert refused.value.param == param


def test_one_of_size_and_seconds_brings_the_other_by_openais_defaults() -> None:
    assert ordered("Sora2", seconds="12") == ("1080p", "15")
    assert ordered("Hailuo2_3", size="1920x1080") == ("1080P", "6")
    assert ordered("Hailuo2_3", size="1920x1080", seconds=None) == ("1080P", "6")
    assert ordered("Sora2") == (None, None)


def test_native_values_win_and_pull_the_other_along() -> None:
    assert ordered("Sora2", size="1280x720", seconds="4", resolution="1080p") == ("1080p", "10")
    assert ordered("Sora2", size="1280x720", seconds="4", durationSec="15") == ("1080p", "15")
    assert ordered("Sora2", seconds="4", resolution="4K") == ("4K", "10")
    body = sent("video", "Sora2", prompt="p", size="720x1280", aspectRatio="4:3")
    assert body["aspectRatio"] == "4:3"
    with pytest.raises(InvalidType, match="durationSec"):
        ordered("Sora2", seconds="4", durationSec=10)


def test_an_unknown_model_gets_plain_tiers() -> None:
    made = planned("video", "Sora3", prompt="p", size="1024x1792", seconds="7")
    assert made.ordered == Ordered("1080p", "9:16", "7")
    assert made.price is None
    assert ordered("Sora3", seconds=7.5) == ("720p", "7.5")
    assert ordered("Sora3", size="auto", seconds=4) == (None, "4")


def test_the_files_of_a_video() -> None:
    upload = Source(data=b"\x89PNG", mime="image/png")
    body = sent("video", "Sora2", prompt="p", input_reference=[upload, "https://a.b/c.png"])
    assert body["imageUrls"] == [Hosted(upload), "https://a.b/c.png"]
    body = sent("video", "Sora2", prompt="p", imageUrls=FormText('["https://a.b/c.png"]'))
    assert body["imageUrls"] == ["https://a.b/c.png"]


# ── pictures, speech, sound ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("1536x1024", "3:2"),
        ("1024x1536", "2:3"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
    ],
)
def test_image_ratios(size: str, ratio: str) -> None:
    made = planned("image", "NanoBanana", prompt="p", size=size)
    assert made.ordered == Ordered(ratio=ratio)
    assert made.price == 0.04


def test_an_image_without_a_size_says_none() -> None:
    assert sent("image", "NanoBanana", prompt="p", size="auto") == {"prompt": "p"}


def test_hints_are_dropped_and_what_changes_the_picture_is_refused() -> None:
    made = planned("image", "NanoBanana", prompt="p", quality="high", background="auto")
    assert made.dropped == ("quality", "background")
    with pytest.raises(UnsupportedParameter) as refused:
        planned("image", "NanoBanana", prompt="p", background="transparent")
    assert refused.value.param == "background"
    with pytest.raises(UnsupportedParameter) as refused:
        planned("image_edit", "NanoBanana", prompt="p", image="https://a.b/c", mask="https://a.b/m")
    assert refused.value.param == "mask"


def test_an_edit_needs_its_picture() -> None:
    with pytest.raises(MissingParameter) as missing:
        planned("image_edit", "NanoBananaEdit", prompt="p")
    assert missing.value.param == "image"
    data = Source(data=b"x", mime="image/png")
    assert sent("image_edit", "NanoBananaEdit", prompt="p", image=[data])["imageUrls"] == [
        Hosted(data)
    ]


@pytest.mark.parametrize("name", ["stability", "similarity_boost", "style"])
def test_voice_settings_end_at_0_and_1(name: str) -> None:
    for value in (0, 1, 0.5):
        assert sent("speech", "voice", input="hi", voice="alloy", **{name: value}) == {
            "name": "Rachel",
            "text": "hi",
            name: value,
        }
    for value in (-0.01, 1.01):
        with pytest.raises(UnsupportedValue, match="0 to 1") as refused:
            planned("speech", "voice", input="hi", **{name: value})
        assert refused.value.param == name


def test_speed_ends_at_0_7_and_1_2() -> None:
    for value in (0.7, 1, 1.2):
        assert sent("speech", "voice", input="hi", voice="Bob", speed=value) == {
            "name": "Bob",
            "text": "hi",
            "speed": value,
        }
    for value in (0.69, 1.21, 4):
        with pytest.raises(UnsupportedValue, match=r"0\.7 to 1\.2"):
            planned("speech", "voice", input="hi", speed=value)


def test_speech_without_a_voice_has_the_pages_and_its_price() -> None:
    made = planned("speech", "voice", input="x" * 1500, instructions="gently")
    assert made.request.body is not None
    assert made.request.body["name"] == "Aria"
    assert made.dropped == ("instructions",)
    assert made.price == pytest.approx(0.15)


def test_sound() -> None:
    assert sent("sound", "sound", input="wind") == {"prompt": "wind", "durationMs": 5000}
    assert sent("sound", "sound", prompt="rain", input="wind", seconds="2.5")["durationMs"] == 2500
    assert sent("sound", "sound", prompt="rain", seconds=0.1)["durationMs"] == 500
    assert sent("sound", "sound", prompt="rain", durationMs=500)["durationMs"] == 500
    made = planned("sound", "sound", input="wind", voice="alloy", durationMs=1000)
    assert made.dropped == ("voice",)
    assert made.ordered == Ordered(seconds="1")
    assert made.price == pytest.approx(0.01)
    with pytest.raises(UnsupportedValue, match="at least 500"):
        planned("sound", "sound", input="wind", durationMs=499)
    with pytest.raises(InvalidType, match="integer"):
        planned("sound", "sound", input="wind", durationMs=500.5)
    with pytest.raises(MissingParameter) as missing:
        planned("sound", "sound")
    assert missing.value.param == "prompt"


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


def test_text_takes_the_conversation_and_prices_its_input() -> None:
    messages = [{"role": "user", "content": "x" * 1000}]
    made = planned("chat", "Any", messages=messages, temperature=0.5, stop="a", stream=True)
    assert made.request.body == {"apiKey": KEY, "type": "Text", "text": "x" * 1000}
    assert made.dropped == ("temperature",)
    assert made.price == pytest.approx(0.0006)


def test_text_refuses_tools_and_pictures() -> None:
    hello = [{"role": "user", "content": "hi"}]
    with pytest.raises(UnsupportedParameter) as refused:
        planned("chat", "text", messages=hello, tools=[{"type": "function"}])
    assert refused.value.param == "tools"
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    with pytest.raises(UnsupportedParameter) as refused:
        planned("chat", "Free", messages=picture)
    assert refused.value.param == "messages[0].content[0]"
    with pytest.raises(InvalidType):
        planned("chat", "text", messages=hello, stop=7)
    with pytest.raises(MissingParameter) as missing:
        planned("chat", "text")
    assert missing.value.param == "messages"


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "id"),
    [
        ({"taskId": "a"}, "a"),
        ({"taskId": 7}, "7"),
        ({"task_id": "a"}, "a"),
        ({"id": "a"}, "a"),
        ({"data": {"taskId": "a"}}, "a"),
    ],
)
def test_task_ids(body: Any, id: str) -> None:
    assert submitted(body) == Task(State.RUNNING, id)


@pytest.mark.parametrize("body", [None, {}, [], {"taskId": ""}, {"data": "a"}, "a"])
def test_a_submit_without_a_task_id(body: Any) -> None:
    with pytest.raises(MalformedReply, match="taskId"):
        submitted(body)


def test_a_submit_that_fails_at_once() -> None:
    lost = submitted({"type": "Fail", "message": "no"})
    assert lost == Task(State.FAILED, fault=Fault(FaultKind.FAILED, "no", code="Fail"))
    taken = submitted({"taskId": "a", "type": "Fail", "message": "no"})
    assert taken == Task(
        State.FAILED, "a", fault=Fault(FaultKind.FAILED, "no", certain=False, code="Fail")
    )


@pytest.mark.parametrize(
    "body",
    [
        {"taskId": "t", "type": "Fail"},
        {"type": "fail", "data": None},
        {"type": "FAILED"},
        {"status": "error", "url": None},
        {"status": "Failed"},
        {"error": {"code": "x"}},
        {"error": "out of luck"},
    ],
)
def test_failed(body: Any) -> None:
    task = polled(answered(body))
    assert task.state is State.FAILED
    assert task.fault is not None
    assert not task.fault.certain


def test_a_failure_speaks_the_gateways_words_and_may_be_the_policys() -> None:
    task = polled(answered({"type": "Fail", "message": "Blocked by content policy"}))
    assert task.fault == Fault(
        FaultKind.MODERATED, "Blocked by content policy", certain=False, code="Fail"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"taskId": "t"},
        {"taskId": "t", "data": None},
        {"taskId": "t", "url": None, "error": None},
        {"taskId": "t", "url": ""},
        {"status": "pending"},
        {"status": "processing", "type": "Image", "error": ""},
        {},
        None,
        [],
    ],
)
def test_pending(body: Any) -> None:
    assert polled(answered(body)) == Task(State.RUNNING, "t")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_no_body_is_pending(status: int) -> None:
    assert polled(Answer(status, {}, b"")) == Task(State.RUNNING, "t")


def test_an_empty_text_is_an_answer() -> None:
    done = Task(State.SUCCEEDED, "t", 100, text="", detail={"characters": 0})
    assert polled(answered({"taskId": "t", "data": ""})) == done


def test_not_found_is_pending_for_half_a_minute() -> None:
    missing = answered({"message": "no such task"}, 404)
    assert polled(missing, age=29.9).state is State.QUEUED
    gone = polled(missing, age=30)
    assert gone.fault == Fault(FaultKind.NOT_FOUND, "no such task", certain=False)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, b"<html>", None),
        Answer(200, {}, b'{"taskId": "t", "da', None),
        answered({"type": "Fail"}, 500),
        answered(None, 502),
        answered({"error": "slow down"}, 429),
        answered({}, 401),
    ],
)
def test_one_bad_poll_fails_no_job(answer: Answer) -> None:
    with pytest.raises(MalformedReply):
        polled(answer)


@pytest.mark.parametrize(
    ("status", "kind", "certain"),
    [
        (400, FaultKind.REJECTED, True),
        (401, FaultKind.AUTH, True),
        (402, FaultKind.QUOTA, True),
        (429, FaultKind.RATE, True),
        (500, FaultKind.FAILED, False),
        (503, FaultKind.FAILED, False),
    ],
)
def test_refusals(status: int, kind: FaultKind, certain: bool) -> None:
    assert ROW.refuse(answered({"message": "no"}, status)) == Fault(kind, "no", certain)


def test_what_a_2xx_says_is_the_tasks_own() -> None:
    assert ROW.refuse(answered({"type": "Fail"})) is None
    assert ROW.refuse(answered({"error": "x"}, 202)) is None


# ── the row ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("chat", "Sora2"),
        ("image", "Sora2"),
        ("video", "NanoBanana"),
        ("video", "voice"),
        ("speech", "sound"),
        ("embedding", "text"),
        ("video_edit", "Sora2"),
    ],
)
def test_what_it_does_not_offer(kind: str, model: str) -> None:
    with pytest.raises(UnsupportedEndpoint):
        planned(kind, model)


def test_constants_and_key_are_not_the_clients() -> None:
    for name in ("apiKey", "type", "modelName"):
        with pytest.raises(UnsupportedParameter):
            planned("video", "Sora2", prompt="p", **{name: "mine"})
        call = Call(Capability.VIDEO, "Sora2", {"prompt": "p"}, options={name: "mine"})
        with pytest.raises(UnsupportedParameter):
            plan(ROW, call)


def test_the_key_is_in_no_header() -> None:
    assert ROW.auth(KEY) == {}
    assert KEY not in repr(Call(Capability.CHAT, "text", {}, key=KEY))


def test_balance_and_prices() -> None:
    balance, prices = ROW.queries["balance"], ROW.queries["prices"]
    assert balance.path == "/balance/{key}"
    assert balance.read(RECORDED["balance"]["answer"]["body"]) == {"balance": 123.4}
    assert balance.read("12") == balance.read({"balance": 12}) == {"balance": 12.0}
    listed = RECORDED["price"]["answer"]["body"]
    assert prices.path == "/price"
    assert prices.read(listed) == listed
    for query in (balance, prices):
        with pytest.raises(MalformedReply):
            query.read(None)
    with pytest.raises(MalformedReply):
        balance.read({"error": "x"})
