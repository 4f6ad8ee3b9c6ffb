"""aigate.shop: one long request a video (up to 15 minutes), chat and embeddings as OpenAI's.

Page: https://aigate.shop, "Video Generation". Base URL https://api.aigate.shop/v1, `Authorization: Bearer sk-…`.
What happens at `POST /videos` and to task ids is not on the page; the shapes read here are new-api's,
whose server this one seems to be.
"""

import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from translators import openai
from translators.aigate_shop_answers import LINK_LIVES, balance, read, read_poll
from translators.convert import choice, ratio, seconds_of, tier
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
from translators.errors import (
    Fault,
    InvalidType,
    MissingParameter,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.fields import DROP, MODEL, OPTIONS, Convert, Table, extra, take
from translators.files import inline, one_source
from translators.specs import boolean, integer, mapping, number, oneof, text

# Names for one and the same: the page has each of them once.
_PICTURES = (
    "input_image",
    "image_url",
    "image",
    "input_image_url",
    "input_image_b64",
    "prompt.image",
)
_CLIPS = ("input_video", "input_video_b64")
_OPTIONS = ("provider_options", "metadata")
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")
# Any file goes along as a data URL: the page names no limit.
_inline = one_source(inline(sys.maxsize, many=False))


@dataclass(frozen=True, slots=True)
class _Media:
    """A picture or video as the page has it: "URL, data URL, or another value supported by the model"."""

    def parse(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return text(low=1).parse(name, value)
        return _inline(value, Call(Capability.VIDEO, "", {}))

    def lists(self, value: Any) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Base64:
    """At least one byte, in base64."""

    def parse(self, name: str, value: Any) -> Any:
        try:
            if not base64.b64decode(text(low=1).parse(name, value), validate=True):
                raise ValueError("nothing in it")
        except InvalidType:
            raise
        except ValueError as exc:
            raise UnsupportedValue(name, value, "base64") from exc
        return str(value)

    def lists(self, value: Any) -> bool:
        return isinstance(value, str)


_SAID = mapping({"text": text(low=1), "image": _Media()}, ("text", "image"))


def _prompt(value: Any, call: Call) -> Any:
    """A string, or the page's `{text, image}`."""
    if isinstance(value, str):
        said, made = set(call.params), str(value)
    elif not isinstance(value, Mapping):
        raise InvalidType("prompt", "string or object {text, image}", value)
    else:
        said, made = {*call.params, "prompt.image"}, _SAID.parse("prompt", value)
    if call.options:
        said.add("provider_options")
    for names in (_PICTURES, _CLIPS, _OPTIONS):
        first, *more = [name for name in names if name in said] or [""]
        if more:
            raise UnsupportedParameter(more[0], f"'{first}' says it already")
    return made


def _unless(others: tuple[str, ...]) -> Convert:
    """A file as it goes along, unless one is given under a name of the gateway's own."""

    def convert(value: Any, call: Call) -> Any:
        return DROP if any(name in call.params for name in others) else _inline(value, call)

    return convert


def _prompt_with_video(value: Any, call: Call) -> Any:
    # Without its video an edit would be sold as a new clip.
    if not any(call.params.get(name) for name in ("video", "input_video", "input_video_b64")):
        raise MissingParameter("video")
    return _prompt(value, call)


def _duration(value: Any, call: Call) -> float:
    # Models differ, and the page names no values: any number passes.
    wanted = seconds_of(value)
    return int(wanted) if wanted == int(wanted) else max(wanted, 1)


VIDEO: Table = {
    "model": MODEL,
    "prompt": take("prompt", _prompt),
    "input_image": take("input_reference", _unless(_PICTURES), native=_Media()),
    "image_url": extra(_Media()),
    "image": extra(_Media()),
    "input_image_url": extra(_Media()),
    "input_image_b64": extra(_Base64()),
    "input_video": extra(_Media()),
    "input_video_b64": extra(_Base64()),
    "duration": take("seconds", _duration, native=number(1)),
    "resolution": take("size", tier("480p", "720p", "1080p", "4K"), native=text(low=1)),
    "aspect_ratio": take("size", ratio(*_RATIOS), native=oneof(*_RATIOS)),
    "quality": take(
        "quality",
        choice({"low": "draft", "medium": "std", "standard": "std", "high": "pro", "hd": "pro"}),
        native=oneof("draft", "std", "pro"),
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
    "prompt": take("prompt", _prompt_with_video),
    "input_video": take("video", _unless(_CLIPS), native=_Media()),
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
