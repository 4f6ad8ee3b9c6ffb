"""Answers held against OpenAI's published description, where a copy of it is at hand.

It is read from the file that the environment variable OPENAI_OPENAPI names, or else from
`../shared/openai/openapi.json` beside the checkout. Without either, checks pass unread.
"""

import functools
import json
import os
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_BESIDE = Path(__file__).parents[1].parent / "shared" / "openai" / "openapi.json"
_URI = "urn:openai"


def available() -> bool:
    """Whether there is a description to hold answers against."""
    return _document() is not None


def check(method: str, path: str, status: int, body: Any) -> None:
    """An answer of JSON: `path` as sent ("/v1/videos/video_1"). Any error is the error envelope."""
    document = _document()
    if document is None:
        return
    if status >= 400:
        _hold(_schema("ErrorResponse"), body, f"{method} {path} {status}")
        return
    template = _template(path.removeprefix("/v1"), method)
    pointer = ["paths", template, method.lower(), "responses", str(status)]
    pointer += ["content", "application/json", "schema"]
    _hold({"$ref": _pointer(*pointer)}, body, f"{method} {path} {status}")


def check_event(schema_name: str, data: Any) -> None:
    """One event's data, parsed: `check_event("CreateChatCompletionStreamResponse", {...})`."""
    if available():
        _hold(_schema(schema_name), data, schema_name)


def _schema(name: str) -> dict[str, str]:
    return {"$ref": _pointer("components", "schemas", name)}


def _pointer(*parts: str) -> str:
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in parts)
    # A fragment is percent-encoded: paths hold braces.
    return f"{_URI}#/" + "/".join(escaped).replace("{", "%7B").replace("}", "%7D")


def _hold(schema: dict[str, str], body: Any, what: str) -> None:
    error = best_match(_validator(schema["$ref"]).iter_errors(body))
    if error is not None:
        shown = json.dumps(body)[:2000]
        raise AssertionError(f"{what}: {error.json_path}: {error.message[:500]}\n{shown}")


@functools.cache
def _validator(reference: str) -> Draft202012Validator:
    resource = Resource.from_contents(_document(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_URI, resource)
    return Draft202012Validator({"$ref": reference}, registry=registry)


@functools.cache
def _document() -> Any:
    path = Path(os.environ.get("OPENAI_OPENAPI") or _BESIDE)
    if not path.is_file():
        return None
    return _nullable(json.loads(path.read_text()))


def _nullable(node: Any) -> Any:
    """3.0's `nullable: true`, which 3.1 has no more, as an alternative."""
    if isinstance(node, list):
        return [_nullable(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: _nullable(one) for name, one in node.items()}
    if made.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made


@functools.cache
def _template(path: str, method: str) -> str:
    for template, methods in _document()["paths"].items():
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template))
        if method.lower() in methods and re.fullmatch(pattern, path.partition("?")[0]):
            return str(template)
    raise AssertionError(f"the description has no {method} {path}")
