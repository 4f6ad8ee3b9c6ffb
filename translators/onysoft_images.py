"""The bodies of Onysoft's image models: the matrix, the first glob that matches wins.

The page's "Provider Parameter Mapping Matrix" with "Per-Model Required Parameters". Where it names no
field for pictures, they go under the general `image_url` (one) or `image_urls` (several), which
the gateway converts itself.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from translators.convert import choice, image_tier, ratio
from translators.core import Call
from translators.fields import ABSENT, MODEL, Convert, Field, Table, extra, take
from translators.onysoft_models import ANY_PICTURES, MANY, NATIVE, ONE, RATIOS, pictures
from translators.specs import boolean, oneof, text


def _or(convert: Convert, otherwise: Any) -> Convert:
    """For fields that a model demands: `size: "auto"` sends the default."""

    def converted(value: Any, call: Call) -> Any:
        made = convert(value, call)
        return otherwise if made is ABSENT else made

    return converted


def _resolution(*offered: str) -> Field:
    return take("size", image_tier(*offered), native=oneof(*offered))


_QUALITY = {**dict.fromkeys(("medium", "auto", "standard"), "standard"), "low": "low"}
_QUALITY |= dict.fromkeys(("high", "hd"), "high")

_IMAGE: Table = {
    "model": MODEL,
    "prompt": take("prompt", native=text()),
    "negative_prompt": extra(text()),
    "aspect_ratio": take("size", ratio(*RATIOS), native=oneof(*RATIOS)),
}
_TIERED: Table = {**_IMAGE, "resolution": _resolution("1K", "2K", "4K")}
_FLUX: Table = {**_IMAGE, "resolution": _resolution("1K", "2K")}
# quality and background: "used only with the gpt-image and seedream models".
_FINE: Table = {
    "quality": take("quality", choice(_QUALITY), native=oneof("high", "standard", "low")),
    "background": extra(oneof("transparent", "opaque", "auto")),
}
_SEEDREAM: Table = {**_IMAGE, "resolution": _resolution("2K"), **_FINE}
_GPT: Table = {**_TIERED, **_FINE}
_BANANA: Table = {
    **_IMAGE,
    "output_format": take(
        "output_format", choice({"png": "png", "jpeg": "jpg"}), native=oneof("png", "jpg")
    ),
    "image_size": extra(text()),
}

IMAGES: Mapping[str, Table] = {
    "seedream/*-edit": {**_SEEDREAM, **pictures("image_urls", MANY)},
    "seedream/*": _SEEDREAM,
    "flux-2/*-image-to-image": {**_FLUX, **pictures("input_urls", MANY)},
    "flux-2/*": _FLUX,
    "gpt-image-2-image-to-image": {
        **_GPT,
        "aspect_ratio": take(
            "size", _or(ratio(*RATIOS), "1:1"), native=oneof(*RATIOS), default="1:1"
        ),
        "resolution": take(
            "size",
            _or(image_tier("1K", "2K", "4K"), "1K"),
            native=oneof("1K", "2K", "4K"),
            default="1K",
        ),
        **pictures("input_urls", MANY),
    },
    "gpt-image*text-to-image": _GPT,
    # The page's two tables disagree on gpt-image's pictures: the general names, or as the client says.
    "gpt-image*": {**_GPT, **ANY_PICTURES, "input_urls": take((), MANY)},
    "google/nano-banana-edit": {**_BANANA, **pictures("image_urls", MANY)},
    "google/nano-banana-2*|google/nano-banana-pro*|nano-banana-*": {
        **_TIERED,
        **pictures("image_input", lambda value, call: MANY(value, call) if value != [] else []),
    },
    "google/nano-banana": _BANANA,
    "ideogram/v3-edit|ideogram/v3-remix": {
        **_IMAGE,
        **pictures("image_url", ONE),
        "mask_url": take("mask", ONE),
    },
    "ideogram/character*": {**_IMAGE, **pictures("reference_image_urls", MANY)},
    "ideogram/v3-text-to-image|google/imagen4*": _IMAGE,
    "grok-imagine/image-to-image": {
        **_IMAGE,
        **pictures("image_urls", MANY),
        "nsfw_checker": extra(boolean()),
    },
    "grok-imagine/text-to-image": _IMAGE,
    # Not wan/2-7-image-to-video, which makes videos.
    "wan/2-7-image|wan/2-7-image-[!t]*": {**_IMAGE, "resolution": _resolution("2K", "4K")},
    "*text-to-image*": _TIERED,
    "*image-to-image*": {**_TIERED, **ANY_PICTURES},
}
# For /v1/images/edits alone: an upscaler, whose page row names no prompt (the SDKs always send one).
UPSCALE: Mapping[str, Table] = {
    "topaz/*": {
        "model": MODEL,
        **pictures("image_url", ONE),
        "scale": extra(oneof(2, 4)),
    }
}
ANY_IMAGE: Table = {**_TIERED, **ANY_PICTURES}


def draws_only(model: str) -> bool:
    """Whether a model draws from words alone: its line of the matrix has no field for pictures."""
    for globs, table in IMAGES.items():
        if any(fnmatchcase(model, glob) for glob in globs.split("|")):
            return not any(name in table for name in NATIVE)
    return False
