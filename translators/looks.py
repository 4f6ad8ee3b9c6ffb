"""Whether a chat answer is as OpenAI's description wants it: the hot path, one or two microseconds.

Parsing with orjson costs less than looking for a dozen substrings, and is exact. What is not
complete is mended (`translators.mending`).
"""

from collections.abc import Mapping
from typing import Any

FINISH = frozenset(("stop", "length", "tool_calls", "content_filter", "function_call"))
TIERS = frozenset(("auto", "default", "flex", "scale", "priority", "fast", None))
ROLES = frozenset(("developer", "system", "user", "assistant", "tool"))
# Members that the description lets be absent but not null.
NEVER_NULL = ("system_fingerprint", "tool_calls", "function_call", "annotations")
_FINISH_OR_NOT_YET = FINISH | {None}
_TEXT_OR_NULL = (str, type(None))


def completion_fits(body: Any) -> bool:
    """Whether a whole answer (CreateChatCompletionResponse), parsed, needs no mending."""
    return _top(body, "chat.completion") and all(map(_choice, body["choices"]))


def chunk_fits(chunk: Any) -> bool:
    """The same of one stream event (CreateChatCompletionStreamResponse)."""
    return _top(chunk, "chat.completion.chunk") and all(map(_chunk_choice, chunk["choices"]))


def _top(body: Any, kind: str) -> bool:
    return (
        type(body) is dict
        and body.get("object") == kind
        and type(body.get("created")) is int
        and type(body.get("id")) is str
        and type(body.get("model")) is str
        and type(body.get("choices")) is list
        and body.get("system_fingerprint", "") is not None
        and _in(body.get("service_tier"), TIERS)
        and ("usage" not in body or _usage(body["usage"], kind))
    )


def _usage(usage: Any, kind: str) -> bool:
    if usage is None:
        return kind == "chat.completion.chunk"
    return (
        type(usage) is dict
        and type(usage.get("total_tokens")) is int
        and type(usage.get("prompt_tokens")) is int
        and type(usage.get("completion_tokens")) is int
        and None not in usage.values()
    )


def _choice(choice: Any) -> bool:
    if type(choice) is not dict or type(message := choice.get("message")) is not dict:
        return False
    return (
        type(choice.get("index")) is int
        and _in(choice.get("finish_reason", ""), FINISH)
        and "logprobs" in choice
        and message.get("role") == "assistant"
        and type(message.get("content", 0)) in _TEXT_OR_NULL
        and type(message.get("refusal", 0)) in _TEXT_OR_NULL
        and not _has_null(message)
        and ("tool_calls" not in message or _calls(message["tool_calls"]))
    )


def _calls(calls: Any) -> bool:
    return type(calls) is list and all(map(_call, calls))


def _call(call: Any) -> bool:
    if type(call) is not dict or type(call.get("id")) is not str or not call["id"]:
        return False
    if call.get("type") == "custom":
        return type(call.get("custom")) is dict
    function = call.get("function")
    return (
        call.get("type") == "function"
        and type(function) is dict
        and type(function.get("name")) is str
        and type(function.get("arguments")) is str
    )


def _chunk_choice(choice: Any) -> bool:
    if type(choice) is not dict or type(delta := choice.get("delta")) is not dict:
        return False
    if type(choice.get("index")) is not int:
        return False
    if not _in(choice.get("finish_reason", ""), _FINISH_OR_NOT_YET):
        return False
    if "role" in delta and not _in(delta["role"], ROLES):
        return False
    if type(delta.get("content")) not in _TEXT_OR_NULL:
        return False
    if "tool_calls" in delta:
        return type(delta["tool_calls"]) is list and all(map(_call_chunk, delta["tool_calls"]))
    return "function_call" not in delta or delta["function_call"] is not None


def _call_chunk(call: Any) -> bool:
    if type(call) is not dict or type(call.get("index")) is not int or None in call.values():
        return False
    function = call.get("function")
    return function is None or (type(function) is dict and None not in function.values())


def _has_null(message: Mapping[str, Any]) -> bool:
    return any(message[name] is None for name in NEVER_NULL if name in message)


def _in(value: Any, allowed: frozenset[Any]) -> bool:
    return type(value) in _TEXT_OR_NULL and value in allowed
