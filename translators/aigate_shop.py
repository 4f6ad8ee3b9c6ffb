"""aigate.shop: one long request a video (up to 15 minutes), chat and embeddings as OpenAI's.

Page: https://aigate.shop, "Video Generation". Base URL https://api.aigate.shop/v1, `Authorization: Bearer sk-…`.
What happens at `POST /videos` and to task ids is not on the page; the shapes read here are new-api's,
whose server this one seems to be.
"""

from dataclasses import replace
from typing import Any

from translators import openai
from translators.aigate_shop_answers import LINK_LIVES, balance, read, read_poll
from translators.aigate_shop_media import (
    PICTURES,
    Base64,
    Media,
    clip,
    prompt,
    prompt_with_video,
    unless,
)
from translators.convert import in_pixels, ratio, respelt, seconds_of, tier
from translators.core import (
    Answer,
    Call,
    Capability,
    Operation,
    Ordered,
    Params,
    Poll,
    Query,
    Translator,
)
from translators.errors import Fault
from translators.fields import ABSENT, DROP, MODEL, OPTIONS, Table, extra, take
from translators.specs import boolean, integer, mapping, number, oneof, text

_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")


_ratio = ratio(*_RATIOS)


def _shape(value: Any, call: Call) -> Any:
    """The ratio of `size`; pixels that the client says by `resolution` have their own."""
    said = call.params.get("resolution")
    if in_pixels(said) and value != "auto":
        return _ratio(said, call)
    return ABSENT if call.params.get("size") is None else _ratio(value, call)


def _duration(value: Any, call: Call) -> float:
    # Models differ, and the page names no values: any number passes.
    wanted = seconds_of(value)
    return int(wanted) if wanted == int(wanted) else max(wanted, 1)


_QUALITIES = {
    **{"low": "draft", "medium": "std", "standard": "std", "high": "pro", "hd": "pro"},
    "auto": DROP,
}
VIDEO: Table = {
    "model": MODEL,
    "prompt": take("prompt", prompt),
    "input_image": take("input_reference", unless(PICTURES), native=Media()),
    "image_url": extra(Media()),
    "image": extra(Media()),
    "input_image_url": extra(Media()),
    "input_image_b64": extra(Base64()),
    "input_video": take((), clip(carried=False)),
    "input_video_b64": take("input_video", clip(carried=True), native=Base64()),
    "duration": take("seconds", _duration, native=number(1)),
    "resolution": take("size", tier("480p", "720p", "1080p", "4K"), native=text(low=1)),
    "aspect_ratio": take(("size", "resolution"), _shape, native=oneof(*_RATIOS)),
    "quality": take(
        "quality",
        respelt(_QUALITIES, text(low=1), "quality"),
    ),
    "audio": extra(boolean()),
    "n": extra(integer(1)),
    "negative_prompt": extra(text()),
    "seed": extra(integer()),
    "user": extra(text()),
    "provider_options": OPTIONS,
    "metadata": extra(mapping()),
}
VIDEO_EDIT: Table = {
    **VIDEO,
    "prompt": take("prompt", prompt_with_video),
    "input_video": take("video", clip(carried=False)),
    "input_video_b64": take(("input_video", "video"), clip(carried=True), native=Base64()),
}


def refuse(answer: Answer) -> Fault | None:
    """As OpenAI's; but no 5xx is sure of having cost nothing: it can come after 15 paid minutes."""
    fault = openai.refuse(answer)
    if fault is not None and not 400 <= answer.status < 500:
        return replace(fault, certain=False)
    return fault


def _ordered(body: Params) -> Ordered:
    duration = body.get("duration")
    return Ordered(
        body.get("resolution"),
        body.get("aspect_ratio"),
        None if duration is None else str(duration),
    )


_POLL = Poll(("/videos/{id}", "/video/generations/{id}"), read_poll)
_VIDEO = Operation(
    "/video/generations",
    VIDEO,
    read,
    _POLL,
    long=True,
    every=10.0,
    needs=("prompt",),
    ordered=_ordered,
)
_EDIT = replace(_VIDEO, table=VIDEO_EDIT)
_SYNCHRONOUS = {
    Capability.CHAT: {"*": openai.CHAT},
    Capability.EMBEDDING: {"*": openai.EMBEDDING},
}


def _videos(**changes: Any) -> dict[Capability, dict[str, Operation]]:
    video, edit = replace(_VIDEO, **changes), replace(_EDIT, **changes)
    return {
        **_SYNCHRONOUS,
        Capability.VIDEO: {"*": video},
        Capability.VIDEO_EDIT: {"*": edit},
        Capability.VIDEO_EXTENSION: {"*": edit},
    }


ROW = Translator(
    name="aigate.shop",
    page="https://aigate.shop",
    base_url="https://api.aigate.shop/v1",
    operations=_videos(),
    modes={"async": _videos(path="/videos", long=False)},
    refuse=refuse,
    queries={"models": Query("/models", openai.models), "balance": Query("/balance", balance)},
    min_read_timeout=960.0,  # "curl --max-time 900", and a minute for the way back
    link_lives=LINK_LIVES,
    submit_grace=2.0,  # refusals come at once, everything else after minutes
)
