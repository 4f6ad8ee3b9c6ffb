"""What JSON schemas are made of (https://json-schema.org/draft/2020-12, as OpenAPI 3.1 takes them)."""

from collections.abc import Iterable, Mapping
from typing import Any

Schema = Mapping[str, Any]

ANY: Schema = {}
TEXT: Schema = {"type": "string"}
SPOKEN: Schema = {"type": "string", "pattern": r"\S"}  # not blank
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
TIME: Schema = {"type": "integer", "description": "Unix seconds."}
BYTES: Schema = {"type": "string", "format": "binary"}


def between(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def pattern(regex: str) -> Schema:
    return {"type": "string", "pattern": regex}


def one_of(values: Iterable[str | None]) -> Schema:
    """A string out of a list, or null where the list holds None."""
    found = sorted(values, key=lambda one: (one is None, one or ""))
    return {"enum": found} if None in found else {"type": "string", "enum": found}


def const(value: Any) -> Schema:
    return {"const": value}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def any_of(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def or_null(schema: Schema) -> Schema:
    return any_of(schema, {"type": "null"}) if schema else schema


def told(schema: Schema, description: str) -> Schema:
    """The schema with a description."""
    return {**schema, "description": description}


def ref(name: str, section: str = "schemas") -> Schema:
    return {"$ref": f"#/components/{section}/{name}"}


def closed(optional: Mapping[str, Schema] | None = None, /, **members: Schema) -> Schema:
    """An object with these members and no others."""
    return {**opened(optional, **members), "additionalProperties": False}


def opened(optional: Mapping[str, Schema] | None = None, /, **members: Schema) -> Schema:
    """An object with at least these members; `optional` ones may lack."""
    made: dict[str, Any] = {"type": "object", "properties": {**members, **(optional or {})}}
    return {**made, "required": list(members)} if members else made
