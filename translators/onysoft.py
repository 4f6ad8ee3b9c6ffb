"""Onysoft: one asynchronous backend behind five names, over KieAI's models.

Source: Onysoft's page "Content Generation API (Video / Image / Audio / Music)". The five endpoint
names do the same; each kind uses the one that the page recommends for it. What the page does not
say and was seen elsewhere is marked [E].
"""

from collections.abc import Mapping
from typing import Any

from translators.convert import size_of
from translators.core import (
    JSON,
    Call,
    Capability,
    Operation,
    Ordered,
    Params,
    Query,
    Translator,
)
from translators.errors import MissingParameter, UnsupportedEndpoint, UnsupportedValue
from translators.fields import ABSENT, DROP, MODEL, Table, const, take
from translators.onysoft_answers import SOUNDS, read_pictures, read_submit, refuse, status
from translators.onysoft_images import ANY_IMAGE, IMAGES, UPSCALE, draws_only
from translators.onysoft_models import MANY, MAX_REQUEST, NATIVE, family
from translators.onysoft_sounds import DIALOGUE, EFFECT, HEARD, MASHUP, SONG, SPOKEN
from translators.onysoft_videos import ANY_VIDEO, VIDEO_EDITS, VIDEOS
from translators.openai import models
from translators.specs import text


def _message(value: Any, call: Call) -> Any:
    """The prompt as one user message, with the pictures that came along as parts."""
    value = text(low=1).parse("prompt", value)
    said = call.params.get("image")
    if call.capability is not Capability.IMAGE_EDIT:
        return [{"role": "user", "content": value}]
    if said is None:
        raise MissingParameter("image")
    pictures = [{"type": "image_url", "image_url": {"url": one}} for one in MANY(said, call)]
    return [{"role": "user", "content": [{"type": "text", "text": value}, *pictures]}]


def _square(value: Any, call: Call) -> Any:
    """A chat has no field for sizes: these models draw squares, and another shape is not to be had."""
    size = size_of(value)
    if size is not None and size[0] != size[1]:
        raise UnsupportedValue("size", value, "auto, or a square such as 1024x1024")
    return ABSENT if size is None else DROP


PICTURED: Table = {
    "model": MODEL,
    "messages": take("prompt", _message),
    "stream": const(False),
    "size": take("size", _square),
}


def _ordered(body: Params) -> Ordered:
    """What is ordered; Sora's `size` and `n_frames` stand for resolution and seconds."""
    return Ordered(
        resolution=body.get("resolution") or body.get("size"),
        ratio=body.get("aspect_ratio"),
        seconds=_literal(body.get("duration") or body.get("n_frames")),
    )


def _literal(value: Any) -> str | None:
    return None if value is None else str(value)


def _video(table: Table, *needs: str) -> Operation:
    return Operation(
        "/video/generate",
        table,
        read_submit,
        status("video"),
        needs=("prompt", *needs),
        ordered=_ordered,
    )


def _image(table: Table, *needs: str, **own: Any) -> Operation:
    return Operation(
        "/image/generate", table, read_submit, status("image"), every=3.0, needs=needs, **own
    )


def _audio(
    kind: str, table: Table, *needs: str, every: float, ignores: tuple[str, ...] = ()
) -> Operation:
    return Operation(
        f"/{kind}/generate",
        table,
        read_submit,
        status(kind, SOUNDS),
        every=every,
        needs=needs,
        ignores=ignores,
    )


def _demanded(table: Table, capability: Capability) -> tuple[str, ...]:
    """What a model cannot do without: its own field for pictures, unless it draws from words as well."""
    own = [name for name in table if name in NATIVE]
    if capability is Capability.IMAGE_EDIT:  # without a picture it would be sold as a new one
        return ("prompt", "|".join(own))
    return ("prompt", *own) if len(own) == 1 and "image_input" not in own else ("prompt",)


