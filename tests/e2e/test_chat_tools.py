"""Tools and response_format, where a gateway takes them."""

import json
from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.chatting import HELLO, PASSING, ROWS
from tests.harness import Proxy

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
            "required": ["city", "degrees"],
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize("route", PASSING)
def test_tools_are_called(shared: Proxy, gateways: Sandbox, route: str) -> None:
    with shared.sdk() as client:
        whole = client.chat.completions.create(model=route, messages=HELLO, tools=[TOOL])
        calls = whole.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].function.name == "get_weather"  # type: ignore[union-attr]
        assert whole.choices[0].finish_reason == "tool_calls"
        assert [seen.body["tools"] for seen in gateways[ROWS[route]].log] == [[TOOL]]
        with client.chat.completions.stream(model=route, messages=HELLO, tools=[TOOL]) as stream:
            final = stream.get_final_completion()
    choice = final.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    assert json.loads(choice.message.tool_calls[0].function.arguments).keys() == {"city"}


@pytest.mark.parametrize("route", PASSING)
def test_a_tool_s_result_goes_back(shared: Proxy, route: str) -> None:
    with shared.sdk() as client:
        first = client.chat.completions.create(model=route, messages=HELLO, tools=[TOOL])
        message = first.choices[0].message
        assert message.tool_calls is not None
        result: Any = {
            "role": "tool",
            "tool_call_id": message.tool_calls[0].id,
            "content": "12 degrees",
        }
        messages: Any = [*HELLO, message, result]
        second = client.chat.completions.create(model=route, messages=messages, tools=[TOOL])
    assert second.choices[0].message.content


@pytest.mark.parametrize("route", ["chat-openai", "chat-onysoft", "chat-shop"])
@pytest.mark.parametrize("form", [{"type": "json_object"}, SCHEMA])
def test_response_format_passes(shared: Proxy, route: str, form: Any) -> None:
    with shared.sdk() as client:
        made = client.chat.completions.create(model=route, messages=HELLO, response_format=form)
    assert isinstance(json.loads(made.choices[0].message.content or ""), dict)


def streamed(shared: Proxy, gateways: Sandbox, calls: list[dict[str, Any]]) -> list[Any]:
    """The calls as the SDK puts them together, whose gateway sends each in a chunk of its own."""
    ends = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    choices = [*({"index": 0, "delta": {"tool_calls": [one]}} for one in calls), ends]
    events = [json.dumps({"id": "c", "choices": [one]}) for one in choices]
    stream = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
    headers = {"content-type": "text/event-stream"}
    gateways["openai"].fault("chat", status=200, body=stream, headers=headers)
    with (
        shared.sdk() as client,
        client.chat.completions.stream(model="chat-openai", messages=HELLO, tools=[TOOL]) as made,
    ):
        message = made.get_final_completion().choices[0].message
    return [(one.id, one.function.name, one.function.arguments) for one in message.tool_calls or ()]


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": "{}"}, **more}


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_calls_that_come_one_by_one_under_one_index_stay_apart(
    shared: Proxy, gateways: Sandbox, index: dict[str, int]
) -> None:
    calls = [call("get_weather", id="call_1", **index), call("get_time", id="call_2", **index)]
    expected = [("call_1", "get_weather", "{}"), ("call_2", "get_time", "{}")]
    assert streamed(shared, gateways, calls) == expected


@pytest.mark.parametrize("id", [{"id": ""}, {}])
def test_a_call_that_the_gateway_names_by_no_id_has_one(
    shared: Proxy, gateways: Sandbox, id: dict[str, str]
) -> None:
    calls = [call("get_weather", index=0, **id), call("get_time", index=1, **id)]
    expected = [("call_c_0", "get_weather", "{}"), ("call_c_1", "get_time", "{}")]
    assert streamed(shared, gateways, calls) == expected


@pytest.mark.parametrize(
    "changes",
    [{"id": None}, {"id": ""}, {"type": None}, {"function": {"name": "f", "arguments": {"a": 1}}}],
)
def test_a_whole_answer_s_calls_come_as_described(
    shared: Proxy, gateways: Sandbox, changes: dict[str, Any]
) -> None:
    """Also where nothing else of the answer needs mending."""
    message = {"role": "assistant", "content": None, "refusal": None}
    message["tool_calls"] = [call("f", id="call_1") | changes]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    gateways["openai"].fault("chat", status=200, body={**whole, "choices": [choice]})
    with shared.sdk() as client:
        made = client.chat.completions.create(model="chat-openai", messages=HELLO, tools=[TOOL])
    (found,) = made.choices[0].message.tool_calls or ()
    assert found.id
    assert json.loads(found.function.arguments) in ({}, {"a": 1})  # type: ignore[union-attr]
