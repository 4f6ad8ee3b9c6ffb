"""What clients may ask for: OpenAI's parameters, each row's native ones, right values and odd ones."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.places import Place
from translators import TRANSLATORS
from translators.core import Call, Capability, FormText, Source
from translators.fields import sources_of

PICTURE = "https://files.example/picture.png"
DATA = "data:image/png;base64,iVBORw0KGgo="
UPLOAD = Source(data=b"\x89PNG\r\n\x1a\n", mime="image/png")
KEY, CALLBACK = "sk-canary-key", "https://anygate.example/callbacks/job/secret"
# What OpenAI's endpoints serve themselves, and what they put under a request (proxy/endpoints).
HANDLED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("image", "image_edit", "image_variation"), frozenset(("n", "response_format"))
    ),
    "speech": frozenset(("response_format", "stream_format")),
    "transcription": frozenset(("response_format", "stream")),
}
DEFAULTS: Mapping[str, Mapping[str, str]] = {"video": {"size": "720x1280", "seconds": "4"}}

_words = st.sampled_from(["a red fox", "Füchse 🦊", "x", "yes, " * 30, "line\nline\r\n\x00\x1b"])
_files = st.sampled_from([PICTURE, DATA, UPLOAD, {"image_url": PICTURE}, [UPLOAD, PICTURE]])
_sizes = st.sampled_from(["1024x1024", "1280x720", "720x1280", "1792x1024", "auto", "1920x1080"])
_SECONDS = st.sampled_from(["4", "8", "12", 5, 10, "2.5"])
# Values that mean something, by the names that OpenAI and the gateways' pages give them.
RIGHT: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("prompt", "input", "text", "title", "style", "tags"), _words),
    **dict.fromkeys(("image", "images", "input_reference", "mask", "video", "file"), _files),
    **dict.fromkeys(("audio", "face_image", "background_image", "input_image"), _files),
    **dict.fromkeys(("image_url", "image_urls", "input_urls", "imageUrls", "imageUrl"), _files),
    **dict.fromkeys(("size", "image_size"), _sizes),
    **dict.fromkeys(("seconds", "duration", "duration_seconds", "n_frames"), _SECONDS),
    **dict.fromkeys(("durationSec", "durationMs"), st.sampled_from(["5", "10", 5000, 8])),
    "resolution": st.sampled_from(["480p", "720p", "1080p", "4K", "1K", "2K", "768P", "1088p"]),
    **dict.fromkeys(("aspect_ratio", "aspectRatio"), st.sampled_from(["16:9", "9:16", "21:9"])),
    "quality": st.sampled_from(["low", "medium", "high", "auto", "hd", "std", "standard"]),
    "voice": st.sampled_from(["alloy", "Rachel", {"id": "echo"}, "narrator"]),
    "messages": st.sampled_from(
        [
            [{"role": "user", "content": "Hello"}],
            [{"role": "system", "content": [{"type": "text", "text": "Be short"}]}],
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": DATA}}]}],
        ]
    ),
    "speed": st.sampled_from([1, 1.0, 0.7, 4]),
    "n": st.sampled_from([1, 2]),
    "stream": st.booleans(),
    "response_format": st.sampled_from([{"type": "json_object"}, "b64_json", "url"]),
    "stop": st.sampled_from(["\n", ["a", "b"]]),
    "background": st.sampled_from(["auto", "transparent"]),
    "dialogue": st.sampled_from([[{"text": "Hi", "voice": "Rachel"}], [{"text": "Hi"}]]),
    "generationType": st.sampled_from(["REFERENCE_2_VIDEO", "REFERENCE"]),
    **dict.fromkeys(("stability", "similarity_boost", "prompt_influence"), st.floats(0, 1)),
    "seed": st.integers(0, 2**40),
}
_COMMON = ("prompt", "input", "image", "video", "input_reference", "size", "seconds", "quality")
_COMMON += ("n", "voice", "messages", "user", "metadata", "tools", "temperature", "file", "style")
# JSON as orjson reads it: whole numbers of 64 bits, everything beyond as a float.
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]),
    st.sampled_from([0.5, -0.0, 1e23, 1e308, -1e308, 1.0, 10.0, 5e-324]),
    st.sampled_from(["", " ", "\x00", "auto", "0", "-1", "1e999", "nan", "inf", "١٢", "9" * 400]),
    st.sampled_from(["https://", "http://[", "data:,", "data:image/png;base64,é", "x" * 6000]),
    st.text(max_size=6),
)
JSON = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["text", "url", "image_url", "id", "é"]), inner, max_size=3
        ),
    ),
    max_leaves=5,
)
_forms = st.sampled_from(
    ["", "[" * 500 + "]" * 500, "5", "true", "1e23", "[1]", '{"text": "a"}', "null", "x", "16:9"]
)
ODD = st.one_of(JSON, _forms.map(FormText), st.just(UPLOAD), st.lists(st.just(UPLOAD), max_size=2))


def natives(place: Place, model: str) -> tuple[str, ...]:
    """The parameters that an operation understands."""
    row = TRANSLATORS[place.row]
    found = row.operation(model, place.capability, place.mode)
    return () if found is None else tuple(sorted(sources_of(found.table)))


def call(
    place: Place,
    model: str,
    params: Mapping[str, Any],
    *,
    options: Mapping[str, Any] | None = None,
    key: str = KEY,
    hook: str | None = None,
) -> Call:
    """The call that the proxy makes of a request, OpenAI's defaults under it."""
    return Call(
        place.capability,
        model,
        {**DEFAULTS.get(place.capability, {}), **params},
        given=frozenset(params),
        options=options or {},
        key=key,
        callback=hook,
    )


