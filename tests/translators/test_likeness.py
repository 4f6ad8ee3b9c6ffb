"""Chunks that differ in nothing but their words: what is taken for one is one."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.likeness import Likeness
from translators.looks import chunk_fits


def chunk(content: Any, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "word"}
    return {**head, "choices": [choice], **more}


def told(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def learned(content: str, **more: Any) -> Likeness:
    made = Likeness()
    made.learn(chunk(content, **more), told(chunk(content, **more)))
    return made


def test_other_words() -> None:
    made = learned("Hello")
    assert made.fits(told(chunk(" there, my friend")))
    assert made.fits(told(chunk("")))
    assert made.length == len(" there, my friend")


@pytest.mark.parametrize(
    "data",
    [
        told(chunk('a "quote"')),
        told(chunk("a\nline")),
        told(chunk("ein Wörtchen")),
        json.dumps(chunk("Wörtchen"), ensure_ascii=False, separators=(",", ":")).encode(),
        told(chunk("x", model="other")),
        told(chunk("x", id="chatcmpl-2")),
        told(chunk("x"))[:-1],
        told(chunk("x")) + b" ",
        told(chunk("x")).replace(b'"x"', b'"x","content":"y"'),
        told(chunk("x")).replace(b'"x"', b'"x\x00"'),
        told(chunk("x")).replace(b'"x"', b'"'),
        b"",
    ],
)
def test_what_is_new(data: bytes) -> None:
    assert not learned("Hello").fits(data)


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("word", {}),  # the model is called so, too: which of the two are the words?
        ("", {}),
        ("a\nb", {}),
        ("Hello", {"usage": {"total_tokens": 1}}),
        ("Hello", {"choices": []}),
    ],
)
def test_what_cannot_be_learned_from(content: str, more: dict[str, Any]) -> None:
    made = learned(content, **more)
    assert not made.fits(told(chunk(content, **more)))
    assert not made.fits(told(chunk("x", **more)))


@pytest.mark.parametrize("words", ["choices", "delta", "content", "?", "index", "id"])
def test_words_that_are_names_of_members(words: str) -> None:
    made = learned(words, note="?")
    assert not made.fits(told(chunk("x", note="y")))


def test_the_same_words_elsewhere() -> None:
    """The first place of the words is not the content: what varies there must not pass."""
    made = learned("chatcmpl-1")
    assert not made.fits(told(chunk("chatcmpl-1", id="another")))


def test_where_every_chunk_is_new_nothing_is_learned_for_long() -> None:
    made = Likeness()
    for number in range(10):
        one = chunk("Hello", obfuscation=str(number))
        assert not made.fits(told(one))
        made.learn(one, told(one))
    assert not made.fits(told(chunk("x", obfuscation="9")))


TEXT = st.text(max_size=8) | st.sampled_from(["word", "content", "null", "id", "?"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXT, TEXT, st.booleans(), st.binary(max_size=3), st.integers(0, 400))
def test_what_fits_is_complete_and_equal(
    first: str, second: str, ascii_only: bool, noise: bytes, at: int
) -> None:
    one = chunk(first)
    raw = json.dumps(one, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    made = Likeness()
    made.learn(one, raw)
    other = json.dumps(chunk(second), ensure_ascii=ascii_only, separators=(",", ":")).encode()
    for data in (other, other[:at] + noise + other[at:], other[:at] + other[at + 1 :]):
        if made.fits(data):
            parsed = orjson.loads(data)
            assert chunk_fits(parsed)
            parsed["choices"][0]["delta"]["content"] = first
            assert parsed == one
