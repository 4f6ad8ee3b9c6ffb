"""Chat answers as OpenAI describes them, out of what compatible servers send."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.errors import MalformedReply
from translators.openai import chunk_fits, completion_fits, mend_chunk, mend_completion

GIVEN: dict[str, Any] = {"model": "m", "created": 7, "id": "chatcmpl-1"}


TOP = {"id": "chatcmpl-1", "created": 7, "model": "m"}


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
    assert not completion_fits({**WHOLE, "service_tier": tier})
    assert mended(choice(), service_tier="flex")["service_tier"] == "flex"


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
    for mend, look in ((mend_completion, completion_fits), (mend_chunk, chunk_fits)):
        try:
            made = mend(body, **GIVEN)
        except MalformedReply:
            continue
        assert look(made)
        assert mend(made, **GIVEN) == made
