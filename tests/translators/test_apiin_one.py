"""apiin.one's row: the requests that its page shows, chat, images, and every documented limit."""

from typing import Any

import pytest

from tests.translators.rowbench import Bench, answered, recorded
from translators.apiin_one import ROW
from translators.core import FormText, Hosted, Request, Source, State, Task
from translators.errors import (
    MissingParameter,
    TranslationError,
    UnsupportedEndpoint,
    UnsupportedParameter,
    UnsupportedValue,
)

RECORDED = recorded("apiin.one")
LINK = "https://example.com/a.png"
PICTURE = Source(data=b"\x89PNG", mime="image/png")
BENCH = Bench(ROW, "image", "flux-2")
planned, sent = BENCH.planned, BENCH.sent
submitted = BENCH.submitted


@pytest.mark.parametrize("name", [name for name, one in RECORDED.items() if "call" in one])
def test_the_pages_own_requests(name: str) -> None:
    call, request = RECORDED[name]["call"], RECORDED[name]["request"]
    made = planned(call["capability"], call["model"], **call["params"])
    assert made.request == Request("POST", request["path"], request["body"])


@pytest.mark.parametrize(
    "name", [name for name, one in RECORDED.items() if "call" in one and name != "chat"]
)
def test_the_pages_own_created_tasks(name: str) -> None:
    call, body = RECORDED[name]["call"], RECORDED[name]["answer"]["body"]
    assert ROW.refuse(answered(body)) is None
    state = State.QUEUED if name == "remove-bg" else State.RUNNING
    assert submitted(body, call["capability"], call["model"]) == Task(
        state, body["data"]["task_id"]
    )


def test_chat_passes_on_what_it_does_not_know() -> None:
    body = sent(
        "chat", "gemini", messages=[], stream=True, tools=[1], include_thoughts=True, top_p=1
    )
    assert body == {
        "model": "gemini",
        "messages": [],
        "stream": True,
        "tools": [1],
        "include_thoughts": True,
        "top_p": 1,
    }


@pytest.mark.parametrize(
    ("said", "native"),
    [
        ("none", "low"),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "high"),
        ("high", "high"),
        ("xhigh", "high"),
    ],
)
def test_reasoning_effort(said: str, native: str) -> None:
    assert sent("chat", "gemini", messages=[], reasoning_effort=said)["reasoning_effort"] == native


def test_chat_is_always_mended_and_is_not_offered_by_a_picture_model() -> None:
    assert planned("chat", "gemini-3-flash", messages=[]).operation.mend
    assert planned("chat", "whatever", messages=[]).request.path == "/chat/completions"
    with pytest.raises(UnsupportedEndpoint):
        planned("chat", "flux-2", messages=[])
    with pytest.raises(UnsupportedEndpoint):
        planned("embedding", "gemini", input="x")


def test_image_with_everything() -> None:
    body = sent(
        "image",
        "flux-2",
        prompt="a cat",
        size="2048x2048",
        type="flex",
        negative_prompt="dogs",
        seed=FormText("42"),
        callback="https://proxy.example/callback",
    )
    assert body == {
        "model": "flux-2",
        "prompt": "a cat",
        "aspect_ratio": "1:1",
        "type": "flex",
        "resolution": "2K",
        "negative_prompt": "dogs",
        "seed": 42,
        "callback_url": "https://proxy.example/callback",
    }


@pytest.mark.parametrize(
    ("size", "ratio"),
    [("1024x1024", "1:1"), ("1536x1024", "3:2"), ("1792x1024", "16:9"), ("720x1280", "9:16")],
)
def test_image_ratio(size: str, ratio: str) -> None:
    assert sent("image", "imagen-4", prompt="a cat", size=size)["aspect_ratio"] == ratio


def test_auto_sends_nothing() -> None:
    assert sent("image", "flux-2", prompt="a cat", size="auto") == {
        "model": "flux-2",
        "prompt": "a cat",
    }


@pytest.mark.parametrize(
    ("said", "native"),
    [("low", "medium"), ("medium", "medium"), ("auto", "medium"), ("high", "high"), ("hd", "high")],
)
def test_quality_is_gpt_images(said: str, native: str) -> None:
    assert sent("image", "gpt-image-1.5", prompt="a cat", quality=said)["quality"] == native
    other = planned("image", "flux-2", prompt="a cat", quality=said)
    assert "quality" not in other.request.body
    assert other.dropped == ("quality",)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("ideogram-v4", "high"),
        ("ideogram-v4", "turbo"),
        ("flux-2", "draft"),
        ("gpt-image-1.5", "ultra"),
    ],
)
def test_quality_is_model_specific(model: str, said: str) -> None:
    made = planned("image", model, prompt="a cat", quality=said)
    assert made.request.body == {"model": model, "prompt": "a cat", "quality": said}
    assert planned("image", "ideogram-v4", prompt="a cat", quality="auto").dropped == ("quality",)


