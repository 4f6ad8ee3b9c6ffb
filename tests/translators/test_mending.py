"""Chat answers as OpenAI describes them, out of what compatible servers send."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.errors import MalformedReply
from translators.openai import chunk_complete, complete_enough, mend_chunk, mend_completion

GIVEN: dict[str, Any] = {"model": "m", "created": 7, "id": "chatcmpl-1"}
TOP = {"id": "chatcmpl-1", "created": 7, "model": "m"}
FOLDER = Path(__file__).parents[1] / "gateways" / "openai"
WHOLE = json.loads((FOLDER / "chat.json").read_text(encoding="utf-8"))["answer"]["body"]
CHUNK = json.loads((FOLDER / "chunk.json").read_text(encoding="utf-8"))["answer"]["body"]


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
    assert complete_enough(orjson.dumps(made))
    return made


def mended_delta(delta: Any, **more: Any) -> Any:
    made = mend_chunk({"choices": [{"delta": delta, **more}]}, **GIVEN)
    assert chunk_complete(orjson.dumps(made))
    return made["choices"][0]


def test_openais_own_answers_need_no_mending() -> None:
    for indent in (None, 2):
        assert complete_enough(json.dumps(WHOLE, indent=indent).encode())
        assert chunk_complete(json.dumps(CHUNK, indent=indent).encode())
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


def test_the_least_answer_becomes_whole() -> None:
    assert mended({"message": {"content": "hi"}}) == {
        **TOP,
        "object": "chat.completion",
        "choices": [choice()],
    }
    assert mended({"text": "hi"})["choices"][0]["message"] == choice()["message"]
    assert mended({"delta": {"content": "hi"}})["choices"] == [choice()]
    assert mended({}, {"index": 5})["choices"] == [
        choice(message={"content": None}),
        choice(index=5, message={"content": None}),
    ]


def test_what_the_answer_says_of_itself_stays() -> None:
    made = mended(choice(), id="x", created=9.0, model="y", extra=1)
    assert (made["id"], made["created"], made["model"], made["extra"]) == ("x", 9, "y", 1)
    made = mended(choice(), id=5, created=None, model="")
    assert {name: made[name] for name in TOP} == TOP


def test_nothing_is_changed_in_place() -> None:
    body = {"choices": [{"message": {"tool_calls": None}}]}
    kept = orjson.dumps(body)
    mend_completion(body, **GIVEN)
    mend_chunk(body, **GIVEN)
    assert orjson.dumps(body) == kept


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
    raw = orjson.dumps({**WHOLE, "choices": [choice(finish_reason=word)]})
    assert complete_enough(raw) == (word == reason)


@pytest.mark.parametrize("word", [None, "", "null", 7, "FINISH_REASON_UNSPECIFIED"])
def test_no_finish_reason_yet(word: Any) -> None:
    assert mended(choice(finish_reason=word))["choices"][0]["finish_reason"] == "stop"
    assert mended_delta({}, finish_reason=word)["finish_reason"] is None


def test_tool_calls() -> None:
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "x", "type": "function"}, 7]
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
            },
            {"id": "x", "type": "function"},
        ],
    }
    empty = mended({"message": {"tool_calls": [{"function": {"name": "f", "arguments": None}}]}})
    function = empty["choices"][0]["message"]["tool_calls"][0]["function"]
    assert function == {"name": "f", "arguments": "{}"}


def test_tool_calls_in_a_stream() -> None:
    delta = {
        "role": None,
        "content": None,
        "tool_calls": [
            {"id": None, "type": "tool", "function": {"name": None, "arguments": {"a": 1}}},
            {"index": 4, "id": "x", "function": None},
        ],
    }
    assert mended_delta(delta)["delta"] == {
        "content": None,
        "tool_calls": [
            {"index": 0, "type": "function", "function": {"arguments": '{"a":1}'}},
            {"index": 4, "id": "x"},
        ],
    }


def test_nulls_that_the_description_does_not_know_are_left_out() -> None:
    message = {"tool_calls": None, "function_call": None, "annotations": None, "audio": None}
    made = mended(choice(message=message), system_fingerprint=None, usage=None)
    assert made["choices"] == [choice(message={"audio": None})]
    assert set(made) == {*TOP, "object", "choices"}
    made = mend_chunk({"choices": [], "system_fingerprint": None, "usage": None}, **GIVEN)
    assert made == {**TOP, "object": "chat.completion.chunk", "choices": [], "usage": None}
    assert mended_delta({"content": "x", "tool_calls": None, "function_call": None}) == {
        "index": 0,
        "delta": {"content": "x"},
        "finish_reason": None,
    }


@pytest.mark.parametrize("tier", ["standard", "on_demand", 7, [], ""])
def test_a_service_tier_of_its_own_is_left_out(tier: Any) -> None:
    assert "service_tier" not in mended(choice(), service_tier=tier)
    assert not complete_enough(orjson.dumps({**WHOLE, "service_tier": tier}))
    assert mended(choice(), service_tier="flex")["service_tier"] == "flex"


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


def test_logprobs() -> None:
    token = {"token": "a", "logprob": -1.0}
    made = mended(choice(logprobs={"content": [token, 7]}))["choices"][0]["logprobs"]
    assert made == {"refusal": None, "content": [{"bytes": None, "top_logprobs": [], **token}]}
    assert mended(choice(logprobs={"tokens": []}))["choices"][0]["logprobs"] is None
    assert mended_delta({}, logprobs=[])["logprobs"] is None


def test_chunks_of_other_makes() -> None:
    made = mend_chunk({"choices": [{"message": {"role": "", "content": "x"}}]}, **GIVEN)
    assert made["choices"] == [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]
    for nothing in ({}, {"choices": None}, {"choices": []}):
        assert mend_chunk(nothing, **GIVEN)["choices"] == []
    assert mended_delta(None)["delta"] == {}


@pytest.mark.parametrize("body", [{}, {"choices": None}, {"choices": {}}, {"choices": ["x"]}])
def test_an_answer_without_choices(body: Any) -> None:
    with pytest.raises(MalformedReply, match="choices"):
        mend_completion(body, **GIVEN)
    if body.get("choices"):
        with pytest.raises(MalformedReply, match="choices"):
            mend_chunk(body, **GIVEN)


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
    ],
)
def test_what_a_look_finds_lacking(changes: Any) -> None:
    assert not complete_enough(orjson.dumps({**WHOLE, **changes}))


def test_a_look_at_every_member_that_must_be_there() -> None:
    for name in ("id", "object", "created", "model", "choices"):
        for body, look in ((WHOLE, complete_enough), (CHUNK, chunk_complete)):
            assert not look(orjson.dumps({key: one for key, one in body.items() if key != name}))
    for name in choice():
        lacking = {key: one for key, one in choice().items() if key != name}
        assert not complete_enough(orjson.dumps({**WHOLE, "choices": [lacking]}))
    for name in ("index", "delta", "finish_reason"):
        lacking = {key: one for key, one in CHUNK["choices"][0].items() if key != name}
        assert not chunk_complete(orjson.dumps({**CHUNK, "choices": [lacking]}))


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
    assert not chunk_complete(orjson.dumps(raw))


def test_bytes_that_are_no_answer() -> None:
    for raw in (b"", b"{", b"[]", b"null", b'"x"', b'{"error": {}}'):
        assert not complete_enough(raw)
        assert not chunk_complete(raw)


def some(**members: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of these members, each sometimes of a wrong type."""
    return st.fixed_dictionaries({}, optional={name: ODD | one for name, one in members.items()})


