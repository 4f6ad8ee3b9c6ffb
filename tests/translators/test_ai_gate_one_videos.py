"""ai-gate.one's videos: resolution and seconds hang together."""

import json
from pathlib import Path
from typing import Any

import pytest

from translators.ai_gate_one import ROW
from translators.ai_gate_one_videos import PRICES
from translators.core import (
    Call,
    Capability,
    FormText,
    Hosted,
    Ordered,
    Source,
)
from translators.errors import (
    InvalidType,
    UnsupportedValue,
)
from translators.plan import Plan, plan

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "gateways" / "ai-gate.one").glob("*.json"))
}


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
    for native in ({"resolution": "4K"}, {"resolution": []}, {"durationSec": "11"}):
        with pytest.raises(UnsupportedValue, match="10") as refused:
            ordered("Sora2", seconds="4", **native)
        assert refused.value.param in native
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
