"""The bodies of Onysoft's video models: the matrix, the first glob that matches wins.

The page's "Provider Parameter Mapping Matrix" and "Sora 2 Parameters". Where it names no field for
pictures, they go under the general `image_url` (one) or `image_urls` (several). [E] marks what is
not on the page.
"""

from collections.abc import Mapping
from typing import Any

from translators.convert import ratio, seconds, size_of, tier, whole
from translators.core import Call
from translators.errors import MissingParameter
from translators.fields import ABSENT, MODEL, Table, extra, take
from translators.files import hosted_url, one_source, sources
from translators.onysoft_models import (
    ANY_PICTURES,
    MANY,
    ONE,
    RATIOS,
    REFERENCES,
    YIELDING,
    native_name,
    pictures,
)
from translators.specs import array, boolean, oneof, text

_REFERENCES = "REFERENCE_2_VIDEO"
_VEO_PICTURES = ("image_urls", "image_url", *REFERENCES)


def _is_reference(call: Call) -> bool:
    """Whether Veo makes a video after references, not from a first frame: several, or so said."""
    if native_name(call) == "imageUrls" or call.params.get("generationType") == _REFERENCES:
        return True
    said = next((v for n in _VEO_PICTURES if (v := call.params.get(n))), None)
    return said is not None and len(sources(said, "input_reference")) > 1


def _veo_references(value: Any, call: Call) -> Any:
    return MANY(value, call) if _is_reference(call) else ABSENT


def _veo_frame(value: Any, call: Call) -> Any:
    return ABSENT if _is_reference(call) else ONE(value, call)


def _veo_mode(value: Any, call: Call) -> Any:
    if call.params.get("generationType") is not None:
        oneof(_REFERENCES).parse("generationType", call.params["generationType"])
        if not any(call.params.get(name) for name in ("imageUrls", *_VEO_PICTURES)):
            raise MissingParameter("input_reference")
    return _REFERENCES if _is_reference(call) else ABSENT


def _orientation(value: Any, call: Call) -> Any:
    if "pro" in call.model and value in ("standard", "high"):
        return ABSENT  # Sora's own `size`, which says nothing of the ratio
    size = size_of(value)
    return ABSENT if size is None else "portrait" if size[1] > size[0] else "landscape"


def _sora_size(value: Any, call: Call) -> Any:
    """OpenAI's 1280x720 is "standard", 1792x1024 and beyond "high"."""
    size = size_of(value)
    return ABSENT if size is None else "high" if max(size) > 1280 else "standard"


_VIDEO: Table = {
    "model": MODEL,
    "prompt": take("prompt", native=text()),
    "negative_prompt": extra(text()),
    "aspect_ratio": take("size", ratio(*RATIOS), native=oneof(*RATIOS)),
    "duration": take("seconds", seconds(5, 6, 8, 10), native=oneof(5, 6, 8, 10)),
    "resolution": take("size", tier("720p", "1080p"), native=oneof("720p", "1080p")),
}
_HAILUO: Table = {**_VIDEO, "duration": take("seconds", seconds(6, 10), native=oneof(6, 10))}
_SORA: Table = {
    "model": MODEL,
    "prompt": take("prompt", native=text()),
    "aspect_ratio": take("size", _orientation, native=oneof("landscape", "portrait")),
    "n_frames": take("seconds", seconds(10, 15, write=whole), native=oneof("10", "15")),
    "negative_prompt": extra(text()),  # not among Sora's own, but of the general parameters
    "remove_watermark": extra(boolean()),
    "character_id_list": extra(array(text())),
}
_SORA_PRO: Table = {
    **_SORA,
    "size": take("size", _sora_size, native=oneof("standard", "high")),
}
_SORA_PICTURES = pictures("image_urls", MANY)

VIDEOS: Mapping[str, Table] = {
    "sora-2-pro-image-to-video*": {**_SORA_PRO, **_SORA_PICTURES},
    "sora-2-pro-*": _SORA_PRO,
    "sora-2-image-to-video*": {**_SORA, **_SORA_PICTURES},
    "sora-2-*": _SORA,
    "grok-imagine/image-to-video": {
        **_VIDEO,
        **pictures("image_urls", MANY),
        "mode": extra(text()),
    },
    "kling-*/image-to-video*|kling/*image-to-video*": {**_VIDEO, **pictures("image_url", ONE)},
    "hailuo/*image-to-video*": {**_HAILUO, **pictures("image_url", ONE)},
    "hailuo/*": _HAILUO,
    "wan/2-7-image-to-video": {
        **_VIDEO,
        **pictures("first_frame_url", ONE),
        "last_frame_url": take((), ONE),
    },
    # `audio` is required, and the page says no default: silent, which cannot cost more.
    "wan/2-6-flash-image-to-video": {
        **_VIDEO,
        **pictures("image_urls", MANY),
        "audio": extra(boolean(), default=False),
    },
    # Not runway_aleph, which edits videos.
    "runway_[!a]*": {**_VIDEO, **pictures("imageUrl", ONE)},
    "veo3*": {
        **_VIDEO,
        "image_url": take(("image_urls", *REFERENCES), _veo_frame),
        "imageUrls": take(_VEO_PICTURES, _veo_references),
        "generationType": take(("imageUrls", *_VEO_PICTURES), _veo_mode),
        **YIELDING,
    },
    "*text-to-video*": _VIDEO,
    "*image-to-video*|kling*": {**_VIDEO, **ANY_PICTURES},
}
ANY_VIDEO: Table = {**_VIDEO, **ANY_PICTURES}

# Video-to-video; the name of its video field is not on the page [E].
VIDEO_EDITS: Mapping[str, Table] = {
    "runway_aleph": {
        **_VIDEO,
        "videoUrl": take("video", one_source(hosted_url)),
        **pictures("imageUrl", ONE),
    }
}
