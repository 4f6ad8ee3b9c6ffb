"""What the tests of /openapi.json share: a good request to every operation, and how answers are checked."""

import copy
import json
import re
from functools import cache
from typing import Any

import httpx
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi import checks as known

from proxy.description import description
from proxy.sandbox.assets import asset
from tests import openapi
from tests.harness import Proxy
from tests.wire import ended, posted

KEY = "sk-anygate-described"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    known.status_code_conformance,
    known.content_type_conformance,
    known.response_headers_conformance,
    known.response_schema_conformance,
    known.negative_data_rejection,
]
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
HELLO = [{"role": "user", "content": "Hello"}]
_SPEECH = {"input": "Hello", "voice": "alloy"}
_SOUND = {"file": ("talk.mp3", asset("mp3"), "audio/mpeg")}
_IMAGE = {"image": ("one.png", asset("png"), "image/png")}
_REMADE = {"prompt": "Snow", "video": {"id": "{id}"}}

Operation = tuple[str, str]

# What httpx sends, each with every kind of good answer that there is; "{id}" stands for a finished video.
ASKED: dict[Operation, list[dict[str, Any]]] = {
    ("post", "/v1/chat/completions"): [
        {"json": {"model": model, "messages": HELLO, **more}}
        for model in ("gpt-4o-mini", "chat-openai", "chat-text")
        for more in ({}, {"stream": True, "stream_options": {"include_usage": True}})
    ],
    ("post", "/v1/images/generations"): [
        {"json": {"model": "flux", "prompt": "A cat", **more}}
        for more in ({}, {"response_format": "url", "n": 2}, {"stream": True})
    ],
    ("post", "/v1/images/edits"): [
        {"data": {"model": "openai/gpt-image-1", "prompt": "Snow", **more}, "files": _IMAGE}
        for more in ({}, {"stream": "true"})
    ],
    ("post", "/v1/images/variations"): [
        {"data": {"model": "openai/dall-e-2", "size": "512x512"}, "files": _IMAGE}
    ],
    ("post", "/v1/videos"): [{"json": {"prompt": "A cat"}}, {"files": {"prompt": (None, "A")}}],
    ("get", "/v1/videos"): [{}, {"params": {"limit": 1, "order": "asc"}}],
    ("post", "/v1/videos/edits"): [{"json": {"model": "openai/sora-2", **_REMADE}}],
    ("post", "/v1/videos/extensions"): [
        {"json": {"model": "openai/sora-2", "seconds": "4", **_REMADE}}
    ],
    ("post", "/v1/videos/{id}/remix"): [{"json": {"prompt": "Snow"}}],
    ("get", "/v1/videos/{id}"): [{}],
    ("get", "/v1/videos/{id}/content"): [{}, {"headers": {"range": "bytes=0-9"}}],
    ("get", "/v1/jobs"): [{"params": {"kind": "video", "status": "completed"}}],
    ("post", "/v1/jobs/image"): [{"json": {"model": "flux", "prompt": "A cat"}}],
    ("post", "/v1/jobs/video"): [{"json": {"prompt": "A cat"}}],
    ("post", "/v1/jobs/speech"): [{"json": {"model": "ai-gate-one/voice", **_SPEECH}}],
    ("post", "/v1/jobs/sound"): [{"json": {"model": "ai-gate-one/sound", "prompt": "Rain"}}],
    ("post", "/v1/jobs/music"): [{"json": {"model": "apiin-one/suno", "prompt": "Rain"}}],
    ("get", "/v1/jobs/{id}"): [{}],
    ("get", "/v1/jobs/{id}/content"): [{}, {"headers": {"range": "bytes=-9"}}],
    ("delete", "/v1/jobs/{id}"): [{}],
    ("delete", "/v1/videos/{id}"): [{}],
    ("post", "/v1/audio/speech"): [
        {"json": {"model": model, **_SPEECH, **more}}
        for model in ("ai-gate-one/voice", "openai/gpt-4o-mini-tts")
        for more in ({}, {"stream_format": "sse"})
    ],
    ("post", "/v1/audio/transcriptions"): [
        {"data": {"model": "openai/whisper-1", **more}, "files": _SOUND}
        for more in ({}, {"response_format": "text"}, {"response_format": "vtt"})
    ]
    + [{"data": {"model": "openai/gpt-4o-transcribe", "stream": "true"}, "files": _SOUND}],
    ("post", "/v1/audio/translations"): [{"data": {"model": "openai/whisper-1"}, "files": _SOUND}],
    ("post", "/v1/completions"): [
        {"json": {"model": "openai/gpt-3.5-turbo-instruct", "prompt": "Hello", **more}}
        for more in ({}, {"stream": True})
    ],
    ("post", "/v1/embeddings"): [
        {"json": {"model": "openai/text-embedding-3-small", "input": "Hello"}}
    ],
    ("post", "/v1/moderations"): [
        {"json": {"model": "openai/omni-moderation-latest", "input": "Hello"}}
    ],
    ("post", "/v1/responses"): [
        {"json": {"model": "openai/gpt-4o", "input": "Hello", **more}}
        for more in ({}, {"stream": True})
    ],
    ("get", "/v1/providers"): [{}],
    ("get", "/v1/providers/{name}/balance"): [{}],
    ("get", "/v1/providers/{name}/prices"): [{}],
    ("get", "/v1/usage"): [{}, {"params": {"by": "day,kind", "since": "2026-01-31"}}],
    ("get", "/v1/models"): [{}],
    ("get", "/v1/models/{id}"): [{}],
    ("get", "/healthz"): [{}],
    ("get", "/readyz"): [{}],
    ("get", "/metrics"): [{}],
    ("get", "/openapi.json"): [{}],
    ("get", "/media/{name}"): [{}, {"headers": {"range": "bytes=0-9"}}],
    ("post", "/callbacks/{id}/{secret}"): [{"content": b"whatever"}],
}


