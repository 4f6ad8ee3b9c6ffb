"""API in One (apiin.one): chat at once, everything else as a task that is asked after.

Source: the gateway's API page (https://apiin.one). What that page does not say and was seen
elsewhere is marked [E].
"""

from collections.abc import Mapping
from typing import Any

from translators.apiin_one_answers import read_submit, refuse, tasks
from translators.apiin_one_music import MUSIC, SPEECH
from translators.convert import (
    choice,
    image_tier,
    ratio,
    respelt,
    seconds,
    seconds_between,
    tier,
    whole,
)
from translators.core import Call, Capability, Operation, Ordered, Params, Translator
from translators.errors import MissingParameter, UnsupportedValue
from translators.fields import CALLBACK, DROP, MODEL, Field, Table, extra, take
from translators.files import hosted_url, hosted_urls, one_source, sources
from translators.specs import boolean, integer, loose, matching, number, oneof, text

# Streaming and thoughts are on unless one says otherwise (the page's chat parameters), which is not
# what OpenAI's clients expect: both are always said.
CHAT: Table = {
    "model": MODEL,
    "stream": take("stream", default=False),
    "include_thoughts": extra(boolean(), default=False),
    "reasoning_effort": take(
        "reasoning_effort",
        choice(
            {
                **dict.fromkeys(("none", "minimal", "low"), "low"),
                **dict.fromkeys(("medium", "high", "xhigh", "max"), "high"),
            }
        ),
    ),
}


def _quality(**openai: Any) -> Field:
    """Of OpenAI's words those that the model has, the others are dropped; any other word is the model's own.

    The page: "Quality level. Model-specific, e.g. medium/high for GPT Image".
    """
    known = dict.fromkeys(("auto", "low", "medium", "standard", "high", "hd"), DROP)
    return take("quality", respelt({**known, **openai}, text(low=1), "quality"))


IMAGE: Table = {
    "model": MODEL,
    "prompt": extra(text(5000, low=3)),
    "aspect_ratio": take(
        "size",
        ratio("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"),
        native=matching("[1-9][0-9]?:[1-9][0-9]?", "16:9"),
    ),
    "type": extra(text()),
    "resolution": extra(text()),
    "quality": _quality(),
    "input_urls": take(("image", "images"), hosted_urls),
    "negative_prompt": extra(text()),
    "seed": extra(number()),
    "callback_url": CALLBACK,
}

FLUX: Table = {
    **IMAGE,
    "type": extra(oneof("pro", "flex")),
    "resolution": take("size", image_tier("1K", "2K"), native=oneof("1K", "2K")),
}

GPT_IMAGE: Table = {
    **IMAGE,
    "quality": _quality(
        **dict.fromkeys(("low", "medium", "standard", "auto"), "medium"),
        **dict.fromkeys(("high", "hd"), "high"),
    ),
}
# "speed-quality controls": the other page, "Supported Models"; how they are spelt is the client's to know.
IDEOGRAM: Table = {
    **IMAGE,
    "quality": _quality(**{one: one for one in ("low", "medium", "standard", "high", "hd")}),
}

# "number | string": page, Video generation.
_DURATION = loose(number(1, 60), matching("[0-9]{1,2}", "whole seconds such as 5"))
# "Model-specific, e.g. 480p, 720p, 1080p": what a model has natively only its maker knows.
_RESOLUTION = text(low=1)
VIDEO: Table = {
    "model": MODEL,
    "prompt": extra(text(2500)),
    "image": take("input_reference", one_source(hosted_url)),
    "mode": extra(text()),
    "duration": take("seconds", seconds_between(1, 60), native=_DURATION),
    "aspect_ratio": take("size", ratio("1:1", "9:16", "16:9"), native=oneof("1:1", "9:16", "16:9")),
    "resolution": take("size", tier("480p", "720p", "1080p"), native=_RESOLUTION),
    "callback_url": CALLBACK,
}


def _target(value: Any, call: Call) -> Any:
    """The picture to modify: the first of [target, face], or the only one beside `face_image`."""
    found = sources(value, "image")
    most = 1 if call.params.get("face_image") is not None else 2
    if not 1 <= len(found) <= most:
        raise UnsupportedValue("image", f"{len(found)} files", "a target and a face")
    return hosted_url(found[0], call)


def _face(value: Any, call: Call) -> Any:
    """`face_image` itself, or the second picture of `image`."""
    if call.params.get("face_image") is not None:
        return one_source(hosted_url)(value, call)
    found = sources(value, "image")
    if len(found) < 2:
        raise MissingParameter("face_image")
    return hosted_url(found[1], call)


