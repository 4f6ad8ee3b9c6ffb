"""OpenAI's values in gateways' terms: sizes, seconds, voices."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.convert import (
    ELEVENLABS,
    VOICES,
    by_model,
    choice,
    image_tier,
    lines,
    only,
    ratio,
    seconds,
    seconds_between,
    seconds_of,
    size_of,
    tier,
    voice,
    whole,
)
from translators.core import Call, Capability, FormText
from translators.errors import InvalidType, UnsupportedValue
from translators.fields import ABSENT, DROP

CALL = Call(Capability.VIDEO, "m", {})


FIVE = ratio("16:9", "9:16", "1:1", "4:3", "3:4")


def test_sizes_are_read() -> None:
    assert size_of("1280x720") == (1280, 720)
    assert size_of(FormText("720x1280")) == (720, 1280)
    assert size_of("auto") is None


@pytest.mark.parametrize("value", ["", "big", "720", "0x0", "00x00", "1280×720", "9x9", "1x100000"])
def test_sizes_that_are_none(value: str) -> None:
    with pytest.raises(UnsupportedValue, match="WIDTHxHEIGHT"):
        size_of(value)


def test_a_size_is_a_string() -> None:
    with pytest.raises(InvalidType, match="'size'"):
        size_of(720)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ("1024x1024", "1:1"),
        ("1280x720", "16:9"),
        ("720x1280", "9:16"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
        ("1536x1024", "4:3"),
        ("1024x1536", "3:4"),
        ("1100x1000", "1:1"),
        ("90000x10", "16:9"),
    ],
)
def test_ratios(size: str, nearest: str) -> None:
    assert FIVE(size, CALL) == nearest


@given(wide=st.integers(10, 99_999), high=st.integers(10, 99_999))
def test_a_ratio_turned_is_the_ratio_of_the_turned_size(wide: int, high: int) -> None:
    # Equally far from two ratios either may be named; then both directions need not agree.
    def far(one: str) -> float:
        a, b = map(int, one.split(":"))
        return max(wide * b, high * a) / min(wide * b, high * a)

    upright, turned = FIVE(f"{wide}x{high}", CALL), FIVE(f"{high}x{wide}", CALL)
    assert far(upright) == pytest.approx(far(":".join(reversed(turned.split(":")))))


def test_auto_sends_nothing() -> None:
    for convert in (FIVE, tier("720p"), image_tier("1K")):
        assert convert("auto", CALL) is ABSENT


@pytest.mark.parametrize(
    ("size", "resolution"),
    [
        ("640x480", "480p"),
        ("721x481", "720p"),
        ("1280x720", "720p"),
        ("1792x1024", "1080p"),
        ("1080x1920", "1080p"),
        ("1920x1081", "4K"),
        ("3840x2160", "4K"),
    ],
)
def test_video_tiers_go_by_the_shorter_side(size: str, resolution: str) -> None:
    assert tier("4K", "480p", "1080p", "720p")(size, CALL) == resolution


def test_video_tiers_keep_the_models_literals_and_never_go_below() -> None:
    assert tier("1088p")("1920x1080", CALL) == "1088p"
    assert tier("768P", "1080P")("1280x720", CALL) == "768P"
    with pytest.raises(UnsupportedValue, match="720p"):
        tier("720p")("1920x1080", CALL)


@pytest.mark.parametrize(
    ("size", "resolution"),
    [
        ("1536x1024", "1K"),
        ("1537x1024", "2K"),
        ("2560x1440", "2K"),
        ("2561x1440", "4K"),
    ],
)
def test_image_tiers_go_by_the_longer_side(size: str, resolution: str) -> None:
    assert image_tier("1K", "2K", "4K")(size, CALL) == resolution


def test_image_tiers_are_clamped() -> None:
    assert image_tier("1K", "2K")("4096x4096", CALL) == "2K"
    assert image_tier("2K", "4K")("512x512", CALL) == "2K"


def test_lines() -> None:
    assert [lines(one) for one in ("480p", "768P", "1088p", "2k", "4K", "x")] == [
        480,
        768,
        1088,
        1440,
        2160,
        0,
    ]


@pytest.mark.parametrize(("said", "sold"), [("4", 5), (5, 5), ("5.1", 8), ("8", 8), (0.1, 5)])
def test_seconds_are_rounded_up_to_what_is_sold(said: Any, sold: int) -> None:
    assert seconds(8, 5)(said, CALL) == sold
    assert seconds(8, 5, write=whole)(said, CALL) == str(sold)


def test_more_seconds_than_are_sold() -> None:
    with pytest.raises(UnsupportedValue, match="5, 8"):
        seconds(8, 5)("8.5", CALL)


def test_seconds_in_a_range() -> None:
    convert = seconds_between(3, 15)
    assert [convert(one, CALL) for one in ("1", 3, "4.2", "15")] == [3, 3, 5, 15]
    with pytest.raises(UnsupportedValue, match="3 to 15"):
        convert("15.1", CALL)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", "", "86400"])
def test_seconds_that_are_none(value: str) -> None:
    with pytest.raises(UnsupportedValue):
        seconds_of(value)


@pytest.mark.parametrize("value", [True, [], {}, None])
def test_seconds_of_the_wrong_type(value: Any) -> None:
    with pytest.raises(InvalidType):
        seconds_of(value)


def test_choices() -> None:
    convert = choice({"low": "std", 1: "one"})
    assert [convert(one, CALL) for one in ("low", 1, "x", [], {})] == ["std", "one", *[DROP] * 3]
    assert choice({}, otherwise="x")("y", CALL) == "x"


def test_only() -> None:
    assert only((1, 2), "n")(2, CALL) == 2
    with pytest.raises(UnsupportedValue, match="1, 2"):
        only((1, 2), "n")(3, CALL)


def test_by_model() -> None:
    convert = by_model({"m": lambda value, call: "mine"}, lambda value, call: "another's")
    assert convert(1, CALL) == "mine"
    assert convert(1, Call(Capability.VIDEO, "x", {})) == "another's"


@pytest.mark.parametrize(("said", "name"), [*VOICES.items(), *((one, one) for one in ELEVENLABS)])
def test_voices_in_any_case(said: str, name: str) -> None:
    for one in (said, said.upper(), said.lower(), {"id": said}):
        assert voice(strict=True)(one, CALL) == name


def test_other_voices() -> None:
    assert voice(strict=False)("narrator", CALL) == "narrator"
    with pytest.raises(UnsupportedValue, match=r"alloy.*Rachel"):
        voice(strict=True)("narrator", CALL)
    for value in (7, {}, None):
        with pytest.raises(InvalidType):
            voice(strict=False)(value, CALL)
