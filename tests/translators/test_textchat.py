"""Texts as chat completions: stops, formats, chunks and estimated usage."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.errors import (
    InvalidType,
    MalformedReply,
)
from translators.textchat import (
    chunks,
    completion,
    cut_at_stop,
    fits,
    pieces,
    stops,
    tokens,
)

OBJECT = {"type": "json_object"}


TOP: dict[str, Any] = {"id": "chatcmpl-1", "created": 7, "model": "m"}


def schema(of: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": of, **more}}


@pytest.mark.parametrize(
    ("stop", "left"),
    [
        (None, ("one two three", False)),
        ("two", ("one ", True)),
        (["three", "two"], ("one ", True)),
        (["four"], ("one two three", False)),
        ("", ("one two three", False)),
        ([], ("one two three", False)),
        ("one", ("", True)),
    ],
)
def test_stops(stop: Any, left: tuple[str, bool]) -> None:
    assert cut_at_stop("one two three", stop) == left


def test_stops_are_strings() -> None:
    assert stops(("a", "", "b")) == ("a", "b")
    for value in (7, {}, [None]):
        with pytest.raises(InvalidType):
            stops(value)


@pytest.mark.parametrize(
    "answer",
    [
        '{"a": 1}',
        ' {"a": 1}\n',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}```',
        'Here you are:\n```JSON\r\n{"a": 1}\n```\nAnything else?',
        'Not this:\n```python\nprint(1)\n```\nbut\n```json\n{"a": 1}\n```',
    ],
)
def test_json_is_taken_out_of_its_fence(answer: str) -> None:
    assert fits(answer, OBJECT) == '{"a": 1}'
    assert fits(answer, schema({"type": "object", "required": ["a"]})) == '{"a": 1}'
    assert fits(answer, {"type": "text"}) == fits(answer, None) == answer


@pytest.mark.parametrize("answer", ["", "no", "```json\nno\n```", '{"a": 1', "[1]", "7", "null"])
def test_what_is_no_object(answer: str) -> None:
    with pytest.raises(MalformedReply):
        fits(answer, OBJECT)


def test_what_breaks_the_schema_is_named() -> None:
    wish = schema(
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    )
    assert fits('{"a": [1]}', wish) == '{"a": [1]}'
    with pytest.raises(MalformedReply, match=r"\$\.a\[1\] must be of type integer"):
        fits('{"a": [1, "x"]}', wish)


@pytest.mark.parametrize(("characters", "estimate"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_tokens_are_four_characters(characters: int, estimate: int) -> None:
    assert tokens(characters) == estimate


def test_a_completion() -> None:
    assert completion(["hi", "hello"], prompt_chars=9, **TOP) == {
        **TOP,
        "object": "chat.completion",
        "choices": [
            {
                "index": place,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
            for place, text in enumerate(["hi", "hello"])
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    }
    cut = completion(["x"], prompt_chars=0, finish="length", **TOP)
    assert cut["choices"][0]["finish_reason"] == "length"


def chunk(delta: Any, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**TOP, "object": "chat.completion.chunk", "choices": [choice], **more}


def test_chunks() -> None:
    begin = {"role": "assistant", "content": "", "refusal": None}
    assert list(chunks(["hi", ""], prompt_chars=9, **TOP)) == [
        chunk(begin),
        chunk({"content": "hi"}),
        chunk({}, "stop"),
        chunk(begin, index=1),
        chunk({}, "stop", index=1),
    ]
    assert list(chunks(["hi"], prompt_chars=9, include_usage=True, **TOP)) == [
        chunk(begin, usage=None),
        chunk({"content": "hi"}, usage=None),
        chunk({}, "stop", usage=None),
        {
            **TOP,
            "object": "chat.completion.chunk",
            "choices": [],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        },
    ]


def test_pieces_end_at_words() -> None:
    text = "The quick brown fox jumps over the lazy dog and then it sleeps.\n\nThe end."
    found = list(pieces(text))
    assert found == [
        "The quick brown fox jumps over the lazy dog and ",
        "then it sleeps.\n\nThe end.",
    ]
    assert list(pieces("x" * 100)) == ["x" * 100]
    assert list(pieces("")) == []


@given(st.text())
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
