"""Chat with ai-gate.one, which takes one text and gives one back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests import openapi
from tests.chatting import CHAT, body, chunks_of, finishes, refused, said
from tests.harness import Proxy, config_for, proxy_in_thread

ROUTE = "chat-text"
ASK = "What is\n\n the  capital? "
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
FORM: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def ask(proxy: Proxy, **more: Any) -> Any:
    with proxy.http() as client:
        return client.post(CHAT, json=body(ROUTE, **more))


def text_sent(gateways: Sandbox) -> str:
    [seen] = gateways["ai-gate.one"].submits
    assert seen.body.keys() == {"apiKey", "type", "text"}
    return str(seen.body["text"])


def test_one_user_message_goes_verbatim(shared: Proxy, gateways: Sandbox) -> None:
    assert ask(shared, messages=[{"role": "user", "content": ASK}]).status_code == 200
    assert text_sent(gateways) == ASK


def test_a_conversation_becomes_a_transcript(shared: Proxy, gateways: Sandbox) -> None:
    parts = [{"type": "text", "text": "And"}, {"type": "text", "text": "Rome?"}]
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Paris?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": parts},
    ]
    assert ask(shared, messages=messages).status_code == 200
    assert text_sent(gateways) == (
        "System: Be brief.\n\nUser: Paris?\n\nAssistant: Yes.\n\nUser: And\nRome?\n\nAssistant:"
    )


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"tools": [{"type": "function"}]}, "unsupported_parameter", "tools"),
        ({"logprobs": True}, "unsupported_parameter", "logprobs"),
        ({"n": 9}, "unsupported_value", "n"),
        ({"n": 0}, "unsupported_value", "n"),
        ({"logit_bias": {"1": 2}}, "unsupported_parameter", "logit_bias"),
        ({"audio": {"voice": "alloy"}}, "unsupported_parameter", "audio"),
        ({"top_k": 5}, "unsupported_parameter", "top_k"),
        ({"response_format": {"type": "xml"}}, "unsupported_value", "response_format.type"),
        (
            {"response_format": {"type": "json_schema"}},
            "missing_required_parameter",
            "response_format.json_schema",
        ),
        (
            {"messages": [{"role": "user", "content": [PICTURE]}]},
            "unsupported_parameter",
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "tool", "content": "x", "tool_call_id": "y"}]},
            "unsupported_value",
            "messages[0].role",
        ),
        (
            {"messages": [{"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}]},
            "unsupported_parameter",
            "messages[0].tool_calls",
        ),
        (
            {"provider_options": {"apiKey": "mine"}},
            "unsupported_parameter",
            "provider_options.apiKey",
        ),
        ({"provider_options": {"type": "Image"}}, "unsupported_parameter", "provider_options.type"),
        ({"apiKey": "mine"}, "unsupported_parameter", "apiKey"),
    ],
)
def test_what_would_change_the_result_is_refused(
    shared: Proxy, gateways: Sandbox, given: Any, code: str, param: str
) -> None:
    answer = ask(shared, **given)
    refused(answer, 400, code, param)
    assert answer.headers["x-should-retry"] == "false"
    assert not gateways["ai-gate.one"].log


def test_sampling_is_dropped_and_named(shared: Proxy) -> None:
    answer = ask(shared, temperature=0, max_tokens=5, top_p=1, tools=[], seed=1, user="u")
    assert answer.status_code == 200
    dropped = answer.headers["x-anygate-dropped"].split(",")
    assert dropped == ["temperature", "max_tokens", "top_p", "tools", "seed", "user"]
    assert answer.headers["x-anygate-job"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop", ["STOP", ["nowhere", "STOP"]])
def test_stop_is_applied(shared: Proxy, gateways: Sandbox, stop: Any, stream: bool) -> None:
    gateways["ai-gate.one"].reply = "One two. STOP three"
    try:
        answer = ask(shared, stop=stop, stream=stream)
    finally:
        gateways["ai-gate.one"].reply = None
    if stream:
        chunks = chunks_of(answer.text)
        assert (said(chunks), finishes(chunks)) == ("One two. ", ["stop"])
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "One two. "


@pytest.mark.parametrize("form", [{"type": "json_object"}, FORM])
def test_json_comes_when_asked_for(shared: Proxy, form: Any) -> None:
    answer = ask(shared, response_format=form).json()
    assert isinstance(json.loads(answer["choices"][0]["message"]["content"]), dict)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", ["no JSON", "[1]", '{"town": "Rome"}', '{"city": 1}'])
def test_an_answer_that_does_not_fit_is_malformed(
    shared: Proxy, gateways: Sandbox, reply: str, stream: bool
) -> None:
    gateways["ai-gate.one"].reply = reply
    try:
        answer = ask(shared, response_format=FORM, stream=stream)
    finally:
        gateways["ai-gate.one"].reply = None
    refused(answer, 502, "malformed_response")
    assert answer.headers["x-should-retry"] == "false"


def test_several_choices_are_several_tasks(shared: Proxy, gateways: Sandbox) -> None:
    whole = ask(shared, n=3).json()
    openapi.check("POST", CHAT, 200, whole)
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert len(gateways["ai-gate.one"].submits) == 3


@pytest.mark.parametrize("variant", ["text_plain", "pending_204", "pending_null", "pending_404"])
def test_odd_pending_answers_do_no_harm(shared: Proxy, gateways: Sandbox, variant: str) -> None:
    gateways["ai-gate.one"].variants.add(variant)
    gateways["ai-gate.one"].ready_after_polls = 2
    assert ask(shared).status_code == 200


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, openai.BadRequestError, "provider_rejected"),
        (401, openai.InternalServerError, "provider_auth_failed"),
        (402, openai.RateLimitError, "provider_insufficient_quota"),
        (429, openai.RateLimitError, "provider_rate_limited"),
    ],
)
def test_a_refused_submit_is_the_chat_s_error(
    shared: Proxy, gateways: Sandbox, status: int, kind: type[openai.APIStatusError], code: str
) -> None:
    gateways["ai-gate.one"].fault("submit", status=status)
    with shared.sdk() as client, pytest.raises(kind) as caught:
        client.chat.completions.create(model=ROUTE, messages=[{"role": "user", "content": "Hi"}])
    assert caught.value.code == code
    assert len(gateways["ai-gate.one"].submits) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_failed_task_is_generation_failed(shared: Proxy, gateways: Sandbox, stream: bool) -> None:
    gateways["ai-gate.one"].fail_next("the model fell asleep")
    error = refused(ask(shared, stream=stream), 502, "generation_failed")
    assert error["message"] == "the model fell asleep"


async def test_a_client_that_leaves_does_not_cancel_the_job(
    shared: Proxy, gateways: Sandbox
) -> None:
    double = gateways["ai-gate.one"]
    double.fault("submit", hang=True)
    async with shared.async_http() as client:
        task = asyncio.create_task(client.post(CHAT, json=body(ROUTE)))
        await double.until(lambda d: len(d.submits) == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        double.release()
        await double.until(lambda d: len(d.polls()) >= 1)
    assert not double.submits[0].disconnected


def test_a_lost_submit_is_in_doubt_and_not_repeated(shared: Proxy, gateways: Sandbox) -> None:
    gateways["ai-gate.one"].fault("submit", cut="after")
    answer = ask(shared)
    refused(answer, 502, "submission_ambiguous")
    assert answer.headers["x-should-retry"] == "false"
    assert len(gateways["ai-gate.one"].submits) == 1


@pytest.mark.parametrize("target", ["ai-gate-one/text", "apiin-one/gemini", "openai/gpt-4o-mini"])
def test_what_the_route_says_of_the_answers_shape(
    gateways: Sandbox, tmp_path: Path, target: str
) -> None:
    counted = {"stream": True, "stream_options": {"include_usage": True}}
    routes = {
        "counted": {"targets": target, "params": counted},
        "live": {"targets": target, "params": {"stream": True}},
    }
    if target == "ai-gate-one/text":
        routes["pair"] = {"targets": target, "params": {"n": 2, "stop": "e"}}
    with (
        proxy_in_thread(tmp_path, config_for(gateways, models=routes)) as proxy,
        proxy.http() as http,
    ):
        live = http.post(CHAT, json=body("counted"))
        assert live.headers["content-type"].startswith("text/event-stream")
        assert '"usage":{' in live.text.replace(" ", "")
        whole = http.post(CHAT, json=body("live", stream=False))
        assert whole.json()["choices"]
        if "pair" in routes:
            choices = http.post(CHAT, json=body("pair")).json()["choices"]
            assert len(choices) == 2
            assert "e" not in choices[0]["message"]["content"]
