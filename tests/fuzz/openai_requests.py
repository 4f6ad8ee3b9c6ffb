"""Requests that OpenAI's published description allows, where that is at hand (tests/openapi.py)."""

import functools
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.wishes import PICTURE, UPLOAD
from tests.openapi import _description as description
from translators.core import FormText

Values = st.SearchStrategy[Any]

# The body of each capability's endpoint: as JSON, and as the form that the SDKs send.
BODIES: Mapping[str, tuple[str, ...]] = {
    "chat": ("CreateChatCompletionRequest",),
    "completion": ("CreateCompletionRequest",),
    "embedding": ("CreateEmbeddingRequest",),
    "moderation": ("CreateModerationRequest",),
    "image": ("CreateImageRequest",),
    "image_edit": ("CreateImageEditRequest", "EditImageBodyJsonParam"),
    "image_variation": ("CreateImageVariationRequest",),
    "video": ("CreateVideoMultipartBody", "CreateVideoJsonBody"),
    "video_edit": ("CreateVideoEditMultipartBody",),
    "video_extension": ("CreateVideoExtendMultipartBody",),
    **dict.fromkeys(("speech", "sound", "music"), ("CreateSpeechRequest",)),
    "transcription": ("CreateTranscriptionRequest",),
    "translation": ("CreateTranslationRequest",),
}
_FORMS = ("CreateImageEdit", "CreateImageVariation", "Multipart", "CreateTran")
_DEPTH = 5  # of what holds itself
_texts = st.sampled_from(["Hello", "Füchse 🦊, " * 9, "a\r\n\x00b", "x"])


def requests(capability: str) -> Values:
    """Parameters of a capability as its endpoint gives them on: without nulls, a form's as text."""
    return st.one_of([_body(name) for name in BODIES[capability]])


def _body(name: str) -> Values:
    as_form = any(part in name for part in _FORMS)
    made = schema(f"#/components/schemas/{name}", 0)
    return made.map(lambda body: _as_read(body, as_form))


def _as_read(body: Mapping[str, Any], as_form: bool) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if value is not None and name != "model"}
    if "images" in kept and "image" not in kept:
        kept["image"] = kept.pop("images")  # what a form calls one, OpenAI's JSON calls so
    return {name: _formed(value) if as_form else value for name, value in kept.items()}


def _formed(value: Any) -> Any:
    if isinstance(value, bool):
        return FormText(str(value).lower())
    if isinstance(value, list):
        return [_formed(one) for one in value]
    return FormText(value) if isinstance(value, str | int | float) else value


@functools.cache
def schema(reference: str, depth: int) -> Values:
    found: Any = description()
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return _values(found, depth + 1)


def _values(node: Mapping[str, Any], depth: int) -> Values:
    """The values of a schema; what is nested too deep is left to its first alternative."""
    if "$ref" in node:
        return schema(node["$ref"], depth)
    for word in ("anyOf", "oneOf"):
        if word in node:
            return _alternatives(node[word], depth)
    if "allOf" in node:
        return st.tuples(*(_values(one, depth) for one in node["allOf"])).map(_merged)
    if "enum" in node:
        return st.sampled_from(node["enum"])
    return _typed(node, depth)


def _alternatives(nodes: list[Any], depth: int) -> Values:
    if depth > _DEPTH:
        nodes = [one for one in nodes if one.get("type") in ("string", "null")] or nodes[:1]
    return st.one_of([_values(one, depth) for one in nodes])


def _merged(parts: tuple[Any, ...]) -> Any:
    if all(isinstance(one, dict) for one in parts):
        return {name: value for one in parts for name, value in one.items()}
    return parts[0]


def _typed(node: Mapping[str, Any], depth: int) -> Values:
    kind = node.get("type", "object" if "properties" in node else "any")
    if kind == "object":
        return _object(node, depth)
    if kind == "array":
        most = min(node.get("maxItems", 3), 3)
        least = min(node.get("minItems", 0), most)
        return st.lists(_values(node.get("items", {}), depth + 1), min_size=least, max_size=most)
    if kind == "string":
        return _string(node)
    low, high = node.get("minimum"), node.get("maximum")
    numbers: Mapping[str, Values] = {
        "integer": st.integers(-1000 if low is None else low, 2**40 if high is None else high),
        "number": st.floats(low, high, allow_nan=False, allow_infinity=False, width=32),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return numbers.get(kind, _texts)


def _string(node: Mapping[str, Any]) -> Values:
    if node.get("format") == "binary":
        return st.just(UPLOAD)
    if node.get("format") == "uri":
        return st.just(PICTURE)
    low, high = node.get("minLength", 0), node.get("maxLength", 32_000)
    return st.one_of(
        _texts.filter(lambda text: low <= len(text) <= high), st.just("x" * max(low, 1))
    )


def _object(node: Mapping[str, Any], depth: int) -> Values:
    properties: Mapping[str, Any] = node.get("properties", {})
    needed = [name for name in node.get("required", ()) if name in properties]
    others = sorted(properties.keys() - set(needed))

    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        most = 4 if depth < 3 else 1
        extra = (
            draw(st.lists(st.sampled_from(others), max_size=most, unique=True)) if others else []
        )
        found = {name: draw(_values(properties[name], depth + 1)) for name in (*needed, *extra)}
        if not properties and isinstance(node.get("additionalProperties"), dict):
            found["x"] = draw(_values(node["additionalProperties"], depth + 1))
        return found

    return made()
