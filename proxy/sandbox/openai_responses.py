"""The OpenAI double's POST /responses: one message, whole or as the events of a stream."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from . import checks as c
from .chat import Said, say
from .core import Double, answer
from .exchange import Exchange
from .stream import EventStream

FIELDS = (
    "background", "conversation", "include", "input", "instructions", "max_output_tokens",
    "max_tool_calls", "metadata", "model", "parallel_tool_calls", "previous_response_id", "prompt",
    "prompt_cache_key", "reasoning", "safety_identifier", "service_tier", "store", "stream",
    "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p",
    "truncation", "user",
)  # fmt: skip
NAME = c.matching(r"[\w-]{1,64}", "answer")
# Unlike chat's response_format, the schema stands beside the type.
# https://platform.openai.com/docs/api-reference/responses/create#responses-create-text
FORMAT = c.either(
    c.record({"type": c.need(c.choice("text", "json_object"))}),
    c.record(
        {
            "type": c.need(c.choice("json_schema")),
            "name": c.need(NAME),
            "schema": c.need(c.record()),
            "description": c.text(),
            "strict": c.either(c.boolean, c.choice(None)),
        }
    ),
)
_CHECKED: dict[str, c.Check] = {
    "input": c.either(c.text(), c.array(c.record(), least=1)),
    "metadata": c.record(),
    "text": c.record({"format": FORMAT, "verbosity": c.choice("low", "medium", "high", None)}),
}


class Responses(Double):
    """One route."""

    def known(self, model: Any, kind: str) -> str:
        """Return a model of that kind, or refuse it."""
        raise NotImplementedError

    async def responses(self, x: Exchange) -> Response:
        """Answer with one message; as a stream, with all events that lead to it."""
        body = x.json()
        c.validate(body, dict.fromkeys(FIELDS, c.anything) | _CHECKED)
        self.known(body.get("model"), "chat")
        given = body.get("input", "")
        words = given if isinstance(given, str) else given[-1].get("content", "")
        asked: dict[str, Any] = {
            "model": body["model"],
            "messages": [{"role": "user", "content": words}],
            "response_format": _chat_format(body),
        }
        said = say(asked, self.reply)
        whole = _response(said, body)
        if not body.get("stream"):
            return answer(whole)
        numbered = (event | {"sequence_number": i} for i, event in enumerate(_events(said, whole)))
        return EventStream(x, numbered, done=False, named=True)


def _chat_format(body: dict[str, Any]) -> dict[str, Any]:
    form = (body.get("text") or {}).get("format") or {}
    return {"type": form.get("type", "text"), "json_schema": form}


def _events(said: Said, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In OpenAI's order: response, item and part are begun, filled, and done from within.

    https://platform.openai.com/docs/api-reference/responses-streaming
    """
    begun = whole | {"status": "in_progress", "output": []}
    del begun["usage"]  # known at the end
    [message] = whole["output"]
    [text] = message["content"]
    item = {"output_index": 0}
    part = item | {"item_id": message["id"], "content_index": 0}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    empty = message | {"status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "item": empty} | item
    yield {"type": "response.content_part.added", "part": text | {"text": ""}} | part
    for token in said.tokens:
        yield {"type": "response.output_text.delta", "delta": token, "logprobs": []} | part
    yield {"type": "response.output_text.done", "text": text["text"], "logprobs": []} | part
    yield {"type": "response.content_part.done", "part": text} | part
    yield {"type": "response.output_item.done", "item": message} | item
    yield {"type": "response.completed", "response": whole}


def _response(said: Said, body: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    message = {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
    }
    usage = said.usage
    return {
        "id": f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "model": body["model"],
        "output": [message | {"content": [text]}],
        "parallel_tool_calls": True,
        "metadata": body.get("metadata") or {},
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
    }
