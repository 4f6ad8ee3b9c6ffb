"""Onysoft's matrix of image models, row by row."""

from base64 import b64encode
from typing import Any

import pytest

from tests.translators.rowbench import Bench
from translators.core import FormText, Hosted, Source
from translators.errors import UnsupportedParameter, UnsupportedValue
from translators.onysoft import ROW

A, B = "https://example.com/a.png", "https://example.com/b.png"
PICTURE = Source(data=b"\x89PNG", mime="image/png")
INLINE = "data:image/png;base64," + b64encode(b"\x89PNG").decode()
BENCH = Bench(ROW, "video", "veo3")
planned, sent = BENCH.planned, BENCH.fields


FOUR = {"aspect_ratio": "16:9", "resolution": "4K"}
IMAGE_MATRIX = [
    ("seedream/4.5-edit", {"image_urls": [A]}, {"aspect_ratio": "16:9", "resolution": "2K"}),
    (
        "flux-2/pro-image-to-image",
        {"input_urls": [A]},
        {"aspect_ratio": "16:9", "resolution": "2K"},
    ),
    (
        "flux-2/flex-image-to-image",
        {"input_urls": [A]},
        {"aspect_ratio": "16:9", "resolution": "2K"},
    ),
    ("gpt-image-2-image-to-image", {"input_urls": [A]}, FOUR),
    ("gpt-image/1.5-image-to-image", {"image_url": A}, FOUR),
    ("google/nano-banana-edit", {"image_urls": [A]}, {"aspect_ratio": "16:9"}),
    ("google/nano-banana-2", {"image_input": [A]}, FOUR),
    ("google/nano-banana-pro", {"image_input": [A]}, FOUR),
    ("ideogram/v3-edit", {"image_url": A}, {"aspect_ratio": "16:9"}),
    ("ideogram/v3-remix", {"image_url": A}, {"aspect_ratio": "16:9"}),
    ("ideogram/character", {"reference_image_urls": [A]}, {"aspect_ratio": "16:9"}),
    ("ideogram/character-edit", {"reference_image_urls": [A]}, {"aspect_ratio": "16:9"}),
    ("grok-imagine/image-to-image", {"image_urls": [A]}, {"aspect_ratio": "16:9"}),
    ("qwen/image-to-image", {"image_url": A}, FOUR),
    ("newcomer/edit", {"image_url": A}, FOUR),
]
DRAWN_MATRIX = [
    ("seedream/4.5-text-to-image", {"aspect_ratio": "16:9", "resolution": "2K"}),
    ("flux-2/pro-text-to-image", {"aspect_ratio": "16:9", "resolution": "2K"}),
    ("gpt-image/1.5-text-to-image", FOUR),
    ("gpt-image-2-text-to-image", FOUR),
    ("google/nano-banana", {"aspect_ratio": "16:9"}),
    ("google/nano-banana-2", FOUR),
    ("ideogram/v3-text-to-image", {"aspect_ratio": "16:9"}),
    ("google/imagen4", {"aspect_ratio": "16:9"}),
    ("google/imagen4-ultra", {"aspect_ratio": "16:9"}),
    ("grok-imagine/text-to-image", {"aspect_ratio": "16:9"}),
    ("wan/2-7-image-pro", FOUR),
    ("wan/2-7-image", FOUR),
    ("z-image/text-to-image", FOUR),
    ("newcomer", FOUR),
]


@pytest.mark.parametrize(("model", "picture", "shape"), IMAGE_MATRIX)
def test_matrix_of_edits(model: str, picture: dict[str, Any], shape: dict[str, str]) -> None:
    made = planned("image_edit", model, prompt="x", image=A, size="3840x2160")
    assert made.request.path == "/image/generate"
    assert made.request.body == {"model": model, "prompt": "x", **picture, **shape}


@pytest.mark.parametrize(("model", "picture", "shape"), IMAGE_MATRIX)
def test_the_native_picture_is_sent_as_given(
    model: str, picture: dict[str, Any], shape: dict[str, str]
) -> None:
    native = {name: [B] if isinstance(value, list) else B for name, value in picture.items()}
    body = sent("image", model, **native, size="auto")
    assert {name: body[name] for name in native} == native


@pytest.mark.parametrize(("model", "picture", "shape"), IMAGE_MATRIX)
def test_the_general_picture_goes_where_the_model_wants_it(
    model: str, picture: dict[str, Any], shape: dict[str, str]
) -> None:
    body = sent("image", model, image_url=A, size="3840x2160")
    assert body == {**picture, **shape}


@pytest.mark.parametrize(("model", "shape"), DRAWN_MATRIX)
def test_matrix_of_drawings(model: str, shape: dict[str, str]) -> None:
    assert sent("image", model, size="3840x2160") == shape
    assert sent("image", model, size="auto") == {}


