"""Looks at the bytes of chat answers: which need no mending."""

import json
from pathlib import Path
from typing import Any

import pytest

from translators.openai import chunk_fits, completion_fits, mend_chunk, mend_completion

GIVEN: dict[str, Any] = {"model": "m", "created": 7, "id": "chatcmpl-1"}


FOLDER = Path(__file__).parents[1] / "gateways" / "openai"


WHOLE = json.loads((FOLDER / "chat.json").read_text(encoding="utf-8"))["answer"]["body"]


CHUNK = json.loads((FOLDER / "chunk.json").read_text(encoding="utf-8"))["answer"]["body"]


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM = {"id": "b", "type": "custom", "custom": {"name": "f", "input": "x"}}


def choice(**changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hi", "refusal": None}
    return {
        "index": 0,
        "message": {**message, **changes.pop("message", {})},
        "logprobs": None,
        "finish_reason": "stop",
        **changes,
    }


def test_openais_own_answers_need_no_mending() -> None:
    assert completion_fits(WHOLE)
    calls = {"tool_calls": [CALL, CUSTOM]}
    assert completion_fits({**WHOLE, "choices": [choice(message=calls)]})
    assert chunk_fits(CHUNK)
    assert mend_completion(WHOLE, **GIVEN) == {
        **WHOLE,
        "choices": [
            {
                **WHOLE["choices"][0],
                "message": {
                    name: one
                    for name, one in WHOLE["choices"][0]["message"].items()
                    if name != "annotations"
                },
            }
        ],
    }
    assert mend_chunk(CHUNK, **GIVEN) == CHUNK


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "x"},
        {"created": 1.5},
        {"id": None},
        {"model": None},
        {"choices": None},
        {"choices": [7]},
        {"system_fingerprint": None},
        {"usage": None},
        {"usage": {"total_tokens": 1}},
        {"choices": [{}]},
        {"choices": [choice(index=None)]},
        {"choices": [choice(message={"role": "model"})]},
        {"choices": [choice(message={"content": []})]},
        {"choices": [choice(message={"tool_calls": None})]},
        {"choices": [choice(message={"tool_calls": [7]})]},
        {"choices": [choice(message={"tool_calls": [CALL | {"id": ""}]})]},
        {"choices": [choice(message={"tool_calls": [CALL | {"type": None}]})]},
        {"choices": [choice(message={"tool_calls": [CALL | {"function": {"name": "f"}}]})]},
        {"choices": [choice(message={"tool_calls": [CALL | {"type": "custom"}]})]},
    ],
)
def test_what_a_look_finds_lacking(changes: Any) -> None:
    assert not completion_fits({**WHOLE, **changes})


def test_a_look_at_every_member_that_must_be_there() -> None:
    for name in ("id", "object", "created", "model", "choices"):
        for body, look in ((WHOLE, completion_fits), (CHUNK, chunk_fits)):
            assert not look({key: one for key, one in body.items() if key != name})
    for name in choice():
        lacking = {key: one for key, one in choice().items() if key != name}
        assert not completion_fits({**WHOLE, "choices": [lacking]})
    for name in ("index", "delta", "finish_reason"):
        lacking = {key: one for key, one in CHUNK["choices"][0].items() if key != name}
        assert not chunk_fits({**CHUNK, "choices": [lacking]})


@pytest.mark.parametrize(
    "delta",
    [
        {"role": None},
        {"role": "model"},
        {"tool_calls": None},
        {"function_call": None},
        {"tool_calls": [{"id": "x"}]},
        {"tool_calls": [{"index": 0, "id": None}]},
        {"tool_calls": [{"index": 0, "function": {"name": None}}]},
    ],
)
def test_what_a_look_at_a_delta_finds_lacking(delta: Any) -> None:
    raw = {**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    assert not chunk_fits(raw)


def test_what_is_no_answer() -> None:
    for value in ([], None, "x", 1, {"error": {}}):
        assert not completion_fits(value)
        assert not chunk_fits(value)