def forbidden(place: Place, model: str) -> st.SearchStrategy[dict[str, Any]]:
    """Values under the names of what no client may set, and of what one may."""
    found = TRANSLATORS[place.row].operation(model, place.capability, place.mode)
    table = () if found is None else tuple(found.table)
    names = st.sampled_from(("model", "apiKey", "key", "base_url", "url", "path", *table))
    return st.dictionaries(names, JSON.filter(lambda one: one is not None), max_size=2)


@st.composite
def params(draw: st.DrawFn, place: Place, model: str) -> dict[str, Any]:
    """Mostly right values under names that the target or OpenAI knows, some odd ones among them."""
    names = (*natives(place, model), *_COMMON)
    picked = draw(st.lists(st.sampled_from(names), max_size=5, unique=True))
    needed = _needed(place.capability)
    made: dict[str, Any] = {name: draw(RIGHT[name]) for name in needed if draw(st.integers(0, 9))}
    for name in picked:
        known = RIGHT.get(name)
        odd = known is None or draw(st.integers(0, 2)) == 0
        made[name] = draw(ODD if odd or known is None else known)
    plain = _takes_json_only(place, model)
    return {
        name: value
        for name, value in made.items()
        if not (value is None or (plain and _form(value)))
    }


def _takes_json_only(place: Place, model: str) -> bool:
    """Whether the endpoint reads no forms: what passes through, but for transcriptions."""
    found = TRANSLATORS[place.row].operation(model, place.capability, place.mode)
    return found is not None and found.read is None and not found.form


def _form(value: Any) -> bool:
    """Whether only a form brings such a value."""
    if isinstance(value, dict | list):
        return any(map(_form, value.values() if isinstance(value, dict) else value))
    return isinstance(value, FormText | Source)


def _needed(capability: Capability) -> tuple[str, ...]:
    kinds: Mapping[str, tuple[str, ...]] = {
        "chat": ("messages",),
        "speech": ("input", "voice"),
        **dict.fromkeys(("sound", "music"), ("input",)),
        "image_edit": ("prompt", "image"),
        "image_variation": ("image",),
        **dict.fromkeys(("video_edit", "video_extension"), ("prompt", "video")),
        **dict.fromkeys(("transcription", "translation"), ("file",)),
    }
    return kinds.get(capability, ("prompt",))
