"""Onysoft's matrix of video models, row by row, and Sora's own terms."""

from base64 import b64encode
from typing import Any

import pytest

from tests.translators.rowbench import Bench
from translators.core import FormText, Ordered, Request, Source
from translators.errors import (
    MissingParameter,
    TranslationError,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.onysoft import ROW

A, B = "https://example.com/a.png", "https://example.com/b.png"
PICTURE = Source(data=b"\x89PNG", mime="image/png")
INLINE = "data:image/png;base64," + b64encode(b"\x89PNG").decode()
BENCH = Bench(ROW, "video", "veo3")
planned, sent = BENCH.planned, BENCH.fields


WIDE = {"aspect_ratio": "16:9", "duration": 8, "resolution": "720p"}
VIDEO_MATRIX = [
    ("grok-imagine/image-to-video", {"image_urls": [A]}, WIDE),
    ("kling-2.6/image-to-video", {"image_url": A}, WIDE),
    ("kling/v2-5-turbo-image-to-video-pro", {"image_url": A}, WIDE),
    ("hailuo/2-3-image-to-video-pro", {"image_url": A}, {**WIDE, "duration": 10}),
    ("sora-2-image-to-video", {"image_urls": [A]}, {"aspect_ratio": "landscape", "n_frames": "10"}),
    (
        "sora-2-pro-image-to-video",
        {"image_urls": [A]},
        {"aspect_ratio": "landscape", "n_frames": "10", "size": "standard"},
    ),
    ("wan/2-7-image-to-video", {"first_frame_url": A}, WIDE),
    ("wan/2-6-flash-image-to-video", {"image_urls": [A]}, {**WIDE, "audio": False}),
    ("wan/2-6-image-to-video", {"image_url": A}, WIDE),
    ("runway_gen4_turbo", {"imageUrl": A}, WIDE),
    ("veo3", {"image_url": A}, WIDE),
    ("newcomer", {"image_url": A}, WIDE),
]


@pytest.mark.parametrize(("model", "picture", "shape"), VIDEO_MATRIX)
def test_matrix_of_videos(model: str, picture: dict[str, Any], shape: dict[str, Any]) -> None:
    made = planned(
        "video", model, prompt="x", input_reference=A, size="1280x720", seconds="8"
    ).request
    assert made == Request(
        "POST", "/video/generate", {"model": model, "prompt": "x", **picture, **shape}
    )
    native = {name: [B] if isinstance(value, list) else B for name, value in picture.items()}
    body = sent("video", model, **native)
    assert {name: body[name] for name in native} == native


@pytest.mark.parametrize(
    "model",
    [
        "veo3_fast",
        "kling-2.5",
        "runway_gen4_turbo",
        "wan/2-6-text-to-video",
        "grok-imagine/text-to-video",
    ],
)
def test_videos_of_words(model: str) -> None:
    made = planned("video", model, prompt="x", size="720x1280", seconds="4", negative_prompt="y")
    assert made.request.body == {
        "model": model,
        "prompt": "x",
        "negative_prompt": "y",
        "aspect_ratio": "9:16",
        "duration": 5,
        "resolution": "720p",
    }
    assert made.ordered == Ordered("720p", "9:16", "5")


def test_veo_takes_references_by_a_mode() -> None:
    mode = {"generationType": "REFERENCE_2_VIDEO"}
    assert sent("video", "veo3", input_reference=[A, B]) == {"imageUrls": [A, B], **mode}
    assert sent("video", "veo3", image_urls=[A, B]) == {"imageUrls": [A, B], **mode}
    assert sent("video", "veo3_fast", imageUrls=[A]) == {"imageUrls": [A], **mode}
    assert sent("video", "veo3", input_reference=PICTURE) == {"image_url": INLINE}
    assert sent("video", "veo3", imageUrls=[A, B], **mode) == {"imageUrls": [A, B], **mode}
    for one in ("image_url", "input_reference"):
        assert sent("video", "veo3", **{one: A}, **mode) == {"imageUrls": [A], **mode}
    assert sent("video", "veo3", image_url=[A, B]) == {"imageUrls": [A, B], **mode}
    with pytest.raises(MissingParameter) as raised:
        sent("video", "veo3", **mode)
    assert raised.value.param == "input_reference"
    with pytest.raises(UnsupportedValue):
        sent("video", "veo3", generationType="TEXT_2_VIDEO", image_url=A)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("veo3", ("image_url", "image_urls")),
        ("veo3", ("image_url", "imageUrls")),
        ("kling-2.6/image-to-video", ("image_url", "image_urls")),
        ("runway_gen4_turbo", ("image_url", "imageUrl")),
        ("newcomer", ("image_url", "image_urls")),
    ],
)
def test_two_native_names_for_pictures_are_refused(model: str, names: tuple[str, str]) -> None:
    with pytest.raises(UnsupportedParameter) as raised:
        sent("video", model, **dict.fromkeys(names, A))
    assert raised.value.param == names[1]


