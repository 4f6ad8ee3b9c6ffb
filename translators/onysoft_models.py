"""Onysoft's models: which one a short name means, and where pictures go.

Source: Onysoft's page "Content Generation API", "Supported Models" and "i2i / i2v Models".
"""

from collections.abc import Mapping
from typing import Any

from translators.core import Call, Capability, Params
from translators.errors import MissingParameter, UnsupportedEndpoint, UnsupportedParameter
from translators.fields import ABSENT, DROP, Convert, Table, take
from translators.files import inline, one_source

MAX_REQUEST = 10_000_000  # "Maximum total request size: 10 MB"
REFERENCES = ("input_reference", "image", "images")
NATIVE = (
    *("image_url", "image_urls", "input_urls", "image_input", "reference_image_urls"),
    *("first_frame_url", "imageUrl", "imageUrls"),
)

# Short name → endpoint → (model without a picture, model with one); only what the page lists, or
# what follows its naming.
Pair = tuple[str | None, str | None]
FAMILIES: Mapping[str, Mapping[str, Pair]] = {
    "sora-2": {"video": ("sora-2-text-to-video", "sora-2-image-to-video")},
    "sora-2-pro": {"video": ("sora-2-pro-text-to-video", "sora-2-pro-image-to-video")},
    "kling-2.6": {"video": ("kling-2.6/text-to-video", "kling-2.6/image-to-video")},
    "kling/v2-5-turbo": {
        "video": (
            "kling/v2-5-turbo-text-to-video-pro",
            "kling/v2-5-turbo-image-to-video-pro",
        )
    },
    "hailuo/2-3": {"video": (None, "hailuo/2-3-image-to-video-pro")},
    "hailuo/2-3-pro": {"video": (None, "hailuo/2-3-image-to-video-pro")},
    "hailuo/2-3-standard": {"video": (None, "hailuo/2-3-image-to-video-standard")},
    "wan/2-6": {"video": ("wan/2-6-text-to-video", "wan/2-6-image-to-video")},
    "wan/2-6-flash": {"video": (None, "wan/2-6-flash-image-to-video")},
    "wan/2-7": {
        "video": ("wan/2-7-text-to-video", "wan/2-7-image-to-video"),
        "image": ("wan/2-7-image-pro", None),
    },
    "grok-imagine": {
        "video": ("grok-imagine/text-to-video", "grok-imagine/image-to-video"),
        "image": ("grok-imagine/text-to-image", "grok-imagine/image-to-image"),
    },
    "flux-2/pro": {"image": ("flux-2/pro-text-to-image", "flux-2/pro-image-to-image")},
    "flux-2/flex": {"image": ("flux-2/flex-text-to-image", "flux-2/flex-image-to-image")},
    "ideogram/v3": {"image": ("ideogram/v3-text-to-image", "ideogram/v3-edit")},
    "seedream/4.5": {"image": ("seedream/4.5-text-to-image", "seedream/4.5-edit")},
    "gpt-image/1.5": {"image": ("gpt-image/1.5-text-to-image", "gpt-image/1.5-image-to-image")},
    "gpt-image-2": {"image": ("gpt-image-2-text-to-image", "gpt-image-2-image-to-image")},
    "google/nano-banana": {"image": ("google/nano-banana", "google/nano-banana-edit")},
}


_PICTURES = frozenset((*REFERENCES, *NATIVE))


def family(model: str, capability: Capability, params: Params) -> str:
    """The native model: a short name's by endpoint and by whether the request brings a picture.

    Raises UnsupportedEndpoint where the family has none, and MissingParameter where a model that
    works on a picture gets none.
    """
    editing = capability is Capability.IMAGE_EDIT
    brought = editing or any(params[name] for name in _PICTURES & params.keys())
    offers = FAMILIES.get(model)
    if offers is not None:
        pair = offers.get(Capability.IMAGE if editing else capability, (None, None))
        if pair[brought] is None:
            kind = capability.replace("_", " ")
            how = f"{kind} {'with' if brought else 'without'} a picture" if any(pair) else kind
            raise UnsupportedEndpoint(f"'{model}' at onysoft does not offer {how}.", "model")
        return pair[brought] or model
    if "image-to-" in model and not brought and capability in (Capability.VIDEO, Capability.IMAGE):
        raise MissingParameter("input_reference" if capability is Capability.VIDEO else "image")
    return model


def native_name(call: Call) -> str | None:
    """The gateway's own name under which the client gives its pictures.

    Raises UnsupportedParameter for a second one: either's picture would be lost from a paid result.
    """
    said = [name for name in NATIVE if call.params.get(name)]
    if len(said) > 1:
        raise UnsupportedParameter(said[1], f"'{said[0]}' says it already")
    return said[0] if said else None


def _yielding(value: Any, call: Call) -> Any:
    """OpenAI's name for a picture is no field; where a native name wins over it, that is said."""
    return ABSENT if native_name(call) is None else DROP


def _general(*, many: bool) -> Convert:
    """One picture goes under `image_url`, several under `image_urls`; a name the client says wins."""
    own = "image_urls" if many else "image_url"

    def convert(value: Any, call: Call) -> Any:
        said = native_name(call)
        if said is not None:
            return (MANY if many else ONE)(value, call) if said == own else ABSENT
        links = MANY(value, call)
        if many != (len(links) > 1):
            return ABSENT
        return links if many else links[0]

    return convert


def pictures(name: str, convert: Convert) -> Table:
    """A model's own field for pictures; the general names may be said instead."""
    others = (one for one in ("image_urls", "image_url", *REFERENCES) if one != name)

    def converted(value: Any, call: Call) -> Any:
        native_name(call)
        return convert(value, call)

    return {name: take(tuple(others), converted), **YIELDING}


MANY = inline(MAX_REQUEST, many=True)
ONE = one_source(inline(MAX_REQUEST, many=False))
RATIOS = ("16:9", "9:16", "1:1")
YIELDING: Table = {name: take(name, _yielding) for name in REFERENCES}
ANY_PICTURES: Table = {
    "image_url": take(("image_urls", *REFERENCES), _general(many=False)),
    "image_urls": take(("image_url", *REFERENCES), _general(many=True)),
    **YIELDING,
}
