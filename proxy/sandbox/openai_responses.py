"""The OpenAI double's POST /responses: enough of it to be passed through."""

from __future__ import annotations

import secrets
import time
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
_CHECKED: dict[str, c.Check] = {
    "input": c.either(c.text(), c.array(c.record(), least=1)),
    "metadata": c.record(),
}


class Responses(Double):
    """One route."""

    def known(self, model: Any, kind: str) -> str:
        """Return a model of that kind, or refuse it."""
        raise NotImplementedError

    async def responses(self, x: Exchange) -> Response:
        """Answer with one message; as a stream, with its most important events."""
        body = x.json()
        c.validate(body, dict.fromkeys(FIELDS, c.anything) | _CHECKED)
        self.known(body.get("model"), "chat")
        given = body.get("input", "")
        words = given if isinstance(given, str) else str(given[-1].get("content", ""))
        asked = {"model": body["model"], "messages": [{"role": "user", "content": words}]}
        said = say(asked, self.reply)
        whole = _response(said, body)
        if not body.get("stream"):
            return answer(whole)
        begun = whole | {"status": "in_progress", "output": []}
        events: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
        for token in said.tokens:
            part = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
            events.append({"type": "response.output_text.delta", "delta": token} | part)
        events.append({"type": "response.completed", "response": whole})
        numbered = ({"sequence_number": i} | event for i, event in enumerate(events))
        return EventStream(x, numbered, done=False, named=True)


def _response(said: Said, body: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
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
