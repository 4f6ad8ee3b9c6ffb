"""The part of JSON Schema that structured outputs use."""

from typing import Any

import pytest

from translators.schemas import misfit

TREE = {
    "type": "object",
    "properties": {
        "value": {"$ref": "#/$defs/value"},
        "children": {"type": "array", "items": {"$ref": "#"}},
    },
    "required": ["value"],
    "additionalProperties": False,
    "$defs": {"value": {"type": ["string", "null"]}, "a/b~c": {"type": "integer"}},
}

NESTED = {"properties": {"a": {"properties": {"b": {"items": {"type": "integer"}}}}}}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (1, True),
        (1, {}),
        (1, {"type": "integer"}),
        (1.0, {"type": "integer"}),
        (1.5, {"type": "number"}),
        ("", {"type": "string"}),
        (True, {"type": "boolean"}),
        (None, {"type": "null"}),
        (None, {"type": ["string", "null"]}),
        ([], {"type": "array"}),
        ({}, {"type": "object"}),
        ("a", {"enum": ["a", "b"]}),
        ([1], {"const": [1]}),
        (5, {"minimum": 5, "maximum": 5}),
        ([1, 2], {"minItems": 2, "maxItems": 2}),
        ({"a": 1, "b": 2}, {"properties": {"a": {"type": "integer"}}}),
        ({"b": 2}, {"additionalProperties": {"type": "integer"}}),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("x", {"oneOf": [{"type": "integer"}, {"type": "string"}]}),
        ("x", {"allOf": [{"type": "string"}, {"enum": ["x"]}]}),
        ({"value": "x", "children": [{"value": None, "children": []}]}, TREE),
        (1, {"$ref": "#/nowhere/at/all"}),
        (1, {"$ref": "#/$defs/a~1b~0c", **{"$defs": TREE["$defs"]}}),
        # Keywords with values of the wrong type say nothing.
        ([1], {"type": 7, "enum": 7, "required": 7, "minItems": "x", "anyOf": {}, "items": 7}),
        ({"a": 1}, {"type": [None, []], "properties": 7, "required": [[]]} | {"required": None}),
    ],
)
def test_what_fits(value: Any, schema: Any) -> None:
    assert misfit(value, schema) is None


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        (1, False, "$ is not allowed"),
        ("1", {"type": "integer"}, "$ must be of type integer"),
        (1.5, {"type": "integer"}, "$ must be of type integer"),
        (True, {"type": "integer"}, "$ must be of type integer"),
        (True, {"type": "number"}, "$ must be of type number"),
        (1, {"type": ["string", "null"]}, "$ must be of type string or null"),
        ([], {"type": "object"}, "$ must be of type object"),
        ("c", {"enum": ["a", "b"]}, "$ must be one of ['a', 'b']"),
        (True, {"enum": [1]}, "$ must be one of [1]"),
        (2, {"const": 1}, "$ must be 1"),
        (4, {"minimum": 5}, "$ is below minimum, 5"),
        (6, {"maximum": 5}, "$ is above maximum, 5"),
        ([], {"minItems": 1}, "$ is below minItems, 1"),
        ([1], {"maxItems": 0}, "$ is above maxItems, 0"),
        ({}, {"required": ["a"]}, "$.a is missing"),
        ({"b": 1}, {"additionalProperties": False}, "$.b is not allowed"),
        ({"b": 1}, {"additionalProperties": {"type": "string"}}, "$.b must be of type string"),
        ({"a": {"b": [1, "x"]}}, NESTED, "$.a.b[1] must be of type integer"),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "$ fits none of anyOf"),
        (1, {"oneOf": [{"type": "string"}]}, "$ does not fit exactly one of oneOf"),
        (1, {"oneOf": [{"minimum": 0}, {"maximum": 2}]}, "$ does not fit exactly one of oneOf"),
        (1, {"allOf": [{"type": "string"}]}, "$ must be of type string"),
        ({"value": 1}, TREE, "$.value must be of type string or null"),
        ({"value": "x", "children": [{}]}, TREE, "$.children[0].value is missing"),
        ({"value": "x", "more": 1}, TREE, "$.more is not allowed"),
    ],
)
def test_what_does_not_fit(value: Any, schema: Any, words: str) -> None:
    assert misfit(value, schema) == words


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    assert misfit(1, {"$ref": "#"}) == "$ is too deep to check"
    twice = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert misfit(1, twice) == "$ fits none of anyOf"
    many: dict[str, Any] = {"allOf": [{"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}] * 5}
    assert misfit([1] * 10, many) is not None