ODD = st.sampled_from([None, True, 0, 7, 1.5, "", "x", [], {}, [None], {"x": None}])
CALL = some(
    id=st.just("call_1"),
    index=st.just(1),
    type=st.just("function"),
    function=some(name=st.just("f"), arguments=st.just("{}")),
)
MESSAGE = some(
    role=st.just("assistant"),
    content=st.just([{"type": "text", "text": "x"}]),
    refusal=st.just("no"),
    tool_calls=st.lists(CALL, max_size=2),
    function_call=ODD,
    annotations=ODD,
)
CHOICE = some(
    index=st.just(0),
    message=MESSAGE,
    delta=MESSAGE,
    text=ODD,
    finish_reason=st.just("stop"),
    logprobs=some(content=st.lists(some(token=st.just("x")), max_size=1)),
)
USAGE = some(prompt_tokens=st.just(1), total_tokens=st.just(2), prompt_tokens_details=ODD)


@given(
    body=some(
        id=ODD,
        object=ODD,
        created=ODD,
        model=ODD,
        service_tier=ODD,
        system_fingerprint=ODD,
        usage=USAGE,
        choices=st.lists(CHOICE, max_size=2),
    )
)
def test_whatever_is_mended_is_complete_and_stays_so(body: Any) -> None:
    for mend, look in ((mend_completion, complete_enough), (mend_chunk, chunk_complete)):
        try:
            made = mend(body, **GIVEN)
        except MalformedReply:
            continue
        assert look(orjson.dumps(made))
        assert mend(made, **GIVEN) == made
