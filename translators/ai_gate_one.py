"""ai-gate.one: everything is a task, and the key travels in the body.

Page: https://api.ai-gate.one, "API Documentation". `POST /{kind}` answers `{"taskId"}`, `GET /result/{taskId}`
answers `{"taskId", "data"}` for text and `{"taskId", "url"}` for the rest. Base URL
https://api.ai-gate.one/api/v1. `X-API-Key`, which one client was seen to send too, is not on the page
and is not sent.
"""

from collections.abc import Mapping
from typing import Any

from translators.ai_gate_one_answers import FILE, POLL, balance, prices, read, refuse
from translators.ai_gate_one_videos import PRICES, duration, resolution
from translators.convert import ratio, seconds_of, voice
from translators.core import (
    Call,
    Capability,
    Operation,
    Ordered,
    Params,
    Query,
    Task,
    Translator,
    no_header,
)
from translators.fields import KEY, MODEL, Table, const, extra, take
from translators.files import hosted_urls
from translators.specs import boolean, integer, matching, number, text
from translators.textchat import prompt_text

# The page shows "16:9" and lists no others: the ratios that NanoBanana's maker offers.
_IMAGE_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_VIDEO_RATIOS = ("16:9", "9:16", "1:1")
_RATIO = matching("[1-9][0-9]?:[1-9][0-9]?", "16:9")


def _milliseconds(value: Any, call: Call) -> int:
    return max(round(seconds_of(value) * 1000), 500)


TEXT: Table = {
    "apiKey": KEY,
    "type": const("Text"),
    "text": take("messages", prompt_text, native=text()),
}
IMAGE: Table = {
    "apiKey": KEY,
    "type": const("Image"),
    "prompt": take("prompt", native=text()),
    "aspectRatio": take("size", ratio(*_IMAGE_RATIOS), native=_RATIO),
    "imageUrls": take(("image", "input_reference"), hosted_urls),
}
VIDEO: Table = {
    "apiKey": KEY,
    "type": const("Video"),
    "modelName": MODEL,
    "prompt": take("prompt", native=text()),
    "durationSec": take(("seconds", "size"), duration),
    "resolution": take(("size", "seconds"), resolution),
    "aspectRatio": take("size", ratio(*_VIDEO_RATIOS), native=_RATIO),
    "imageUrls": take("input_reference", hosted_urls),
}
VOICE: Table = {
    "apiKey": KEY,
    "type": const("Voice"),
    "name": take("voice", voice(strict=False), native=text(low=1), default="Aria"),
    "text": take("input", native=text()),
    "stability": extra(number(0, 1)),
    "similarity_boost": extra(number(0, 1)),
    "style": extra(number(0, 1)),
    "speed": extra(number(0.7, 1.2)),
    "previousText": extra(text()),
    "nextText": extra(text()),
}
SOUND: Table = {
    "apiKey": KEY,
    "type": const("Sound"),
    "prompt": take(("prompt", "input"), native=text()),
    "durationMs": take("seconds", _milliseconds, native=integer(500), default=5000),
    "isLoop": extra(boolean()),
}


# What a body holds by now may be provider_options' own word, of any type.
def _characters(body: Params) -> int:
    text = body.get("text")
    return len(text) if isinstance(text, str) else 0


def _sound_seconds(body: Params) -> float | None:
    milliseconds = body.get("durationMs")
    if isinstance(milliseconds, int | float) and milliseconds > 0:
        return float(milliseconds) / 1000
    return None


def text_price(body: Params, call: Call) -> float:
    """The part of $0.00060 a 1K characters that is known beforehand: the characters going in."""
    return _characters(body) * 0.0006 / 1000


def answer_price(task: Task) -> float:
    """The part that is known afterwards: the characters coming out."""
    return len(task.text or "") * 0.0006 / 1000


def image_price(body: Params, call: Call) -> float:
    return 0.04


def video_price(body: Params, call: Call) -> float | None:
    sold: Mapping[str, Mapping[str, float | None]] = PRICES.get(call.model, {})
    return sold.get(str(body.get("resolution")), {}).get(str(body.get("durationSec")))


def sound_price(body: Params, call: Call) -> float:
    """$0.01 a second."""
    return (_sound_seconds(body) or 0.0) * 0.01


def voice_price(body: Params, call: Call) -> float:
    """$0.1 a 1K characters."""
    return _characters(body) * 0.1 / 1000


def _video_ordered(body: Params) -> Ordered:
    return Ordered(body.get("resolution"), body.get("aspectRatio"), body.get("durationSec"))


def _image_ordered(body: Params) -> Ordered:
    return Ordered(ratio=body.get("aspectRatio"))


def _sound_ordered(body: Params) -> Ordered:
    seconds = _sound_seconds(body)
    return Ordered(seconds=None if seconds is None else f"{seconds:g}")


_TEXT = Operation(
    "/text",
    TEXT,
    read,
    POLL,
    every=2.0,
    needs=("text",),
    # Streams, stops and several choices are made from the text (`translators.textchat`).
    accepts=("messages", "response_format", "stream", "stream_options", "stop", "n"),
    price=text_price,
    result_price=answer_price,
)
_IMAGE = Operation(
    "/image", IMAGE, read, FILE, needs=("prompt",), ordered=_image_ordered, price=image_price
)
_IMAGE_EDIT = Operation(
    "/image",
    IMAGE,
    read,
    FILE,
    needs=("prompt", "imageUrls"),
    ordered=_image_ordered,
    price=image_price,
)
_VIDEO = Operation(
    "/video",
    VIDEO,
    read,
    FILE,
    every=10.0,
    needs=("prompt",),
    ordered=_video_ordered,
    price=video_price,
)
_VOICE = Operation("/voice", VOICE, read, FILE, every=2.0, needs=("text",), price=voice_price)
_SOUND = Operation(
    "/sound",
    SOUND,
    read,
    FILE,
    every=2.0,
    needs=("prompt",),
    ignores=("voice",),
    ordered=_sound_ordered,
    price=sound_price,
)

ROW = Translator(
    name="ai-gate.one",
    page="https://api.ai-gate.one",
    base_url="https://api.ai-gate.one/api/v1",
    operations={
        Capability.CHAT: {"text|Free|Any": _TEXT},
        Capability.IMAGE: {"NanoBanana|NanoBananaEdit": _IMAGE},
        Capability.IMAGE_EDIT: {"NanoBanana|NanoBananaEdit": _IMAGE_EDIT},
        Capability.VIDEO: {"*": _VIDEO},
        Capability.SPEECH: {"voice": _VOICE},
        Capability.SOUND: {"sound": _SOUND},
    },
    refuse=refuse,
    auth=no_header,
    queries={"balance": Query("/balance/{key}", balance), "prices": Query("/price", prices)},
)
