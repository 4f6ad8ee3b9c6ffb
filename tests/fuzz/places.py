"""Every operation of every row, with models that the doubles know."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from proxy.sandbox.onysoft_catalog import CATALOG
from translators import TRANSLATORS
from translators.core import Capability, Operation

_OPENAI: Mapping[str, tuple[str, ...]] = {
    "chat": ("gpt-4o-mini",),
    "completion": ("gpt-3.5-turbo-instruct",),
    "embedding": ("text-embedding-3-small",),
    "moderation": ("omni-moderation-latest",),
    "response": ("gpt-4o-mini",),
    "speech": ("gpt-4o-mini-tts",),
    "transcription": ("whisper-1",),
    "translation": ("whisper-1",),
    "image": ("gpt-image-1", "dall-e-3"),
    "image_edit": ("gpt-image-1",),
    "image_variation": ("dall-e-2",),
    "video": ("sora-2", "sora-2-pro"),
    "video_edit": ("sora-2",),
    "video_extension": ("sora-2",),
}
_AI_GATE: Mapping[str, tuple[str, ...]] = {
    "chat": ("text", "Free"),
    "image": ("NanoBanana",),
    "image_edit": ("NanoBananaEdit",),
    "video": ("Sora2", "Wan2_6", "Kling2_6", "Veo3_1Fast", "Veo3_1_Quality", "Hailuo2_3"),
    "speech": ("voice",),
    "sound": ("sound",),
}
_SHOP: Mapping[str, tuple[str, ...]] = {
    "chat": ("openai/gpt-4o-mini",),
    "embedding": ("openai/text-embedding-3-small",),
    "video": ("klingai/kling-v3.0-t2v", "openai/sora-2"),
    "video_edit": ("klingai/kling-v3.0-i2v",),
    "video_extension": ("klingai/kling-v3.0-i2v",),
}
_APIIN: Mapping[str, tuple[str, ...]] = {
    "chat": ("gemini",),
    "image": ("flux-2", "gpt-image-1.5", "ideogram-v4", "imagen-4", "seedream-4", "new"),
    "image_edit": (
        *("remove-bg", "face-swap", "image-upscale"),
        *("flux-2", "gpt-image-1.5", "ideogram-v3", "ideogram-v4", "seedream-4", "new"),
    ),
    "video": (
        *("kling-3", "hailuo-2.3", "wan-2.6", "vidu-q3", "pixverse-5.6"),
        *("kling-2", "seedance-1", "new"),
    ),
    "video_edit": ("video-bg-remover", "video-upscale"),
    "music": (
        *("suno", "chirp-v5", "minimax-music", "suno-extend", "suno-cover", "suno-upload-cover"),
        "suno-lyrics",
    ),
    "speech": ("elevenlabs-v3",),
}
_ONYSOFT_SOUNDS: Mapping[str, tuple[str, ...]] = {
    "chat": ("gpt-4o-mini",),
    "speech": ("elevenlabs/text-to-speech-multilingual-v2", "elevenlabs/v3-text-to-dialogue"),
    "sound": (
        *("elevenlabs/sound-effect-v2", "elevenlabs/audio-isolation"),
        "ai-music-api/sounds",
    ),
    "transcription": ("elevenlabs/speech-to-text",),
    "video_edit": ("runway_aleph",),
}
# Beside the catalogue: what the matrix has besides, and models that are not known yet.
_MORE_IMAGES = ("google/nano-banana", "gpt-image/1.5-image-to-image", "new-text-to-image")
_MORE_IMAGES += ("new-image-to-image", "new", "gemini-2.5-flash-image")
_MORE_VIDEOS = ("hailuo/2-3-text-to-video", "kling-2.5", "sora-2", "wan/2-7", "grok-imagine")
_NO_PICTURES = ("elevenlabs/", "suno-", "ai-music-api/", "topaz/", "runway_aleph")
_VIDEO = ("video", "sora", "veo", "runway", "kling", "hailuo")


def _onysoft() -> Mapping[str, tuple[str, ...]]:
    """The catalogue by kind; what is none of pictures and videos is named outright."""
    seen = [name for name in CATALOG if not name.startswith(_NO_PICTURES)]
    videos = tuple(name for name in seen if any(word in name for word in _VIDEO))
    images = tuple(name for name in seen if name not in videos)
    music = tuple(name for name in CATALOG if name.startswith(("suno-", "ai-music-api/")))
    return {
        **_ONYSOFT_SOUNDS,
        "image": (*images, *_MORE_IMAGES),
        "image_edit": (*images, *_MORE_IMAGES, "topaz/image-upscale"),
        "video": (*videos, *_MORE_VIDEOS, "new"),
        "music": tuple(name for name in music if name != "ai-music-api/sounds"),
    }


MODELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "openai": _OPENAI,
    "ai-gate.one": _AI_GATE,
    "aigate.shop": _SHOP,
    "apiin.one": _APIIN,
    "onysoft": _onysoft(),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A capability of a row, and models that offer it."""

    row: str
    capability: Capability
    models: tuple[str, ...]
    mode: str = "auto"

    def __str__(self) -> str:
        return f"{self.row}-{self.capability}-{self.mode}".removesuffix("-auto")


def places() -> Iterator[Place]:
    for row, kinds in MODELS.items():
        for mode in ("auto", *TRANSLATORS[row].modes):
            for kind, models in kinds.items():
                yield Place(row, Capability(kind), models, mode)


PLACES = tuple(places())


def operations() -> Iterator[tuple[Place, str, Operation]]:
    """Every place with each of its models' operations."""
    for place in PLACES:
        for model in place.models:
            found = TRANSLATORS[place.row].operation(model, place.capability, place.mode)
            if found is not None:
                yield place, model, found