@pytest.mark.parametrize(
    "model", ["veo3", "kling-2.6/image-to-video", "runway_gen4_turbo", "newcomer"]
)
def test_a_native_picture_wins_and_the_other_is_named(model: str) -> None:
    made = planned("video", model, prompt="x", image_url=B, input_reference=[A, A])
    body = made.request.body or {}
    assert [body[name] for name in body if name not in ("model", "prompt")] == [B]
    assert made.dropped == ("input_reference",)


def test_fields_of_single_video_models() -> None:
    assert sent("video", "wan/2-7-image-to-video", input_reference=A, last_frame_url=B) == {
        "first_frame_url": A,
        "last_frame_url": B,
    }
    flash = sent("video", "wan/2-6-flash-image-to-video", input_reference=[A, B], audio=True)
    assert flash == {"image_urls": [A, B], "audio": True}
    assert sent("video", "grok-imagine/image-to-video", input_reference=A, mode="fun") == {
        "image_urls": [A],
        "mode": "fun",
    }
    with pytest.raises(UnsupportedValue):
        sent("video", "kling-2.6/image-to-video", input_reference=[A, B])


def test_aleph_edits_a_video() -> None:
    made = planned("video_edit", "runway_aleph", prompt="x", video="https://example.com/a.mp4")
    assert made.request.body == {
        "model": "runway_aleph",
        "prompt": "x",
        "videoUrl": "https://example.com/a.mp4",
    }
    with pytest.raises(MissingParameter) as raised:
        planned("video_edit", "runway_aleph", prompt="x")
    assert raised.value.param == "video"


@pytest.mark.parametrize(
    ("model", "size", "native"),
    [
        ("sora-2", "1280x720", {"aspect_ratio": "landscape"}),
        ("sora-2", "1024x1792", {"aspect_ratio": "portrait"}),
        ("sora-2-pro", "720x1280", {"aspect_ratio": "portrait", "size": "standard"}),
        ("sora-2-pro", "1024x1792", {"aspect_ratio": "portrait", "size": "high"}),
        ("sora-2-pro", "1792x1024", {"aspect_ratio": "landscape", "size": "high"}),
        ("sora-2-pro", "1920x1080", {"aspect_ratio": "landscape", "size": "high"}),
        ("sora-2-pro", "high", {"size": "high"}),
        ("sora-2-pro", "standard", {"size": "standard"}),
        ("sora-2-pro", "auto", {}),
    ],
)
def test_soras_sizes(model: str, size: str, native: dict[str, str]) -> None:
    body = planned("video", model, prompt="x", size=size).request.body
    assert body == {"model": f"{model}-text-to-video", "prompt": "x", **native}


@pytest.mark.parametrize(
    ("asked", "frames"), [("4", "10"), ("8", "10"), (10, "10"), ("12", "15"), ("15", "15")]
)
def test_soras_seconds(asked: Any, frames: str) -> None:
    made = planned("video", "sora-2", prompt="x", seconds=asked, size="1280x720")
    assert made.request.body and made.request.body["n_frames"] == frames
    assert made.ordered == Ordered(None, "landscape", frames)


def test_soras_own_fields() -> None:
    assert sent("video", "sora-2-text-to-video", negative_prompt="blur") == {
        "negative_prompt": "blur"
    }
    body = sent(
        "video",
        "sora-2-pro-text-to-video",
        n_frames="15",
        aspect_ratio="portrait",
        size="high",
        remove_watermark=FormText("true"),
        character_id_list=FormText('["c1"]'),
    )
    assert body == {
        "n_frames": "15",
        "aspect_ratio": "portrait",
        "size": "high",
        "remove_watermark": True,
        "character_id_list": ["c1"],
    }


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"seconds": "16"}, "seconds"),
        ({"n_frames": "12"}, "n_frames"),
        ({"aspect_ratio": "16:9"}, "aspect_ratio"),
        ({"duration": 5}, "duration"),
        ({"size": "high"}, "size"),
    ],
)
def test_what_sora_refuses(params: dict[str, Any], param: str) -> None:
    with pytest.raises(TranslationError) as raised:
        planned("video", "sora-2", prompt="x", **params)
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("asked", "general", "hailuo"),
    [
        ("4", 5, 6),
        ("5", 5, 6),
        ("6", 6, 6),
        ("7", 8, 10),
        ("8", 8, 10),
        ("9", 10, 10),
        ("10", 10, 10),
    ],
)
def test_seconds(asked: str, general: int, hailuo: int) -> None:
    assert sent("video", "veo3", seconds=asked)["duration"] == general
    assert sent("video", "hailuo/02-text-to-video-pro", seconds=asked)["duration"] == hailuo


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"seconds": "11"}, "seconds"),
        ({"duration": 7}, "duration"),
        ({"size": "2560x1440"}, "size"),
        ({"resolution": "4K"}, "resolution"),
        ({"quality_of_life": 1}, "quality_of_life"),
    ],
)
def test_what_videos_refuse(params: dict[str, Any], param: str) -> None:
    with pytest.raises(TranslationError) as raised:
        planned("video", "veo3", prompt="x", **params)
    assert raised.value.param == param
