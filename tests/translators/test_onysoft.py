"""Onysoft's row: the requests that its page shows, the model that a short name means, and its lists."""

from typing import Any

import pytest

from tests.translators.rowbench import Bench, recorded
from translators.core import Request
from translators.errors import MissingParameter, UnsupportedEndpoint, UnsupportedParameter
from translators.onysoft import ROW, prices

RECORDED = recorded("onysoft")
A, B = "https://example.com/a.png", "https://example.com/b.png"
BENCH = Bench(ROW, "video", "veo3")
planned = BENCH.planned


def model_of(kind: str, model: str, **params: Any) -> str:
    return planned(kind, model, prompt="x", **params).model


@pytest.mark.parametrize("name", [name for name, one in RECORDED.items() if "call" in one])
def test_the_pages_own_requests(name: str) -> None:
    call, request = RECORDED[name]["call"], RECORDED[name]["request"]
    made = planned(call["capability"], call["model"], **call["params"])
    assert made.request == Request("POST", request["path"], request["body"])


@pytest.mark.parametrize(
    ("kind", "name", "words", "picture"),
    [
        ("video", "sora-2", "sora-2-text-to-video", "sora-2-image-to-video"),
        ("video", "sora-2-pro", "sora-2-pro-text-to-video", "sora-2-pro-image-to-video"),
        ("video", "kling-2.6", "kling-2.6/text-to-video", "kling-2.6/image-to-video"),
        (
            "video",
            "kling/v2-5-turbo",
            "kling/v2-5-turbo-text-to-video-pro",
            "kling/v2-5-turbo-image-to-video-pro",
        ),
        ("video", "hailuo/2-3", None, "hailuo/2-3-image-to-video-pro"),
        ("video", "hailuo/2-3-pro", None, "hailuo/2-3-image-to-video-pro"),
        ("video", "hailuo/2-3-standard", None, "hailuo/2-3-image-to-video-standard"),
        ("video", "wan/2-6", "wan/2-6-text-to-video", "wan/2-6-image-to-video"),
        ("video", "wan/2-6-flash", None, "wan/2-6-flash-image-to-video"),
        ("video", "wan/2-7", "wan/2-7-text-to-video", "wan/2-7-image-to-video"),
        ("video", "grok-imagine", "grok-imagine/text-to-video", "grok-imagine/image-to-video"),
        ("image", "wan/2-7", "wan/2-7-image-pro", None),
        ("image", "grok-imagine", "grok-imagine/text-to-image", "grok-imagine/image-to-image"),
        ("image", "flux-2/pro", "flux-2/pro-text-to-image", "flux-2/pro-image-to-image"),
        ("image", "flux-2/flex", "flux-2/flex-text-to-image", "flux-2/flex-image-to-image"),
        ("image", "ideogram/v3", "ideogram/v3-text-to-image", "ideogram/v3-edit"),
        ("image", "seedream/4.5", "seedream/4.5-text-to-image", "seedream/4.5-edit"),
        ("image", "gpt-image/1.5", "gpt-image/1.5-text-to-image", "gpt-image/1.5-image-to-image"),
        ("image", "gpt-image-2", "gpt-image-2-text-to-image", "gpt-image-2-image-to-image"),
        ("image", "google/nano-banana", "google/nano-banana", "google/nano-banana-edit"),
    ],
)
def test_families(kind: str, name: str, words: str | None, picture: str | None) -> None:
    ways = [
        (words, kind, {}),
        (picture, kind, {"image_url": A}),
        (
            picture,
            *(
                ("video", {"input_reference": A})
                if kind == "video"
                else ("image_edit", {"image": A})
            ),
        ),
    ]
    for model, endpoint, params in ways:
        if model is None:
            with pytest.raises(UnsupportedEndpoint):
                model_of(endpoint, name, **params)
        else:
            assert model_of(endpoint, name, **params) == model


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("chat", "sora-2"),
        ("image", "sora-2"),
        ("video", "flux-2/pro"),
        ("video_edit", "grok-imagine"),
        ("speech", "ideogram/v3"),
        ("image", "sora-2-text-to-video"),
        ("image_edit", "google/imagen4"),
        ("image_edit", "wan/2-7-image-pro"),
        ("image", "topaz/image-upscale"),
        ("video", "runway_aleph"),
        ("video", "gemini-3-pro-image"),
        ("chat", "suno-v4"),
        ("embedding", "text-embedding-3"),
    ],
)
def test_what_is_not_offered(kind: str, model: str) -> None:
    with pytest.raises(UnsupportedEndpoint):
        planned(kind, model, prompt="x", image=A)


@pytest.mark.parametrize(
    ("kind", "model", "param"),
    [
        ("video", "sora-2-image-to-video", "input_reference"),
        ("video", "wan/2-6-image-to-video", "input_reference"),
        ("image", "flux-2/pro-image-to-image", "image"),
    ],
)
def test_models_that_work_on_a_picture_need_one(kind: str, model: str, param: str) -> None:
    with pytest.raises(MissingParameter) as raised:
        planned(kind, model, prompt="x")
    assert raised.value.param == param


@pytest.mark.parametrize(
    "model",
    ["seedream/4.5-edit", "google/nano-banana-edit", "ideogram/v3-edit", "ideogram/character"],
)
def test_edit_models_need_a_picture_at_either_endpoint(model: str) -> None:
    for kind in ("image", "image_edit"):
        with pytest.raises(MissingParameter):
            planned(kind, model, prompt="x")


def test_a_model_of_words_takes_no_picture() -> None:
    with pytest.raises(UnsupportedParameter) as raised:
        planned("video", "kling-2.6/text-to-video", prompt="x", input_reference=A)
    assert raised.value.param == "input_reference"


LISTED = [{"id": "veo3", "price": 0.6, "type": "video"}, {"id": "gpt-4o"}]


@pytest.mark.parametrize(
    "body",
    [
        LISTED,
        {"data": LISTED},
        {"success": True, "data": {"models": LISTED}},
        {"data": {"videos": LISTED}},
        {"data": {"items": LISTED}},
    ],
)
def test_lists(body: Any) -> None:
    assert [one["id"] for one in ROW.queries["models"].read(body)] == ["veo3", "gpt-4o"]
    assert prices(body) == [{"id": "veo3", "price": 0.6}]


def test_the_row_itself() -> None:
    assert ROW.base_url == "https://api.onysoft.com/v1"
    assert ROW.auth("sk-ony-1") == {"authorization": "Bearer sk-ony-1"}
    assert {name: query.path for name, query in ROW.queries.items()} == {
        "models": "/models",
        "prices": "/models",
    }