def _images(capability: Capability) -> Mapping[str, Operation]:
    editing = capability is Capability.IMAGE_EDIT
    pictured = Operation(
        "/chat/completions",
        PICTURED,
        read_pictures,
        every=3.0,
        accepts=("image",),
        needs=("messages",),
    )
    upscale = {
        globs: _image(table, "image_url", ignores=("prompt",)) for globs, table in UPSCALE.items()
    }
    return {
        "gemini-*-image*": pictured,
        **(upscale if editing else {}),
        **{
            globs: _image(table, *_demanded(table, capability))
            for globs, table in IMAGES.items()
            if not editing or any(name in table for name in NATIVE)
        },
        "*": _image(ANY_IMAGE, *_demanded(ANY_IMAGE, capability)),
    }


def prices(body: Any) -> list[JSON]:
    """The models that have a price, each with its `id` and everything said about the price."""
    told = (
        {
            name: value
            for name, value in model.items()
            if name in ("id", "unit", "currency") or "pric" in name or "cost" in name
        }
        for model in models(body)
    )
    return [one for one in told if any("pric" in name or "cost" in name for name in one)]


def _family(model: str, capability: Capability, params: Params) -> str:
    native = family(model, capability, params)
    if capability is Capability.IMAGE_EDIT and draws_only(native):
        raise UnsupportedEndpoint(f"'{model}' at onysoft takes no picture.", "model")
    return native


_CHAT = Operation("/chat/completions", {"model": MODEL}, open=True, mend=True)
_NOT_SPOKEN = ("voice", "instructions")

ROW = Translator(
    name="onysoft",
    page="https://onysoft.com",
    base_url="https://api.onysoft.com/v1",
    operations={
        Capability.CHAT: {"gemini-*": _CHAT, "*": _CHAT},
        Capability.IMAGE: _images(Capability.IMAGE),
        Capability.IMAGE_EDIT: _images(Capability.IMAGE_EDIT),
        Capability.VIDEO: {
            **{globs: _video(table) for globs, table in VIDEOS.items()},
            "*": _video(ANY_VIDEO),
        },
        Capability.VIDEO_EDIT: {
            globs: _video(table, "videoUrl") for globs, table in VIDEO_EDITS.items()
        },
        Capability.SPEECH: {
            "elevenlabs/v3-text-to-dialogue*": _audio(
                "voice", DIALOGUE, "prompt|dialogue", every=2.0
            ),
            "elevenlabs/text-to-speech*": _audio("voice", SPOKEN, "prompt", every=2.0),
        },
        Capability.SOUND: {
            "elevenlabs/sound-effect*": _audio(
                "audio", EFFECT, "prompt", every=2.0, ignores=_NOT_SPOKEN
            ),
            "elevenlabs/audio-isolation*": _audio(
                "audio", HEARD, "audio_url", every=2.0, ignores=("prompt", "input", *_NOT_SPOKEN)
            ),
            "ai-music-api/sounds": _audio("music", SONG, "prompt", every=5.0, ignores=_NOT_SPOKEN),
        },
        Capability.MUSIC: {
            "suno-v*|suno-generate-lyrics|ai-music-api/generate": _audio(
                "music", SONG, "prompt", every=5.0, ignores=_NOT_SPOKEN
            ),
            "ai-music-api/mashup": _audio("music", MASHUP, every=5.0, ignores=_NOT_SPOKEN),
            "suno-*|ai-music-api/*": _audio("music", SONG, every=5.0, ignores=_NOT_SPOKEN),
        },
        Capability.TRANSCRIPTION: {
            "elevenlabs/speech-to-text*": _audio(
                "audio", HEARD, "audio_url", every=2.0, ignores=("prompt", "language")
            )
        },
    },
    refuse=refuse,
    family=_family,
    queries={"models": Query("/models", models), "prices": Query("/models", prices)},
    max_request=MAX_REQUEST,
)
