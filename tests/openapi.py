"""Answers checked against OpenAI's published description of its API, where that is at hand.

The description is not part of this repository (github.com/openai/openai-openapi has it, as YAML; its
JSON is meant here). It is looked for in the file that OPENAI_OPENAPI names, and else beside the
checkout, in ../shared/openai/openapi.json. Where there is neither, `check` does nothing.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_BESIDE = Path(__file__).parent.parent.parent / "shared" / "openai" / "openapi.json"
_URN = "urn:openai"


def check(method: str, path: str, status: int, body: Any) -> None:
    """Raise AssertionError unless `body` is what OpenAI's description says of this answer.

    `path`: as it was requested, with or without /v1 and a query. An error is held against the
    envelope of errors; what the description does not know is not checked.
    """
    described = _description()
    if described is None:
        return
    if status >= 400:
        _valid("/components/schemas/ErrorResponse", body)
        return
    template = _template(path.partition("?")[0].removeprefix("/v1"), method, described)
    responses = described["paths"][template][method.lower()]["responses"] if template else {}
    if "application/json" in responses.get(str(status), {}).get("content", {}):
        inside = _escaped(template or "")
        _valid(
            f"/paths/{inside}/{method.lower()}/responses/{status}/content/application~1json/schema",
            body,
        )


def check_event(name: str, data: Any) -> None:
    """The same for one event of a stream, by the name of its schema."""
    if _description() is not None:
        _valid(f"/components/schemas/{name}", data)


def operation(method: str, path: str) -> Any:
    """What the description says of a request; None where it, or the description, is not there."""
    described = _description()
    template = described and _template(path.removeprefix("/v1"), method, described)
    return described["paths"][template][method.lower()] if template else None


def parameters(operation: Any) -> dict[str, set[str]]:
    """The names that an operation takes: of its query, and of its body by media type."""
    query = {one["name"] for one in operation.get("parameters", ()) if one.get("in") == "query"}
    content = operation.get("requestBody", {}).get("content", {})
    bodies = {kind: set(_members(one["schema"])) for kind, one in content.items()}
    return {"query": query, **bodies}


def _members(schema: Any) -> list[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _members(_description()["components"]["schemas"][name])
    inherited = [name for one in schema.get("allOf", ()) for name in _members(one)]
    return [*inherited, *schema.get("properties", ())]


def _valid(pointer: str, body: Any) -> None:
    validator = Draft202012Validator({"$ref": f"{_URN}#{pointer}"}, registry=_registry())
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
    assert not problems, "\n".join(problems)


@cache
def _description() -> Any:
    named = os.environ.get("OPENAI_OPENAPI")
    path = Path(named) if named else _BESIDE
    return _nullable(json.loads(path.read_bytes())) if path.is_file() else None


def _nullable(node: Any) -> Any:
    """3.0's `nullable: true`, which 3.1 has no more and the description still uses, as an alternative."""
    if isinstance(node, list):
        return [_nullable(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: _nullable(one) for name, one in node.items()}
    return {"anyOf": [made, {"type": "null"}]} if made.get("nullable") is True else made


@cache
def _registry() -> Registry[Any]:
    whole = Resource(contents=_description(), specification=DRAFT202012)
    return Registry().with_resource(_URN, whole)


def _template(path: str, method: str, described: Any) -> str | None:
    """The description's path that this one is, literal ones first."""
    for template in sorted(described["paths"], key=lambda one: one.count("{")):
        pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in described["paths"][template]:
            return str(template)
    return None


def _escaped(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
