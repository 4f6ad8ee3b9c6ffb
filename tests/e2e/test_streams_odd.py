"""Streams that are not as they should be: mended, or ended with an error."""

import json
from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body, broken, chunks_of, fetched, finishes, refused, said
from tests.harness import Proxy


def raw(*events: str, end: str = "\n\n") -> dict[str, Any]:
    """A double's answer of these bytes."""
    stream = "".join(f"data: {event}{end}" for event in events)
    return {"status": 200, "body": stream, "headers": {"content-type": "text/event-stream"}}


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> str:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c", "choices": [choice], **more})


@pytest.mark.parametrize(
    "events",
    [
        [chunk("Hi"), chunk(finish="stop"), "[DONE]"],
        [chunk("Hi"), chunk(finish="STOP")],
        [chunk("Hi"), " [DONE] ", chunk("not this")],
        [chunk("Hi", finish=""), chunk(""), "[DONE]"],
        [chunk("Hi"), "", " ", chunk(finish="stop")],
        [chunk("Hi", error=None), chunk(finish="stop", error=None)],
        ['{"id": "c",\ndata: "choices": [{"delta": {"content": "Hi"}}]}', "[DONE]"],
        ['{"type": "ping"}', chunk("Hi"), chunk(finish="stop")],
        [chunk("Hi", created=1.5, model=None, object=7, system_fingerprint=None), "[DONE]"],
    ],
)
def test_sloppy_streams_come_out_as_described(
    shared: Proxy, gateways: Sandbox, events: list[str]
) -> None:
    gateways["openai"].fault("chat", **raw(*events))
    chunks = chunks_of(fetched(shared, "chat-openai").text)
    assert (said(chunks), finishes(chunks)) == ("Hi", ["stop"])


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([chunk("Hi"), "not JSON"], "malformed_response"),
        ([chunk("Hi"), "[1]"], "malformed_response"),
        ([chunk("Hi"), '{"choices": [1]}'], "malformed_response"),
        ([chunk("Hi"), '{"choices": "x"}'], "malformed_response"),
        ([chunk("Hi", finish="")], "provider_error"),
        ([chunk("Hi"), '{"error": "gone"}'], "provider_error"),
        ([chunk("Hi"), chunk("", finish="error", error={"message": "x"})], "provider_error"),
        ([chunk("Hi"), '{"error": {"message": "x", "code": 429}}'], "provider_rate_limited"),
        ([chunk("Hi"), '{"object": "error", "message": "x"}', "[DONE]"], "provider_error"),
        ([chunk("Hi"), '{"type": "error", "message": "x"}', "[DONE]"], "provider_error"),
    ],
)
def test_what_cannot_be_read_ends_the_stream_after_what_could(
    shared: Proxy, gateways: Sandbox, events: list[str], code: str
) -> None:
    gateways["openai"].fault("chat", **raw(*events))
    chunks, error = broken(fetched(shared, "chat-openai").text)
    assert said(chunks) == "Hi"
    assert error["code"] == code


def test_usage_is_estimated_where_the_gateway_tells_none(shared: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", **raw(chunk("Hello"), chunk(finish="stop"), "[DONE]"))
    asked = {"stream_options": {"include_usage": True}}
    *_, last = chunks_of(fetched(shared, "chat-openai", **asked).text)
    assert last["usage"]["completion_tokens"] == 2
    assert last["choices"] == []


def test_a_whole_answer_to_a_stream_request_is_streamed(shared: Proxy, gateways: Sandbox) -> None:
    whole = {"choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 3}}
    gateways["openai"].fault("chat", times=2, status=200, body=whole)
    chunks = chunks_of(fetched(shared, "chat-openai").text)
    assert (said(chunks), finishes(chunks)) == ("Hi", ["stop"])
    assert not any(one.get("usage") for one in chunks)
    asked = {"stream_options": {"include_usage": True}}
    *_, last = chunks_of(fetched(shared, "chat-openai", **asked).text)
    assert last["usage"]["prompt_tokens"] == 3


ENDS = ["", "\n", "\n\n", "\r\n\r\n", "data: [DONE]\n\n", "\ndata: [DONE]\n\n", "\r\ndata: [DONE]"]


@pytest.mark.parametrize("end", ENDS)
def test_a_whole_answer_under_a_streams_name_is_streamed(
    shared: Proxy, gateways: Sandbox, end: str
) -> None:
    call = {"function": {"name": "f", "arguments": {}}}
    whole = {"choices": [{"message": {"content": "Hi", "tool_calls": [call]}}]}
    whole["choices"][0]["finish_reason"] = "tool_calls"  # type: ignore[assignment]
    gateways["openai"].fault("chat", **{**raw(), "body": json.dumps(whole) + end})
    chunks = chunks_of(fetched(shared, "chat-openai").text)
    assert (said(chunks), finishes(chunks)) == ("Hi", ["tool_calls"])
    assert chunks[0]["choices"][0]["delta"]["tool_calls"][0]["id"]


@pytest.mark.parametrize("end", ENDS)
def test_an_error_that_is_no_event_is_told_as_what_it_is(
    shared: Proxy, gateways: Sandbox, end: str
) -> None:
    """Gateways that have promised a stream write their error into it as it stands."""
    error = '{"error": {"message": "No credit.", "code": 402}}' + end
    gateways["openai"].fault("chat", **{**raw(), "body": error})
    told = refused(fetched(shared, "chat-openai"), 429, "provider_insufficient_quota")
    assert told["message"] == "No credit."
    gateways["openai"].fault("chat", **{**raw(), "body": raw(chunk("Hi"))["body"] + error})
    chunks, late = broken(fetched(shared, "chat-openai").text)
    assert (said(chunks), late["message"]) == ("Hi", "No credit.")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_an_error_itself(shared: Proxy, gateways: Sandbox, stream: bool) -> None:
    error = {"object": "error", "message": "Too long.", "type": "BadRequestError", "code": 400}
    made = raw(json.dumps(error), "[DONE]") if stream else {"status": 200, "body": error}
    gateways["openai"].fault("chat", **made)
    with shared.http() as client:
        answer = client.post(CHAT, json=body("chat-openai", stream=stream))
    assert refused(answer, 400, "provider_rejected")["message"] == "Too long."


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_nobody_asked_for_is_put_together(
    shared: Proxy, gateways: Sandbox, kind: str, stream: bool
) -> None:
    """As is one that is called JSON, whoever has asked for it."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = chunk("Hel"), chunk("lo"), chunk(finish="stop", usage=usage), "[DONE]"
    gateways["openai"].fault("chat", **{**raw(*events), "headers": {"content-type": kind}})
    if stream:
        chunks = chunks_of(fetched(shared, "chat-openai").text)
        assert (said(chunks), finishes(chunks)) == ("Hello", ["stop"])
        return
    with shared.sdk() as client:
        answer = client.chat.completions.create(**body("chat-openai"))
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hello", "stop")
    assert answer.usage and answer.usage.total_tokens == 5


@pytest.mark.parametrize(
    ("events", "status", "code"),
    [
        ([chunk("Hi")], 502, "malformed_response"),
        ([chunk("Hi"), "{"], 502, "malformed_response"),
        ([chunk("Hi"), '{"error": {"message": "x", "code": 429}}'], 429, "provider_rate_limited"),
    ],
)
def test_a_stream_nobody_asked_for_that_fails(
    shared: Proxy, gateways: Sandbox, events: list[str], status: int, code: str
) -> None:
    gateways["openai"].fault("chat", **raw(*events))
    with shared.http() as client:
        refused(client.post(CHAT, json=body("chat-openai")), status, code)
