"""The parts of chat answers: finish reasons, calls, usage, texts, log probabilities."""

import json
from pathlib import Path
from typing import Any

import pytest

from translators.openai import chunk_fits, completion_fits, mend_chunk, mend_completion

GIVEN: dict[str, Any] = {"model": "m", "created": 7, "id": "chatcmpl-1"}


FOLDER = Path(__file__).parents[1] / "gateways" / "openai"


WHOLE = json.loads((FOLDER / "chat.json").read_text(encoding="utf-8"))["answer"]["body"]


def choice(**changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hi", "refusal": None}
    return {
        "index": 0,
        "message": {**message, **changes.pop("message", {})},
        "logprobs": None,
        "finish_reason": "stop",
        **changes,
    }


def mended(*choices: Any, **top: Any) -> Any:
    made = mend_completion({"choices": list(choices), **top}, **GIVEN)
    assert completion_fits(made)
    return made


def mended_delta(delta: Any, **more: Any) -> Any:
    made = mend_chunk({"choices": [{"delta": delta, **more}]}, **GIVEN)
    assert chunk_fits(made)
    return made["choices"][0]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("eos", "stop"),
        ("stop_sequence", "stop"),
        ("whatever", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("error", "length"),
        ("tool_use", "tool_calls"),
        ("function_call", "function_call"),
        ("SAFETY", "content_filter"),
        ("content_filter", "content_filter"),
    ],
)
def test_finish_reasons(word: str, reason: str) -> None:
    assert mended(choice(finish_reason=word))["choices"][0]["finish_reason"] == reason
    assert mended_delta({}, finish_reason=word)["finish_reason"] == reason
    said = {**WHOLE, "choices": [choice(finish_reason=word)]}
    assert completion_fits(said) == (word == reason)


@pytest.mark.parametrize("word", [None, "", "null", 7, "FINISH_REASON_UNSPECIFIED"])
def test_no_finish_reason_yet(word: Any) -> None:
    assert mended(choice(finish_reason=word))["choices"][0]["finish_reason"] == "stop"
    assert mended_delta({}, finish_reason=word)["finish_reason"] is None


def test_tool_calls() -> None:
    custom = {"id": "y", "type": "custom", "custom": {"name": "c", "input": "i"}}
    calls = [
        {"function": {"name": "f", "arguments": {"a": 1}}, "extra_content": {"signature": "s"}},
        {"id": "x", "type": "tool", "function": {"name": "g", "arguments": None}},
        custom,
        7,
    ]
    made = mended({"message": {"tool_calls": calls}})["choices"][0]
    assert made["finish_reason"] == "tool_calls"
    assert made["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {
                "id": "call_chatcmpl-1_0",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a":1}'},
                "extra_content": {"signature": "s"},
            },
            {"id": "x", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            custom,
        ],
    }
    old = mended({"message": {"function_call": {"name": "f"}, "annotations": [{}]}})["choices"][0]
    assert old["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert old["message"]["annotations"] == [{}]


def test_tool_calls_in_a_stream() -> None:
    delta = {
        "role": None,
        "content": None,
        "tool_calls": [
            {"id": None, "type": "tool", "function": {"name": None, "arguments": {"a": 1}}},
            {"index": 4, "id": "x", "function": None, "extra_content": {"signature": "s"}},
        ],
        "function_call": {"name": "f", "arguments": None},
    }
    assert mended_delta(delta)["delta"] == {
        "content": None,
        "tool_calls": [
            {"index": 0, "type": "function", "function": {"arguments": '{"a":1}'}},
            {"index": 4, "id": "x", "extra_content": {"signature": "s"}},
        ],
        "function_call": {"name": "f"},
    }


@pytest.mark.parametrize(
    ("usage", "whole"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2}, (1, 2, 3)),
        ({"input_tokens": 1, "output_tokens": 2, "total_tokens": 9}, (1, 2, 9)),
        ({"prompt_tokens": 1.0, "completion_tokens": None, "total_tokens": "x"}, (1, 0, 1)),
        ({}, (0, 0, 0)),
    ],
)
def test_usage(usage: Any, whole: tuple[int, int, int]) -> None:
    for made in (mended(choice(), usage=usage), mend_chunk({"usage": usage}, **GIVEN)):
        found = made["usage"]
        assert (
            found["prompt_tokens"],
            found["completion_tokens"],
            found["total_tokens"],
        ) == whole


def test_usage_details_lose_their_nulls() -> None:
    usage = {"prompt_tokens_details": {"cached_tokens": None}, "completion_tokens_details": None}
    assert mended(choice(), usage=usage)["usage"] == {
        "prompt_tokens_details": {},
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
    }
    assert mend_chunk({"choices": [], "usage": []}, **GIVEN)["usage"] is None


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, 7, {"text": "b"}]
    assert mended({"message": {"content": parts}})["choices"][0]["message"]["content"] == "ab"
    assert mended_delta({"content": parts})["delta"] == {"content": "ab"}
    assert mended({"message": {"content": 7}})["choices"][0]["message"]["content"] == "7"


LINK = "https://a/1.png"
PICTURED = {"type": "image_url", "image_url": {"url": LINK}}


@pytest.mark.parametrize(
    ("part", "moved"),
    [
        (PICTURED, PICTURED),
        ({"type": "image_url", "image_url": LINK}, PICTURED),
        ({"type": "output_image", "url": LINK}, PICTURED),
        (
            {"inline_data": {"mime_type": "image/webp", "data": "eA=="}},
            {"type": "image_url", "image_url": {"url": "data:image/webp;base64,eA=="}},
        ),
        (
            {"type": "image", "source": {"type": "base64", "data": "eA=="}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
        ),
        ({"type": "video_url", "video_url": {"url": LINK}}, None),
        ({"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}}, None),
    ],
)
def test_a_picture_among_the_parts_is_kept_beside_the_words(part: Any, moved: Any) -> None:
    moved = moved or part
    content = [{"type": "text", "text": "here"}, part]
    message = mended({"message": {"content": content}})["choices"][0]["message"]
    assert (message["content"], message["images"]) == ("here", [moved])
    assert mended_delta({"content": content})["delta"] == {"content": "here", "images": [moved]}
    beside = mended_delta({"content": content, "images": [PICTURED]})["delta"]
    assert beside["images"] == [PICTURED, moved]


def test_what_was_thought_is_no_picture() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert mended_delta({"content": [thought]})["delta"] == {"content": ""}


def test_logprobs() -> None:
    token = {"token": "a", "logprob": -1.0}
    given = {"content": [{**token, "top_logprobs": [token, 7]}, {}, 7], "refusal": [token]}
    whole = {**token, "bytes": None}
    assert mended(choice(logprobs=given))["choices"][0]["logprobs"] == {
        "content": [
            {**whole, "top_logprobs": [whole]},
            {"token": "", "logprob": 0.0, "bytes": None, "top_logprobs": []},
        ],
        "refusal": [{**whole, "top_logprobs": []}],
    }
    assert mended(choice(logprobs={"tokens": []}))["choices"][0]["logprobs"] is None
    assert mended_delta({}, logprobs=[])["logprobs"] is None