def test_several_pictures() -> None:
    assert sent("image_edit", "newcomer", image=[PICTURE, B]) == {"image_urls": [INLINE, B]}
    assert sent("image_edit", "seedream/4.5-edit", image=[A, B]) == {"image_urls": [A, B]}
    with pytest.raises(UnsupportedValue) as raised:
        sent("image_edit", "ideogram/v3-edit", image=[A, B])
    assert raised.value.param == "image"


def test_a_general_name_that_the_client_says_wins() -> None:
    assert sent("image_edit", "newcomer", image=A, image_urls=[B]) == {"image_urls": [B]}
    assert sent("image_edit", "newcomer", image=[A, A], image_url=B) == {"image_url": B}


def test_pictures_up_to_the_limit_go_inline_and_beyond_it_as_links() -> None:
    small = Source(data=b"x" * 7_000_000, mime="image/png")
    large = Source(data=b"x" * 7_500_000, mime="image/png")
    assert str(sent("image_edit", "newcomer", image=small)["image_url"]).startswith(
        "data:image/png"
    )
    assert sent("image_edit", "newcomer", image=large) == {"image_url": Hosted(large)}
    assert sent("video", "kling-2.6/image-to-video", input_reference=large)["image_url"] == Hosted(
        large
    )
    assert ROW.max_request == 10_000_000


@pytest.mark.parametrize("size", [{}, {"size": "auto"}])
def test_gpt_image_2_demands_ratio_and_resolution(size: dict[str, str]) -> None:
    assert sent("image_edit", "gpt-image-2-image-to-image", image=A, **size) == {
        "input_urls": [A],
        "aspect_ratio": "1:1",
        "resolution": "1K",
    }


def test_fields_of_single_models() -> None:
    assert sent(
        "image_edit", "google/nano-banana-edit", image=A, output_format="jpeg", image_size="1:1"
    ) == {"image_urls": [A], "output_format": "jpg", "image_size": "1:1"}
    assert sent("image", "google/nano-banana-2", image_input=[]) == {"image_input": []}
    assert sent("image_edit", "ideogram/v3-edit", image=A, mask=PICTURE) == {
        "image_url": A,
        "mask_url": INLINE,
    }
    assert sent("image_edit", "grok-imagine/image-to-image", image=A, nsfw_checker=True) == {
        "image_urls": [A],
        "nsfw_checker": True,
    }
    assert sent("image_edit", "gpt-image/1.5-image-to-image", image=A, input_urls=[B])[
        "input_urls"
    ] == [B]
    with pytest.raises(UnsupportedParameter):
        sent("image_edit", "seedream/4.5-edit", image=A, mask=PICTURE)


def test_the_upscaler_takes_no_prompt() -> None:
    made = planned("image_edit", "topaz/image-upscale", prompt="-", image=A, scale=FormText("4"))
    assert made.request.body == {"model": "topaz/image-upscale", "image_url": A, "scale": 4}
    assert made.dropped == ("prompt",)
    with pytest.raises(UnsupportedValue):
        planned("image_edit", "topaz/image-upscale", image=A, scale=3)


@pytest.mark.parametrize(
    ("said", "native"),
    [
        ("low", "low"),
        ("medium", "standard"),
        ("auto", "standard"),
        ("standard", "standard"),
        ("high", "high"),
        ("hd", "high"),
    ],
)
def test_quality(said: str, native: str) -> None:
    for model in ("gpt-image/1.5-text-to-image", "seedream/4.5-text-to-image"):
        assert sent("image", model, quality=said) == {"quality": native}
    other = planned("image", "google/imagen4", prompt="x", quality=said)
    assert (other.request.body, other.dropped) == (
        {"model": "google/imagen4", "prompt": "x"},
        ("quality",),
    )


def test_transparency() -> None:
    for model in ("gpt-image/1.5-text-to-image", "seedream/4.5-text-to-image"):
        assert sent("image", model, background="transparent") == {"background": "transparent"}
    with pytest.raises(UnsupportedParameter) as raised:
        sent("image", "flux-2/pro-text-to-image", background="transparent")
    assert raised.value.param == "background"


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        ("flux-2/pro-text-to-image", "1K", "4K"),
        ("seedream/4.5-text-to-image", "2K", "4K"),
        ("wan/2-7-image-pro", "4K", "1K"),
    ],
)
def test_native_resolutions_are_the_pages(model: str, has: str, lacks: str) -> None:
    assert sent("image", model, resolution=has)["resolution"] == has
    with pytest.raises(UnsupportedValue) as raised:
        sent("image", model, resolution=lacks)
    assert raised.value.param == "resolution"
