"""The part of JSON Schema that OpenAI's structured outputs use, checked without a dependency.

type, enum, const, properties, required, additionalProperties, items, minItems, maxItems, minimum,
maximum, anyOf, allOf, oneOf, and $ref within the schema. Other keywords, and known ones with values of
the wrong type, are passed over.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

# The schema is the client's: one that refers to itself in two branches must not take for ever.
_DEPTH = 100
_STEPS = 10_000  # and one for each byte of the value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _number,
    "integer": lambda value: _number(value) and float(value).is_integer(),
}


def misfit(value: Any, schema: Any) -> str | None:
    """The first thing in which a value breaks a schema, in words ("$.a[0] …"); `None` if it fits."""
    return _Check(schema, _STEPS + len(orjson.dumps(value))).problem(value, schema, "$", 0)


class _Check:
    """One value against one schema: knows the schema's root, for $ref, and the steps that are left."""

    def __init__(self, root: Any, steps: int) -> None:
        self._root = root
        self._steps = steps

    def problem(self, value: Any, schema: Any, at: str, depth: int) -> str | None:
        self._steps -= 1
        if schema is False:
            return f"{at} is not allowed"
        if not isinstance(schema, Mapping):
            return None
        if depth > _DEPTH or self._steps < 0:
            return f"{at} is too deep to check"
        return next(filter(None, self._problems(value, schema, at, depth)), None)

    def _problems(
        self, value: Any, schema: Mapping[str, Any], at: str, depth: int
    ) -> Iterator[str | None]:
        if isinstance(reference := schema.get("$ref"), str):
            yield self.problem(value, _resolve(reference, self._root), at, depth + 1)
        yield _mistyped(value, schema, at)
        yield _out_of_range(value, schema, at)
        yield from self._combined(value, schema, at, depth + 1)
        if isinstance(value, dict):
            yield from self._in_object(value, schema, at, depth + 1)
        if isinstance(value, list):
            for place, one in enumerate(value):
                yield self.problem(one, schema.get("items"), f"{at}[{place}]", depth + 1)

    def _combined(
        self, value: Any, schema: Mapping[str, Any], at: str, depth: int
    ) -> Iterator[str | None]:
        fitting = (self.problem(value, one, at, depth) is None for one in _list(schema, "anyOf"))
        if _list(schema, "anyOf") and not any(fitting):
            yield f"{at} fits none of anyOf"
        fitting = (self.problem(value, one, at, depth) is None for one in _list(schema, "oneOf"))
        if _list(schema, "oneOf") and sum(fitting) != 1:
            yield f"{at} does not fit exactly one of oneOf"
        for one in _list(schema, "allOf"):
            yield self.problem(value, one, at, depth)

    def _in_object(
        self, value: dict[str, Any], schema: Mapping[str, Any], at: str, depth: int
    ) -> Iterator[str | None]:
        for name in _list(schema, "required"):
            if name not in value:
                yield f"{at}.{name} is missing"
        properties = schema.get("properties")
        known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
        others = schema.get("additionalProperties")
        for name, one in value.items():
            yield self.problem(one, known.get(name, others), f"{at}.{name}", depth)


def _mistyped(value: Any, schema: Mapping[str, Any], at: str) -> str | None:
    wanted = schema.get("type")
    types = [wanted] if isinstance(wanted, str) else _list(schema, "type")
    checks = [_TYPES[one] for one in types if isinstance(one, str) and one in _TYPES]
    if checks and not any(check(value) for check in checks):
        return f"{at} must be of type {' or '.join(map(str, types))}"
    if isinstance(schema.get("enum"), list) and not any(
        _same(value, one) for one in schema["enum"]
    ):
        return f"{at} must be one of {schema['enum']}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{at} must be {schema['const']!r}"
    return None


def _out_of_range(value: Any, schema: Mapping[str, Any], at: str) -> str | None:
    size = value if _number(value) else len(value) if isinstance(value, list) else None
    least, most = ("minItems", "maxItems") if isinstance(value, list) else ("minimum", "maximum")
    if size is not None and _number(schema.get(least)) and size < schema[least]:
        return f"{at} is below {least}, {schema[least]}"
    if size is not None and _number(schema.get(most)) and size > schema[most]:
        return f"{at} is above {most}, {schema[most]}"
    return None


def _resolve(reference: str, root: Any) -> Any:
    """What "#/$defs/name" points at; a reference that leads nowhere allows everything."""
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def _list(schema: Mapping[str, Any], name: str) -> list[Any]:
    found = schema.get(name)
    return found if isinstance(found, list) else []


def _same(value: Any, one: Any) -> bool:
    # In JSON true is no 1, as it is in Python.
    return bool(value == one) and isinstance(value, bool) == isinstance(one, bool)
