"""A value that a JSON Schema accepts: what a double's model puts into tool calls and JSON answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

DEPTH = 12  # recursive schemas end here


def sample(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """Return the plainest value of the keywords that structured outputs allow."""
    if not isinstance(schema, Mapping) or depth > DEPTH:
        return None
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(_resolve(schema["$ref"], root), root, depth + 1)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    for some in ("anyOf", "oneOf", "allOf"):
        if schema.get(some):
            return sample(schema[some][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    return _of_type(kind, schema, root, depth)


def _of_type(kind: str, schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: sample(part, root, depth + 1) for name, part in properties.items()}
    if kind == "array":
        item = sample(schema.get("items", {"type": "string"}), root, depth + 1)
        return [item] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        value = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        return min(value, schema["maximum"]) if "maximum" in schema else value
    words = "sandbox".ljust(schema.get("minLength", 0), ".")
    return {"boolean": True, "null": None, "string": words[: schema.get("maxLength")]}.get(kind)


def _resolve(ref: str, root: Any) -> Any:
    for part in ref.lstrip("#/").split("/") if ref != "#" else ():
        root = root.get(part.replace("~1", "/").replace("~0", "~"), {})
    return root


def schema_in(text: str) -> Any:
    """Return the JSON Schema that a prompt contains, or None."""
    start = text.find("{")
    while start >= 0:
        try:
            found = orjson.loads(_balanced(text, start))
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict) and ("type" in found or "properties" in found):
            return found.get("schema", found)
        if isinstance(found, dict) and isinstance(found.get("schema"), dict):
            return found["schema"]
        start = text.find("{", start + 1)
    return None


def _balanced(text: str, start: int) -> str:
    """Return the text from an opening brace to the one that closes it, strings respected."""
    depth, quoted, escaped = 0, False, False
    for index in range(start, len(text)):
        char = text[index]
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        else:
            depth += (char == "{") - (char == "}")
            if not depth:
                return text[start : index + 1]
    return text[start:]