def plain(path: str) -> dict[str, Any]:
    """The description of one path, to be changed at will. Its requests carry their key anyway; and
    schemathesis would have a stream's schema describe the events' fields, so that is `check_events`."""
    whole = description(keys=True)
    made = copy.deepcopy({**whole, "paths": {path: whole["paths"][path]}})
    for operation in made["paths"][path].values():
        operation.pop("security")
        content = operation["responses"].get("200", {}).get("content", {})
        if "text/event-stream" in content:
            content["text/event-stream"] = {}
    return made


@cache
def loaded(path: str) -> Any:
    return schemathesis.openapi.from_dict(plain(path))[path]


def finished_video(proxy: Proxy) -> str:
    """The id of a video that is there."""
    with proxy.http() as http:
        job = posted(http, "/v1/videos", model="openai/sora-2", prompt="A cat").json()["id"]
        assert ended(http, job)["status"] == "completed"
    return str(job)


def check(operation: Operation, answer: httpx.Response) -> None:
    """Raise where an answer is not what our description, or OpenAI's, says of it."""
    method, path = operation
    found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path), answer.request.url.path)
    assert found is not None, answer.request.url
    case = loaded(path)[method].Case(path_parameters=found.groupdict())
    answer.request.read()  # of a form httpx has sent, but not kept, what it holds
    case.validate_response(answer, checks=CHECKS)
    said = answer.headers.get("content-type", "")
    if "json" in said and path != "/openapi.json":
        openapi.check(method, answer.request.url.path, answer.status_code, answer.json())
    if "event-stream" in said:
        check_events(operation, answer.text)


def check_events(operation: Operation, text: str) -> None:
    """Every event of a stream is one of those that the description names."""
    method, path = operation
    good = description(keys=True)["paths"][path][method]["responses"]["200"]
    schema = good["content"]["text/event-stream"]["schema"]
    found = [one for one in re.findall("^data: (.*)$", text, re.MULTILINE) if one != "[DONE]"]
    assert found, text
    for event in found:
        fits(json.loads(event), schema)


def fits(value: Any, schema: Any) -> None:
    """Raise ValidationError where a value is not what a schema of the description allows."""
    components = description(keys=True)["components"]
    Draft202012Validator({**schema, "components": components}).validate(value)