def test_image_edit_takes_uploads_and_links() -> None:
    assert sent("image_edit", "gpt-image-1.5", prompt="a cat", image=[PICTURE, LINK]) == {
        "model": "gpt-image-1.5",
        "prompt": "a cat",
        "input_urls": [Hosted(PICTURE), LINK],
    }
    assert sent("image", "flux-2", prompt="a cat", input_urls=[LINK])["input_urls"] == [LINK]
    with pytest.raises(MissingParameter) as raised:
        planned("image_edit", "flux-2", prompt="a cat")
    assert raised.value.param == "image"


def test_seedream_types() -> None:
    assert sent("image", "seedream-4", prompt="a cat", type="edit")["type"] == "edit"
    with pytest.raises(UnsupportedValue):
        sent("image", "seedream-4", prompt="a cat", type="pro")


def test_transparency_is_not_to_be_had() -> None:
    with pytest.raises(UnsupportedParameter) as raised:
        planned("image", "gpt-image-1.5", prompt="a cat", background="transparent")
    assert raised.value.param == "background"
    assert planned("image", "flux-2", prompt="a cat", background="opaque").dropped == (
        "background",
    )


@pytest.mark.parametrize(
    ("kind", "model", "good", "bad"),
    [
        ("image", "flux-2", {"prompt": "abc"}, {"prompt": "ab"}),
        ("image", "flux-2", {"prompt": "a" * 5000}, {"prompt": "a" * 5001}),
        ("image", "flux-2", {"resolution": "2K"}, {"resolution": "4K"}),
        ("image", "flux-2", {"type": "pro"}, {"type": "edit"}),
        ("image", "gpt-image-1.5", {"size": "1024x1024"}, {"size": "big"}),
        ("video", "kling-3", {"prompt": "a" * 2500}, {"prompt": "a" * 2501}),
        ("video", "kling-3", {"seconds": "15"}, {"seconds": "16"}),
        ("video", "kling-3", {"duration": 3}, {"duration": 2}),
        ("video", "kling-3", {"duration": 15}, {"duration": 16}),
        ("video", "kling-3", {"mode": "pro"}, {"mode": "4K"}),
        ("video", "kling-3", {"aspect_ratio": "1:1"}, {"aspect_ratio": "4:3"}),
        ("video", "kling-3", {"duration": "15"}, {"duration": "16"}),
        ("video", "kling-3", {"size": "3840x2160"}, {"size": "7680x4320"}),
        ("video", "wan-2.6", {"size": "1920x1080"}, {"size": "2560x1440"}),
        ("video", "wan-2.6", {"duration": "60"}, {"duration": "five"}),
        ("video", "hailuo-2.3", {"duration": "6"}, {"duration": "8"}),
        ("video", "hailuo-2.3", {"duration": 6}, {"duration": 8}),
        ("video", "hailuo-2.3", {"duration": 10}, {"duration": True}),
        ("video", "hailuo-2.3", {"seconds": 10}, {"seconds": 11}),
        ("video", "hailuo-2.3", {"resolution": "720p"}, {"resolution": ""}),
        ("video", "wan-2.6", {"seconds": 15}, {"seconds": 16}),
        (
            "music",
            "suno",
            {"gpt_description_prompt": "a" * 400},
            {"gpt_description_prompt": "a" * 401},
        ),
        ("music", "suno", {"style": "a" * 1000}, {"style": "a" * 1001}),
        ("music", "suno", {"title": "a" * 80}, {"title": "a" * 81}),
        ("music", "suno", {"prompt": "a" * 3000}, {"prompt": "a" * 3001}),
        ("music", "chirp-v4", {"prompt": "a" * 3000}, {"prompt": "a" * 3001}),
        ("music", "chirp-v4-5", {"prompt": "a" * 5000}, {"prompt": "a" * 5001}),
        ("music", "suno", {"make_instrumental": True}, {"make_instrumental": "yes"}),
        ("speech", "elevenlabs-v3", {"stability": 0}, {"stability": -0.01}),
        ("speech", "elevenlabs-v3", {"stability": 1}, {"stability": 1.01}),
        ("speech", "elevenlabs-v3", {"speed": 1}, {"speed": 1.1}),
    ],
)
def test_documented_limits(
    kind: str, model: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    base = {"input": "some words"} if kind == "speech" else {"prompt": "some words"}
    planned(kind, model, **{**base, **good})
    with pytest.raises(TranslationError) as raised:
        planned(kind, model, **{**base, **bad})
    assert raised.value.param == next(iter(bad))


def test_the_row_itself() -> None:
    assert (ROW.base_url, ROW.rpm) == ("https://apiin.one/api/v1", 60)
    assert ROW.auth("aio_1") == {"authorization": "Bearer aio_1"}
    assert not ROW.queries  # no endpoint lists models or a balance
