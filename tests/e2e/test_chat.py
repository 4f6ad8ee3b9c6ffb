"""Chat on every row, through the real SDK: parameters, answers, and what a text gateway can do."""

from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests import openapi
from tests.chatting import (
    CHAT,
    HELLO,
    ROWS,
    TARGETS,
    body,
    chunks_of,
    finishes,
    refused,
    said,
)
from tests.harness import Proxy

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def sent(gateways: Sandbox, route: str) -> Any:
    """The one request that the double behind the route has got."""
    [seen] = gateways.doubles[ROWS[route]].seen("chat")
    return seen.body


@pytest.mark.parametrize("route", ROWS)
def test_answers_and_chunks_are_as_openai_describes_them(shared: Proxy, route: str) -> None:
    with shared.http() as client:
        whole = client.post(CHAT, json=body(route))
        assert whole.headers["content-type"] == "application/json"
        openapi.check("POST", CHAT, 200, whole.json())
        message = whole.json()["choices"][0]["message"]
        streamed = client.post(CHAT, json=body(route, stream=True))
        assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
        chunks = chunks_of(streamed.text)
    assert said(chunks) == message["content"]
    assert finishes(chunks) == ["stop"]
    for answer in (whole, streamed):
        provider, _, model = TARGETS[route].partition("/")
        assert answer.headers["x-anygate-provider"] == provider
        assert answer.headers["x-anygate-model"] == model


@pytest.mark.parametrize("route", ROWS)
async def test_the_async_sdk_reads_both(shared: Proxy, route: str) -> None:
    async with shared.async_sdk() as client:
        whole = await client.chat.completions.create(model=route, messages=HELLO)
        stream = await client.chat.completions.create(model=route, messages=HELLO, stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(parts) == whole.choices[0].message.content


# apiin.one's double knows the page's parameters only.
@pytest.mark.parametrize("route", ["chat-openai", "chat-onysoft", "chat-shop"])
def test_what_a_gateway_takes_reaches_it_unchanged(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    picture = {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}]
    given: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_completion_tokens": 50,
        "seed": 7,
        "stop": ["###"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u",
        "metadata": {"a": "b"},
        "presence_penalty": 0.1,
        "logit_bias": {"50256": -100},
    }
    with shared.sdk() as client:
        made = client.chat.completions.create(model=route, messages=messages, **given)
    assert len(made.choices) == 2
    assert made.choices[1].logprobs is not None
    native = dict(sent(gateways, route))
    assert native.pop("model") == TARGETS[route].partition("/")[2]
    assert native == {"messages": messages, **given}


@pytest.mark.parametrize("route", ["chat-openai", "chat-onysoft", "chat-shop"])
def test_choices_and_logprobs_stream(shared: Proxy, route: str) -> None:
    with shared.http() as client:
        answer = client.post(
            CHAT, json=body(route, n=3, logprobs=True, stream=True, stop=["sandbox"])
        )
    chunks = chunks_of(answer.text)
    assert {said(chunks, index) for index in range(3)} == {"Hello from the Anygate "}
    assert finishes(chunks) == ["stop"] * 3


def test_unknown_fields_and_provider_options_reach_a_gateway_that_takes_them(
    shared: Proxy, gateways: Sandbox
) -> None:
    gateways["openai"].fault("chat", status=200, body=WHOLE)
    with shared.sdk() as client:
        client.chat.completions.create(
            model="chat-openai",
            messages=HELLO,
            extra_body={"chat_template_kwargs": {"x": [1]}, "provider_options": {"top_k": 5}},
        )
    native = sent(gateways, "chat-openai")
    assert native["chat_template_kwargs"] == {"x": [1]}
    assert native["top_k"] == 5
    assert "provider_options" not in native


WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
}


@pytest.mark.parametrize("field", ["model", "stream"])
def test_provider_options_cannot_touch_what_is_ours(
    shared: Proxy, gateways: Sandbox, field: str
) -> None:
    with shared.http() as client:
        for model in ("gpt-4o-mini", "chat-openai"):
            answer = client.post(CHAT, json=body(model, provider_options={field: True}))
            refused(answer, 400, "unsupported_parameter", f"provider_options.{field}")
    assert not gateways["apiin.one"].log
    assert not gateways["openai"].log


@pytest.mark.parametrize("stream", [False, True])
def test_apiin_gets_stream_and_thoughts_always(
    shared: Proxy, gateways: Sandbox, stream: bool
) -> None:
    with shared.http() as client:
        answer = client.post(CHAT, json=body("gpt-4o-mini", **({"stream": True} if stream else {})))
    assert answer.status_code == 200
    native = sent(gateways, "gpt-4o-mini")
    assert (native["stream"], native["include_thoughts"]) == (stream, False)


def test_apiin_s_thoughts_come_when_asked_for(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as client:
        answer = client.post(CHAT, json=body("gpt-4o-mini", include_thoughts=True))
    assert answer.json()["choices"][0]["message"]["reasoning_content"]
    openapi.check("POST", CHAT, 200, answer.json())


@pytest.mark.parametrize("variant", ["", "chat_object", "chat_full", "sparse_chunks"])
def test_apiin_s_samples_come_out_complete(shared: Proxy, gateways: Sandbox, variant: str) -> None:
    if variant:
        gateways["apiin.one"].variants.add(variant)
    with shared.http() as client:
        whole = client.post(CHAT, json=body("gpt-4o-mini")).json()
        chunks = chunks_of(client.post(CHAT, json=body("gpt-4o-mini", stream=True)).text)
    openapi.check("POST", CHAT, 200, whole)
    assert whole["object"] == "chat.completion"
    assert isinstance(whole["created"], int)
    assert whole["choices"][0]["index"] == 0
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert finishes(chunks) == ["stop"]


@pytest.mark.parametrize("route", ["chat-openai", "chat-shop"])
def test_sparse_answers_of_compatible_servers_are_mended(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    gateways[ROWS[route]].variants.add("sparse_chat")
    with shared.sdk() as client:
        whole = client.chat.completions.create(model=route, messages=HELLO)
        assert whole.choices[0].finish_reason == "stop"
    with shared.http() as client:
        chunks = chunks_of(client.post(CHAT, json=body(route, stream=True)).text)
    assert said(chunks) == whole.choices[0].message.content


@pytest.mark.parametrize("route", ROWS)
def test_the_usage_chunk_comes_when_asked_for(shared: Proxy, route: str) -> None:
    with shared.http() as client:
        asked = body(route, stream=True, stream_options={"include_usage": True})
        *before, last = chunks_of(client.post(CHAT, json=asked).text)
        without = chunks_of(client.post(CHAT, json=body(route, stream=True)).text)
    assert last["choices"] == []
    usage = last["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert not any(chunk.get("usage") for chunk in [*before, *without])


def test_a_default_model_answers_where_none_is_named(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as client:
        assert client.post(CHAT, json={"messages": HELLO}).status_code == 200
        direct = client.post(CHAT, json=body("openai/gpt-4o"))
    assert direct.headers["x-anygate-model"] == "gpt-4o"
    assert len(gateways["apiin.one"].log) == 1


def test_sdk_exceptions_are_raised_by_status(shared: Proxy) -> None:
    with shared.sdk() as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nope", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
