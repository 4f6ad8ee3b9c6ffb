"""ai-gate.one's row: the page's own requests, pictures, speech, sound and text."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from translators.ai_gate_one import ROW
from translators.core import (
    Answer,
    Asset,
    Call,
    Capability,
    Hosted,
    Ordered,
    Request,
    Seen,
    Source,
    State,
    Task,
)
from translators.errors import (
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


def answered(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body), body)


def polled(answer: Answer) -> Task:
    _, operation = ROW.find(Call(Capability.IMAGE, "NanoBanana", {}))
    assert operation.poll
    assert operation.poll.paths == ("/result/{id}",)
    return operation.poll.read(answer, Seen("t"))


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
