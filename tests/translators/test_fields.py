"""What tables are made of: where a native field's value comes from."""

from typing import Any

import pytest

from translators.core import Call, Capability
from translators.errors import (
    InvalidType,
)
from translators.fields import (
    ABSENT,
    CALLBACK,
    DROP,
    KEY,
    MODEL,
    OPTIONS,
    Table,
    build,
    const,
    extra,
    param_of,
    protected_in,
    sources_of,
    take,
)
from translators.specs import (
    integer,
    oneof,
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
