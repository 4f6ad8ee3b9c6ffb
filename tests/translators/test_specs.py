"""The types and ranges of native fields."""

from typing import Any

import pytest

from translators.core import FormText
from translators.errors import (
    InvalidType,
    MissingParameter,
    TranslationError,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.specs import (
    Spec,
    anything,
    array,
    boolean,
    integer,
    loose,
    mapping,
    number,
    oneof,
    text,
)
from translators.spelling import from_text


@pytest.mark.parametrize(
    ("spec", "value", "parsed"),
    [
        (number(), 1.5, 1.5),
        (number(0, 1), 0, 0),
        (number(0, 1), 1, 1),
        (number(0, 1), FormText("0.5"), 0.5),
        (integer(), 7, 7),
        (integer(), 7.0, 7),
        (integer(500), 500, 500),
        (integer(), FormText("42"), 42),
        (text(), "", ""),
        (text(3), "abc", "abc"),
        (text(3, 1), "a", "a"),
        (text(), FormText("42"), "42"),
        (boolean(), False, False),
        (boolean(), FormText("true"), True),
        (boolean(), FormText("False"), False),
        (boolean(), FormText("1"), True),
        (boolean(), FormText("0"), False),
        (oneof("a", 5), 5, 5),
        (oneof("a", 5), FormText("5"), 5),
        (oneof(1), 1, 1),
        (loose(integer(3)), "5", 5),
        (loose(integer(3)), 5, 5),
        (loose(integer(3)), FormText("5"), 5),
        (loose(number()), "0.5", 0.5),
        (loose(number(), text()), "0.5", "0.5"),
        (loose(oneof("6", "10")), 6, "6"),
        (loose(oneof("6", "10")), 10.0, "10"),
        (loose(oneof("6", "10")), FormText("6"), "6"),
        (array(), (1, "x"), [1, "x"]),
        (array(integer()), [FormText("1"), 2], [1, 2]),
        (array(most=1), [1], [1]),
        (array(), FormText("[1, 2]"), [1, 2]),
        (mapping(), {"a": 1}, {"a": 1}),
        (mapping({"a": integer()}), {"a": FormText("1")}, {"a": 1}),
        (mapping(), FormText('{"a": 1}'), {"a": 1}),
        (array(), [FormText("1"), {"a": FormText("x")}], [1, {"a": "x"}]),
        (mapping(), {"a": FormText("0.65"), "b": {"c": FormText("2")}}, {"a": 0.65, "b": {"c": 2}}),
        (anything(), {"a": [FormText("true"), "true"]}, {"a": [True, "true"]}),
        (anything(), object, object),
        (anything(), FormText("[1]"), [1]),
        (anything(), FormText("word"), "word"),
    ],
)
def test_what_specs_take(spec: Spec, value: Any, parsed: Any) -> None:
    result = spec.parse("x", value)
    assert result == parsed
    assert type(result) is type(parsed)


@pytest.mark.parametrize(
    ("spec", "value", "error", "words"),
    [
        (number(), "1", InvalidType, "number"),
        (number(), True, InvalidType, "number"),
        (number(), FormText("x"), InvalidType, "number"),
        (number(0, 1), 1.01, UnsupportedValue, "0 to 1"),
        (number(0, 1), -0.01, UnsupportedValue, "0 to 1"),
        (number(None, 1), 2, UnsupportedValue, "at most 1"),
        (integer(500), 499, UnsupportedValue, "at least 500"),
        (integer(), 1.5, InvalidType, "integer"),
        (text(), 7, InvalidType, "string"),
        (text(3), "abcd", UnsupportedValue, "0 to 3 characters"),
        (text(None, 2), "a", UnsupportedValue, "2 to any number of characters"),
        (boolean(), "true", InvalidType, "boolean"),
        (boolean(), 1, InvalidType, "boolean"),
        (boolean(), FormText("yes"), InvalidType, "boolean"),
        (oneof("a", "b"), "c", UnsupportedValue, "a, b"),
        (oneof(1), True, UnsupportedValue, "1"),
        (loose(integer(3)), "five", InvalidType, "integer"),
        (loose(integer(3)), 5.5, InvalidType, "integer"),
        (loose(integer(3)), True, InvalidType, "integer"),
        (loose(integer(3)), [5], InvalidType, "integer"),
        (loose(integer(3)), "2", UnsupportedValue, "at least 3"),
        (loose(oneof("6", "10")), 8, UnsupportedValue, "6, 10"),
        (array(), "x", InvalidType, "array"),
        (array(), {}, InvalidType, "array"),
        (array(most=1), [1, 2], UnsupportedValue, "at most 1"),
        (array(text()), ["a", 1], InvalidType, r"x\[1\]"),
        (mapping(), [], InvalidType, "object"),
        (mapping({"a": text()}), {"b": 1}, UnsupportedParameter, r"x\.b"),
        (mapping({"a": text()}), {"a": 1}, InvalidType, r"x\.a"),
        (mapping(needs=("a",)), {}, MissingParameter, r"x\.a"),
    ],
)
def test_what_specs_refuse(
    spec: Spec, value: Any, error: type[TranslationError], words: str
) -> None:
    with pytest.raises(error, match=words):
        spec.parse("x", value)


@pytest.mark.parametrize(
    ("spec", "own", "another"),
    [
        (number(), 1, "1"),
        (text(), "a", 1),
        (boolean(), True, "true"),
        (oneof("high"), "high", "1024x1024"),
        (array(), [1], "a"),
        (mapping(), {}, "a"),
    ],
)
def test_whose_value_it_is(spec: Spec, own: Any, another: Any) -> None:
    assert spec.lists(own)
    assert not spec.lists(another)
    assert anything().lists(another)


@pytest.mark.parametrize(
    ("value", "spelt"),
    [("42", 42), ("true", True), ("null", None), ("[1]", [1]), ("word", "word"), ("", "")],
)
def test_a_forms_text(value: str, spelt: Any) -> None:
    assert from_text(FormText(value)) == spelt
