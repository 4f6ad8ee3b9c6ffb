"""What tables are made of: where a native field's value comes from, and what it may be."""

from typing import Any

import pytest

from translators.core import Call, Capability, FormText
from translators.errors import (
    InvalidType,
    MissingParameter,
    TranslationError,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.fields import (
    ABSENT,
    CALLBACK,
    DROP,
    KEY,
    MODEL,
    OPTIONS,
    Spec,
    Table,
    anything,
    array,
    boolean,
    build,
    const,
    extra,
    from_text,
    integer,
    mapping,
    number,
    oneof,
    param_of,
    protected_in,
    sources_of,
    take,
    text,
)


def made(table: Table, callback: str | None = None, options: Any = None, **params: Any) -> Any:
    call = Call(
        Capability.VIDEO, "m", params, options=options or {}, key="secret", callback=callback
    )
    return build(table, call)


def test_constants_and_markers() -> None:
    table: Table = {
        "apiKey": KEY,
        "type": const("Video"),
        "modelName": MODEL,
        "callback_url": CALLBACK,
        "provider_options": OPTIONS,
    }
    assert made(table) == {"apiKey": "secret", "type": "Video", "modelName": "m"}
    assert made(table, callback="https://a/b", options={"x": 1}) == {
        "apiKey": "secret",
        "type": "Video",
        "modelName": "m",
        "callback_url": "https://a/b",
        "provider_options": {"x": 1},
    }
    assert made(table, apiKey="mine", type="Mine", modelName="x") == made(table)


def test_a_value_is_taken_and_converted() -> None:
    table: Table = {"durationSec": take("seconds", lambda value, call: f"{value}@{call.model}")}
    assert made(table, seconds=8) == {"durationSec": "8@m"}
    assert made(table) == {}
    assert made(table, seconds=None) == {}


def test_the_first_source_that_is_there() -> None:
    table: Table = {"text": take(("prompt", "input"), default="x")}
    assert made(table, input="b") == {"text": "b"}
    assert made(table, prompt="a", input="b") == {"text": "a"}
    assert made(table, prompt=None) == {"text": "x"}


def test_a_native_name_wins() -> None:
    table: Table = {"durationSec": take("seconds", lambda value, call: "derived", native=text())}
    assert made(table, seconds="8", durationSec="10") == {"durationSec": "10"}
    with pytest.raises(InvalidType, match="durationSec"):
        made(table, seconds="8", durationSec=10)


def test_a_native_name_without_a_spec_goes_through_the_converter() -> None:
    table: Table = {"text": take("input", lambda value, call: value.upper()), "plain": take("x")}
    assert made(table, text="a", plain=1) == {"text": "A", "plain": 1}


def test_a_name_that_openai_has_too_is_native_where_the_field_lists_the_value() -> None:
    table: Table = {"size": take("size", lambda value, call: "high", native=oneof("high", "low"))}
    assert made(table, size="low") == {"size": "low"}
    assert made(table, size="1792x1024") == {"size": "high"}


def test_converters_may_send_nothing_or_give_up() -> None:
    table: Table = {
        "a": take("a", lambda value, call: ABSENT),
        "b": take("b", lambda value, call: DROP),
    }
    assert made(table, a=1, b=1) == {"b": DROP}
    assert (repr(ABSENT), repr(KEY)) == ("ABSENT", "KEY")


def test_what_is_no_field() -> None:
    with pytest.raises(TypeError, match="no field"):
        made({"a": "literal"})  # type: ignore[dict-item]


def test_what_a_table_knows() -> None:
    table: Table = {
        "key": KEY,
        "type": const(1),
        "n": extra(integer()),
        "text": take(("prompt", "input")),
    }
    assert sources_of(table) == {"n", "text", "prompt", "input"}
    assert protected_in(table) == {"key", "type"}
    assert [param_of(table, name) for name in table] == ["key", "type", "n", "prompt"]


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
        (array(), (1, "x"), [1, "x"]),
        (array(integer()), [FormText("1"), 2], [1, 2]),
        (array(most=1), [1], [1]),
        (array(), FormText("[1, 2]"), [1, 2]),
        (mapping(), {"a": 1}, {"a": 1}),
        (mapping({"a": integer()}), {"a": FormText("1")}, {"a": 1}),
        (mapping(), FormText('{"a": 1}'), {"a": 1}),
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
