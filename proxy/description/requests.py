"""What the endpoints take: OpenAI's parameters as they are checked here, and the rows' native ones.

A parameter of which only its target knows what it may be has no type here.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.description.schemas import (
    ANY,
    BYTES,
    FLAG,
    NUMBER,
    OBJECT,
    SPOKEN,
    TEXT,
    WHOLE,
    Schema,
    any_of,
    array,
    between,
    one_of,
    opened,
    or_null,
    pattern,
    ref,
    told,
)
from proxy.endpoints import audio, chat_types, images
from translators import TRANSLATORS
from translators.core import Capability
from translators.fields import sources_of
from translators.plan import HINTS

_JSON, _FORM = "application/json", "multipart/form-data"
_NAME = re.compile(r"\w+")
_HINT = "A hint: left out, and named in x-anygate-dropped, where the target knows no such thing."
# The words of `chat_types`, as types.
_TYPES: Mapping[str, Schema] = {
    "a number": NUMBER,
    "an integer": WHOLE,
    "a boolean": FLAG,
    "a string": TEXT,
    "an array": {"type": "array"},
    "an object": OBJECT,
    "a string or an object": any_of(TEXT, OBJECT),
    "a string or an array of strings": any_of(TEXT, array(TEXT)),
}
_MESSAGE = opened(
    {"content": or_null(any_of(TEXT, array(ANY)))},
    role=TEXT,
)
_SIZE = pattern(r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4}|[^0-9].*)$")
_SECONDS = any_of(
    pattern(r"^[0-9]{1,4}(\.[0-9]{1,3})?$"),
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 86_400},
)
_FILE = ref("File")
_PROMPT = told(any_of(SPOKEN, OBJECT), "An object where the gateway takes one.")
_EVERY: Mapping[str, Schema] = {
    "model": told(TEXT, "A route, or `provider/model`; the config's default where it lacks."),
    "provider_options": told(OBJECT, "Merged into the native body last."),
}
_HOOK = told(TEXT, "Called when the job has ended, signed after Standard Webhooks.")


def _untyped(names: str) -> dict[str, Schema]:
    return dict.fromkeys(names.split(), ANY)


_PICTURE: Mapping[str, Schema] = {
    "n": between(1, images.MOST),
    "response_format": one_of(images.FORMATS),
    "stream": FLAG,
    "webhook_url": _HOOK,
    **_untyped("size user"),
}
_LOOKS = _untyped("quality background output_format output_compression partial_images moderation")
_VIDEO: Mapping[str, Schema] = {
    "prompt": _PROMPT,
    "seconds": _SECONDS,
    "size": _SIZE,
    "input_reference": _FILE,
    "webhook_url": _HOOK,
}
_REMAKE: Mapping[str, Schema] = {**_VIDEO, "video": ref("SourceVideo")}
_COMPLETION = (
    "best_of echo frequency_penalty logit_bias logprobs max_tokens n presence_penalty seed stop "
    "stream_options suffix temperature top_p user"
)
_RESPONSE = (
    "input instructions previous_response_id conversation include metadata max_output_tokens "
    "max_tool_calls parallel_tool_calls prompt reasoning background safety_identifier service_tier "
    "prompt_cache_key prompt_cache_options prompt_cache_retention store stream_options temperature "
    "text tool_choice tools top_logprobs top_p truncation user context_management moderation"
)

# Endpoint → what is required, and OpenAI's parameters.
_OWN: Mapping[str, tuple[tuple[str, ...], Mapping[str, Schema]]] = {
    "chat": (
        ("messages",),
        {
            **{name: _TYPES[kind[0]] for name, kind in chat_types.KINDS.items()},
            "messages": {**array(_MESSAGE), "minItems": 1},
            "tools": array(OBJECT),
            **_untyped("prompt_cache_options moderation"),
        },
    ),
    "image": (("prompt",), {"prompt": SPOKEN, "style": ANY, **_PICTURE, **_LOOKS}),
    "image_edit": (
        (),
        {
            **_untyped("prompt input_fidelity"),
            **dict.fromkeys(("image", "images", "mask"), _FILE),
            **_PICTURE,
            **_LOOKS,
        },
    ),
    "image_variation": (("image",), {"image": _FILE, **_PICTURE}),
    "video": (("prompt",), _VIDEO),
    "video_edit": (("video",), {**_REMAKE, "prompt": ANY}),
    "video_extension": (("video",), {**_REMAKE, "prompt": ANY}),
    "remix": (("prompt",), {**_VIDEO, "prompt": SPOKEN}),
    "speech": (
        ("input",),
        {
            **dict.fromkeys(sorted(audio.AROUND_INPUT), ANY),
            "input": SPOKEN,
            "voice": any_of(TEXT, OBJECT),
            "response_format": TEXT,
            "stream_format": TEXT,
            "webhook_url": _HOOK,
        },
    ),
    "transcription": (
        ("file",),
        {
            **dict.fromkeys(sorted(audio.AROUND_FILE), ANY),
            **_untyped("languages keywords"),
            "file": _FILE,
            "response_format": TEXT,
            "stream": FLAG,
            "webhook_url": _HOOK,
        },
    ),
    "translation": (("file",), {"file": _FILE, **_untyped("prompt response_format temperature")}),
    "completion": (("prompt",), {"prompt": ANY, "stream": FLAG, **_untyped(_COMPLETION)}),
    "embedding": (("input",), _untyped("input encoding_format dimensions user")),
    "moderation": (("input",), _untyped("input")),
    "response": ((), {"stream": FLAG, **_untyped(_RESPONSE)}),
    "job_image": (
        (),
        {
            "prompt": ANY,
            **dict.fromkeys(("image", "images", "mask"), _FILE),
            **_PICTURE,
            **_LOOKS,
        },
    ),
    "job_video": ((), {**_REMAKE, "prompt": _PROMPT}),
    "job_sound": ((), {**_untyped("prompt input"), "webhook_url": _HOOK}),
}


def body(
    endpoint: str, capabilities: Iterable[Capability], *, form: bool = False
) -> dict[str, Any]:
    """The requestBody of an endpoint that sends to targets with these capabilities.

    `form`: it takes multipart/form-data, too.
    """
    required, own = _OWN[endpoint]
    made: dict[str, Any] = {}
    for name, schema in {**own, **_EVERY}.items():
        shown = told(schema, _HINT) if name in HINTS and not schema else schema
        # A member that is null counts as one that lacks.
        made[name] = shown if name in required else or_null(shown)
    made |= {
        name: told(ANY, f"Native at {', '.join(rows)}.")
        for name, rows in sorted(_native(capabilities).items())
        if name not in made
    }
    content = {_JSON: {"schema": _object(made, required)}}
    if form:
        uploads = {name: _upload(one) for name, one in made.items()}
        content[_FORM] = {"schema": _object(uploads, required)}
    return {"required": True, "content": content}


def schemas() -> dict[str, Schema]:
    """What the bodies refer to."""
    link = told(TEXT, "A URL (http or https), or a base64 data URL.")
    object_ = any_of(*(opened(**{name: TEXT}) for name in ("image_url", "url", "video_url")))
    one = any_of(link, object_, opened(file_id=TEXT))
    return {
        "File": any_of(one, array(one)),
        "Upload": any_of(BYTES, array(BYTES), link),
        "SourceVideo": any_of(
            link, told(opened(id=TEXT), "A video made here."), opened(video_url=TEXT)
        ),
    }


def _object(members: Mapping[str, Schema], required: tuple[str, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": dict(members)}
    return {**made, "required": list(required)} if required else made


def _upload(schema: Schema) -> Schema:
    """The same member of a form, where a file stands for itself and nothing is null."""
    plain = schema["anyOf"][0] if {"type": "null"} in schema.get("anyOf", ()) else schema
    return ref("Upload") if plain in (_FILE, ref("SourceVideo")) else plain


def _native(capabilities: Iterable[Capability]) -> dict[str, list[str]]:
    """Parameter → the gateways that know it."""
    found: dict[str, list[str]] = {}
    for row in TRANSLATORS.values():
        tables = (row.operations.get(one, {}).values() for one in capabilities)
        names = {
            name
            for operations in tables
            for one in operations
            for name in (*sources_of(one.table), *one.accepts)
        }
        for name in filter(_NAME.fullmatch, names):
            found.setdefault(name, []).append(row.name)
    return found