REMOVE_BG: Table = {
    "image": take("image", one_source(hosted_url)),
    "callback_url": CALLBACK,
}

FACE_SWAP: Table = {
    "image": take("image", _target),
    "face_image": take("image", _face),
    "target_index": extra(integer(0, 10)),
    "output_format": extra(oneof("jpeg", "png", "webp")),
    "callback_url": CALLBACK,
}

VIDEO_BG: Table = {
    "video": take("video", one_source(hosted_url)),
    "background_image": take((), one_source(hosted_url)),
    "callback_url": CALLBACK,
}

# The two upscalers' bodies are not on the page [E].
IMAGE_UPSCALE: Table = REMOVE_BG
VIDEO_UPSCALE: Table = {
    "video": take("video", one_source(hosted_url)),
    "callback_url": CALLBACK,
}


def _image(table: Table, *needs: str) -> Operation:
    return Operation(
        "/images/generations", table, read_submit, tasks(), every=3.0, needs=("prompt", *needs)
    )


def _images(*needs: str) -> Mapping[str, Operation]:
    return {
        "flux-2*": _image(FLUX, *needs),
        "gpt-image*": _image(GPT_IMAGE, *needs),
        "seedream*": _image({**IMAGE, "type": extra(oneof("text-to-image", "edit"))}, *needs),
        "ideogram-v4*": _image(IDEOGRAM, *needs),
        "ideogram*|imagen*": _image(IMAGE, *needs),
        "*": _image(IMAGE, *needs),
    }


def _ordered(body: Params) -> Ordered:
    said = (body.get(name) for name in ("resolution", "aspect_ratio", "duration"))
    return Ordered(*(None if one is None else str(one) for one in said))


def _video(**own: Field) -> Operation:
    return Operation(
        "/videos/generations",
        {**VIDEO, **own},
        read_submit,
        tasks(),
        needs=("prompt",),
        ordered=_ordered,
    )


def _tool(path: str, table: Table, *needs: str, every: float = 3.0) -> Operation:
    return Operation(
        path, table, read_submit, tasks(), every=every, needs=needs, ignores=("prompt",)
    )


# Seconds by model: Kling's from the page; Hailuo's strings [E]; the others' as their makers sell them.
VIDEOS: Mapping[str, Operation] = {
    "kling-3*": _video(
        mode=extra(oneof("std", "pro")),
        sound=extra(boolean()),
        duration=take("seconds", seconds_between(3, 15), native=loose(integer(3, 15))),
        # "with 4K quality support": the other page, "Supported Models".
        resolution=take("size", tier("480p", "720p", "1080p", "4K"), native=_RESOLUTION),
    ),
    "hailuo*": _video(
        duration=take("seconds", seconds(6, 10, write=whole), native=loose(oneof("6", "10"))),
        resolution=take("size", tier("768P", "1080P"), native=_RESOLUTION),
    ),
    "wan-2*": _video(duration=take("seconds", seconds(5, 10, 15), native=_DURATION)),
    "pixverse*": _video(
        duration=take("seconds", seconds(5, 8, 10), native=_DURATION),
        generate_audio_switch=extra(boolean()),
    ),
    "vidu*": _video(duration=take("seconds", seconds_between(1, 16), native=_DURATION)),
    "kling*": _video(sound=extra(boolean())),
    "seedance*": _video(generateAudio=extra(boolean())),
    "*": _video(),
}

_CHAT = Operation("/chat/completions", CHAT, open=True, mend=True, credits="credits_consumed")

ROW = Translator(
    name="apiin.one",
    page="https://apiin.one",
    base_url="https://apiin.one/api/v1",
    operations={
        Capability.CHAT: {"gemini*": _CHAT, "*": _CHAT},
        Capability.IMAGE: _images(),
        Capability.IMAGE_EDIT: {
            "remove-bg": _tool("/images/tools/remove-bg", REMOVE_BG, "image"),
            "face-swap": _tool("/images/tools/face-swap", FACE_SWAP, "image", "face_image"),
            "image-upscale": _tool("/images/tools/upscale", IMAGE_UPSCALE, "image"),
            **_images("input_urls"),
        },
        Capability.VIDEO: VIDEOS,
        Capability.VIDEO_EDIT: {
            "video-bg-remover": _tool("/videos/tools/bg-remover", VIDEO_BG, "video", every=5.0),
            "video-upscale": _tool("/videos/tools/upscale", VIDEO_UPSCALE, "video", every=5.0),
        },
        Capability.MUSIC: MUSIC,
        Capability.SPEECH: SPEECH,
    },
    refuse=refuse,
    rpm=60,  # the page's "429 rate_limit": 60 requests a minute by default
)
