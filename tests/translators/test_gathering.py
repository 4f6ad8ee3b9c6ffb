"""A stream's chunks as the whole answer that they are the parts of."""

import json
from typing import Any

import pytest

from translators.errors import MalformedReply
from translators.gathering import gathered
from translators.mending import mend_completion


def stream(*chunks: Any, done: bool = True) -> bytes:
    events = [json.dumps(one) for one in chunks] + ["[DONE]"] * done
    return "".join(f"data: {one}\n\n" for one in events).encode()


def chunk(delta: Any, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish, **more}],
    }


def choices(*chunks: Any, done: bool = True) -> list[dict[str, Any]]:
    found = gathered(stream(*chunks, done=done))
    assert found is not None
    return list(found["choices"])


def test_texts_go_on_and_the_rest_is_said_once() -> None:
    (choice,) = choices(
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"role": "assistant", "content": "Hel", "reasoning_content": "So"}),
        chunk({"content": "lo", "reasoning_content": "…"}),
        chunk({}, "stop"),
    )
    message = {"role": "assistant", "content": "Hello", "refusal": None, "reasoning_content": "So…"}
    assert choice == {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}


def test_each_choice_and_the_last_usage() -> None:
    found = gathered(
        stream(
            chunk({"content": "b"}, index=1),
            {**chunk({"content": "a"}), "usage": {"total_tokens": 1}},
            chunk({"content": "B"}, "length", index=1),
            chunk({"content": "A"}, "stop"),
            {"id": "c", "choices": [], "usage": {"total_tokens": 7}, "model": None},
        )
    )
    assert found is not None
    assert [one["message"]["content"] for one in found["choices"]] == ["aA", "bB"]
    assert [one["finish_reason"] for one in found["choices"]] == ["stop", "length"]
    assert (found["id"], found["usage"]) == ("c", {"total_tokens": 7})


def test_calls_of_tools() -> None:
    def call(index: int, arguments: str, **first: Any) -> dict[str, Any]:
        name = {"name": first.pop("name")} if first else {}
        function = {**name, "arguments": arguments}
        return {"index": index, **first, "function": function}

    (choice,) = choices(
        chunk({"tool_calls": [call(0, '{"a"', id="x", type="function", name="f")]}),
        chunk({"tool_calls": [call(0, ": 1}")]}),
        chunk({"tool_calls": [call(1, "{}", id="y", type="function", name="g")]}),
        chunk({}, "tool_calls"),
    )
    assert choice["message"]["tool_calls"] == [
        {"id": "x", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "y", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_what_is_null_or_empty_until_something_is_said() -> None:
    call = {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    nothing = {"content": "", "tool_calls": None, "function_call": None, "annotations": None}
    (choice,) = choices(
        chunk({"role": "assistant", **nothing}),
        chunk({**nothing, "tool_calls": [{**call, "function": None}]}),
        chunk({**nothing, "tool_calls": [call], "content": [{"type": "text", "text": "Hi"}]}),
        chunk({**nothing, "function_call": {"name": "g", "arguments": "{"}}),
        chunk({**nothing, "function_call": {"name": None, "arguments": "}"}}),
        chunk(nothing, "tool_calls"),
    )
    assert choice["message"] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi"}],
        "tool_calls": [{name: value for name, value in call.items() if name != "index"}],
        "function_call": {"name": "g", "arguments": "{}"},
        "annotations": None,
    }


@pytest.mark.parametrize(
    ("first", "then", "made"),
    [
        ("a", {"text": "b"}, "a"),
        ("a", [{"text": "b"}], [{"type": "text", "text": "a"}, {"text": "b"}]),
        ([{"text": "a"}], "b", [{"text": "a"}, {"type": "text", "text": "b"}]),
    ],
)
def test_members_of_two_kinds(first: Any, then: Any, made: Any) -> None:
    (choice,) = choices(chunk({"content": first}), chunk({"content": then}, "stop"))
    assert choice["message"] == {"content": made}


def test_calls_without_ids_have_those_of_a_whole_answer_s() -> None:
    call = {"index": 0, "id": "null", "function": {"name": "f", "arguments": "{}"}}
    answers = [gathered(stream(chunk({"tool_calls": [call]}, "tool_calls"))) for _ in range(2)]
    ids = []
    for place, answer in enumerate(answers):
        assert answer is not None
        del answer["id"]  # some give none
        mended = mend_completion(answer, model="m", created=0, id=f"chatcmpl-{place}")
        ids.append(mended["choices"][0]["message"]["tool_calls"][0]["id"])
    # A conversation holds the calls of many answers.
    assert ids == ["call_chatcmpl-0_0", "call_chatcmpl-1_0"]


def test_logprobs_of_all_pieces() -> None:
    (choice,) = choices(
        chunk({"content": "a"}, logprobs={"content": [{"token": "a"}], "refusal": None}),
        chunk({"content": "b"}, "stop", logprobs={"content": [{"token": "b"}], "refusal": None}),
    )
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


@pytest.mark.parametrize("between", ["", "\n", "\n\n"])
def test_a_whole_answer_with_a_stream_s_end(between: str) -> None:
    answer = {"id": "c", "choices": [{"index": 0, "message": {"content": "Hi"}}]}
    found = gathered(f"{json.dumps(answer)}{between}data: [DONE]\n\n".encode())
    assert found is not None
    assert found["choices"][0]["message"] == {"content": "Hi"}


def test_an_error_midway_is_what_there_is() -> None:
    error = {"error": {"message": "gone", "code": 429}}
    assert gathered(stream(chunk({"content": "Hi"}), error)) == error
    named = {"type": "error", "message": "gone"}
    assert gathered(stream(chunk({"content": "Hi"}, "stop"), named)) == {"error": named}


def test_an_error_in_a_gateway_s_own_words_is_for_its_row_to_read() -> None:
    own = {"code": 402, "msg": "no balance"}
    assert gathered(stream(own, done=False)) == own


def test_what_follows_the_end_is_no_part() -> None:
    whole = stream(chunk({"content": "Hi"}, "stop"))
    assert gathered(whole + b"data: {broken\n\n") == gathered(whole)


def test_an_event_may_be_as_long_as_an_answer() -> None:
    assert gathered(b": " + b"x" * (65 << 20)) is None


def test_one_that_has_ended_by_its_reasons_alone_is_whole() -> None:
    assert choices(chunk({"content": "Hi"}, "stop"), done=False)


@pytest.mark.parametrize(
    "raw",
    [
        stream(chunk({"content": "Hi"}), done=False),
        stream(chunk({"content": "Hi"}, "stop"), chunk({"content": "Ho"}, index=1), done=False),
        stream(chunk({"content": "Hi"}), [1]),
        b"data: {broken\n\n",
    ],
)
def test_what_is_cut_off_or_broken_is_no_answer(raw: bytes) -> None:
    with pytest.raises(MalformedReply):
        gathered(raw)


@pytest.mark.parametrize("raw", [b"", b"<html>\n\n</html>", b": ping\n\n", b"data: [DONE]\n\n"])
def test_what_is_no_stream(raw: bytes) -> None:
    assert gathered(raw) is None
