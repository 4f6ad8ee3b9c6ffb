"""apiin.one's videos and tools: what is sent."""

from typing import Any

import pytest

from tests.translators.rowbench import Bench
from translators.apiin_one import ROW
from translators.core import FormText, Hosted, Ordered, Request, Source
from translators.errors import (
    MissingParameter,
    TranslationError,
    UnsupportedEndpoint,
    UnsupportedParameter,
    UnsupportedValue,
)

LINK = "https://example.com/a.png"
PICTURE = Source(data=b"\x89PNG", mime="image/png")
BENCH = Bench(ROW, "image", "flux-2")
planned, sent = BENCH.planned, BENCH.sent


def test_kling_takes_numbers() -> None:
    made = planned(
        "video", "kling-3", prompt="x", seconds="2", size="1080x1920", input_reference=LINK
    )
    assert made.request == Request(
        "POST",
        "/videos/generations",
        {
            "model": "kling-3",
            "prompt": "x",
            "image": LINK,
            "duration": 3,
            "aspect_ratio": "9:16",
            "resolution": "1080p",
        },
    )
    assert made.ordered == Ordered("1080p", "9:16", "3")


def test_hailuo_takes_strings() -> None:
    made = planned("video", "hailuo-2.3", prompt="x", seconds="8", size="1280x720")
    assert made.request.body == {
        "model": "hailuo-2.3",
        "prompt": "x",
        "duration": "10",
        "aspect_ratio": "16:9",
        "resolution": "768P",
    }
    assert made.ordered == Ordered("768P", "16:9", "10")


@pytest.mark.parametrize(
    ("model", "asked", "duration"),
    [("wan-2.6", 4, 5), ("pixverse-5.6", "6", 8), ("vidu-q3", "4", 4), ("newcomer", "7", 7)],
)
def test_seconds_by_model(model: str, asked: Any, duration: int) -> None:
    assert sent("video", model, prompt="x", seconds=asked)["duration"] == duration


@pytest.mark.parametrize(
    ("model", "said", "sold"),
    [
        ("kling-3", "5", 5),
        ("kling-3", 5.0, 5),
        ("kling-3", FormText("5"), 5),
        ("hailuo-2.3", 6, "6"),
        ("hailuo-2.3", 10.0, "10"),
        ("hailuo-2.3", FormText("6"), "6"),
        ("wan-2.6", "7.5", 7.5),
    ],
)
def test_a_duration_takes_the_models_type(model: str, said: Any, sold: Any) -> None:
    made = sent("video", model, prompt="x", duration=said)["duration"]
    assert (made, type(made)) == (sold, type(sold))


@pytest.mark.parametrize(
    ("model", "resolution"),
    [("kling-3", "4K"), ("vidu-q3", "540p"), ("pixverse-5.6", "360p"), ("hailuo-2.3", "1080p")],
)
def test_resolutions_are_model_specific(model: str, resolution: str) -> None:
    assert sent("video", model, prompt="x", resolution=resolution)["resolution"] == resolution


def test_kling_is_sold_in_4k() -> None:
    assert sent("video", "kling-3", prompt="x", size="3840x2160")["resolution"] == "4K"


def test_video_takes_one_picture_and_native_fields() -> None:
    body = sent(
        "video", "pixverse-5.6", prompt="x", image=PICTURE, generate_audio_switch=FormText("true")
    )
    assert body == {
        "model": "pixverse-5.6",
        "prompt": "x",
        "image": Hosted(PICTURE),
        "generate_audio_switch": True,
    }
    with pytest.raises(UnsupportedValue) as raised:
        sent("video", "kling-3", prompt="x", input_reference=[LINK, LINK])
    assert raised.value.param == "input_reference"
    with pytest.raises(UnsupportedParameter):
        sent("video", "kling-3", prompt="x", negative_prompt="y")


@pytest.mark.parametrize(
    ("kind", "model", "path", "params", "body"),
    [
        (
            "image_edit",
            "remove-bg",
            "/images/tools/remove-bg",
            {"image": PICTURE},
            {"image": Hosted(PICTURE)},
        ),
        ("image_edit", "image-upscale", "/images/tools/upscale", {"image": LINK}, {"image": LINK}),
        (
            "image_edit",
            "face-swap",
            "/images/tools/face-swap",
            {"image": [LINK, PICTURE], "target_index": 10, "output_format": "webp"},
            {
                "image": LINK,
                "face_image": Hosted(PICTURE),
                "target_index": 10,
                "output_format": "webp",
            },
        ),
        (
            "image_edit",
            "face-swap",
            "/images/tools/face-swap",
            {"image": PICTURE, "face_image": LINK},
            {"image": Hosted(PICTURE), "face_image": LINK},
        ),
        (
            "video_edit",
            "video-bg-remover",
            "/videos/tools/bg-remover",
            {"video": "https://example.com/a.mp4", "background_image": PICTURE},
            {"video": "https://example.com/a.mp4", "background_image": Hosted(PICTURE)},
        ),
        (
            "video_edit",
            "video-upscale",
            "/videos/tools/upscale",
            {"video": {"url": "https://example.com/a.mp4"}},
            {"video": "https://example.com/a.mp4"},
        ),
    ],
)
def test_tools_drop_the_obligatory_prompt_and_name_it(
    kind: str, model: str, path: str, params: Any, body: Any
) -> None:
    made = planned(kind, model, prompt="-", **params)
    assert made.request == Request("POST", path, body)
    assert made.dropped == ("prompt",)


@pytest.mark.parametrize(
    ("params", "error", "param"),
    [
        ({"image": LINK}, MissingParameter, "face_image"),
        ({"image": [LINK, LINK, LINK]}, UnsupportedValue, "image"),
        ({"image": [LINK, LINK], "face_image": LINK}, UnsupportedValue, "image"),
        ({"image": [LINK, LINK], "target_index": 11}, UnsupportedValue, "target_index"),
        ({"image": [LINK, LINK], "target_index": -1}, UnsupportedValue, "target_index"),
        ({"image": [LINK, LINK], "output_format": "gif"}, UnsupportedValue, "output_format"),
        ({"face_image": LINK}, MissingParameter, "image"),
    ],
)
def test_face_swap_refuses(params: Any, error: type[TranslationError], param: str) -> None:
    with pytest.raises(error) as raised:
        planned("image_edit", "face-swap", **params)
    assert raised.value.param == param


def test_tools_want_their_file_and_no_other_endpoint() -> None:
    with pytest.raises(MissingParameter):
        planned("video_edit", "video-upscale", prompt="-")
    with pytest.raises(UnsupportedEndpoint):
        planned("image", "remove-bg", prompt="some words")
    with pytest.raises(UnsupportedEndpoint):
        planned("video", "video-upscale", prompt="some words")
