"""Conversations as one text, for gateways that know nothing else."""

from typing import Any

import pytest

from translators.core import Call, Capability
from translators.errors import (
    InvalidType,
    MissingParameter,
    TranslationError,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.textchat import (
    prompt_text,
    transcript,
)

OBJECT = {"type": "json_object"}


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def schema(of: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": of, **more}}


def test_a_lone_user_message_goes_verbatim() -> None:
    assert transcript([said("user", " 2+2?\n")]) == " 2+2?\n"
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert transcript([said("user", parts)]) == "a\nb"


def test_several_become_a_transcript() -> None:
    assert transcript(
        [
            said("developer", "Be brief."),
            said("user", "Hi"),
            said("assistant", [{"type": "refusal", "refusal": "No."}]),
            said("user", "Why?"),
        ]
    ) == ("System: Be brief.\n\nUser: Hi\n\nAssistant: No.\n\nUser: Why?\n\nAssistant:")


def test_an_answer_that_was_begun_is_continued() -> None:
    begun = [said("user", "Count."), said("assistant", "One, two,")]
    assert transcript(begun) == "User: Count.\n\nAssistant: One, two,"
    assert transcript([said("system", "x")]) == "System: x\n\nAssistant:"


def test_a_format_is_asked_for_in_words() -> None:
    asked = transcript([said("user", "hi")], OBJECT)
    assert asked.startswith("hi\n\nAnswer with JSON only")
    assert transcript([said("user", "hi")], {"type": "text"}) == "hi"
    wish = schema({"type": "object"}, description="a thing")
    asked = transcript([said("user", "hi"), said("user", "there")], wish)
    assert asked.startswith("User: hi\n\nUser: there\n\nSystem: Answer with JSON only")
    assert "It is: a thing" in asked
    assert asked.endswith('{"type":"object"}\n\nAssistant:')


@pytest.mark.parametrize(
    ("messages", "error", "param"),
    [
        ("hi", InvalidType, "messages"),
        ([], MissingParameter, "messages"),
        (["hi"], InvalidType, "messages[0]"),
        ([said("tool", "x")], UnsupportedValue, "messages[0].role"),
        ([said("user", "x"), said("function", "x")], UnsupportedValue, "messages[1].role"),
        ([{"content": "x"}], UnsupportedValue, "messages[0].role"),
        ([said("user", None)], InvalidType, "messages[0].content"),
        ([said("user", ["x"])], InvalidType, "messages[0].content[0]"),
        ([said("user", [{"type": "text"}])], InvalidType, "messages[0].content[0].text"),
        (
            [said("user", [{"type": "text", "text": "x"}, {"type": "image_url"}])],
            UnsupportedParameter,
            "messages[0].content[1]",
        ),
        ([said("user", [{"type": "input_audio"}])], UnsupportedParameter, "messages[0].content[0]"),
        ([said("user", [{"type": "file"}])], UnsupportedParameter, "messages[0].content[0]"),
        (
            [said("user", "x"), {**said("assistant", None), "tool_calls": [{}]}],
            UnsupportedParameter,
            "messages[1].tool_calls",
        ),
    ],
)
def test_what_has_no_place_in_a_text(
    messages: Any, error: type[TranslationError], param: str
) -> None:
    with pytest.raises(error) as refused:
        transcript(messages)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ("json", "response_format"),
        ({"type": "xml"}, "response_format.type"),
        ({}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        (schema("x"), "response_format.json_schema.schema"),
    ],
)
def test_formats_that_are_none(wish: Any, param: str) -> None:
    with pytest.raises(TranslationError) as refused:
        transcript([said("user", "x")], wish)
    assert refused.value.param == param


def test_the_converter_checks_what_is_applied_later() -> None:
    def asked(**params: Any) -> str:
        call = Call(Capability.CHAT, "text", params)
        return prompt_text([said("user", "hi")], call)

    assert asked(stop=["a"]) == "hi"
    assert "JSON" in asked(response_format=OBJECT)
    with pytest.raises(InvalidType, match="'stop'"):
        asked(stop=[7])
