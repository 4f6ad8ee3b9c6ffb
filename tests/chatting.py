"""What the end-to-end tests of chat share: its routes, how events and errors are read."""

import json
from collections.abc import Iterable
from typing import Any

import httpx

from tests import openapi
from tests.harness import Proxy

# Route of `config_for` → the double behind it.
ROWS = {
    "gpt-4o-mini": "apiin.one",
    "chat-openai": "openai",
    "chat-onysoft": "onysoft",
    "chat-shop": "aigate.shop",
    "chat-text": "ai-gate.one",
}
TARGETS = {
    "gpt-4o-mini": "apiin-one/gemini",
    "chat-openai": "openai/gpt-4o-mini",
    "chat-onysoft": "onysoft/gpt-4o-mini",
    "chat-shop": "aigate-shop/openai/gpt-4o-mini",
    "chat-text": "ai-gate-one/text",
}
PASSING = {route: row for route, row in ROWS.items() if row != "ai-gate.one"}
CHAT = "/v1/chat/completions"
CHUNK = "CreateChatCompletionStreamResponse"
HELLO: list[Any] = [{"role": "user", "content": "Say hello"}]


def body(route: str, **more: Any) -> dict[str, Any]:
    return {"model": route, "messages": HELLO, **more}


def data_of(text: str) -> list[str]:
    """What the events of a stream carry; every one must be whole."""
    assert text.endswith("\n\n"), text[-200:]
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks), text
    return [block[6:] for block in blocks]


def chunks_of(text: str) -> list[dict[str, Any]]:
    """The chunks of a stream that ends as it should, each as OpenAI describes it, all of one answer."""
    *events, last = data_of(text)
    assert last == "[DONE]"
    chunks = [json.loads(event) for event in events]
    for chunk in chunks:
        openapi.check_event(CHUNK, chunk)
    assert len({chunk["id"] for chunk in chunks}) == 1
    return chunks


def said(chunks: Iterable[dict[str, Any]], index: int = 0) -> str:
    """The words of one choice."""
    choices = [one for chunk in chunks for one in chunk["choices"] if one["index"] == index]
    return "".join(one["delta"].get("content") or "" for one in choices)


def finishes(chunks: Iterable[dict[str, Any]]) -> list[str]:
    found = (one["finish_reason"] for chunk in chunks for one in chunk["choices"])
    return [reason for reason in found if reason]


def refused(
    answer: httpx.Response, status: int, code: str | None, param: str | None = None
) -> dict[str, Any]:
    """The error of an answer, which must be this one, in OpenAI's envelope."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    openapi.check("POST", answer.request.url.path, status, answer.json())
    assert (error["code"], error["param"]) == (code, param), error
    assert isinstance(error["message"], str)
    assert error["message"]
    return dict(error)


def fetched(proxy: Proxy, route: str, **more: Any) -> httpx.Response:
    with proxy.http() as client:
        return client.post(CHAT, json=body(route, stream=True, **more))


def broken(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The chunks of a stream that ends with one error event, and the error."""
    *chunks, last = map(json.loads, data_of(text))
    for chunk in chunks:
        openapi.check_event(CHUNK, chunk)
    openapi.check_event("ErrorResponse", last)
    return chunks, last["error"]
