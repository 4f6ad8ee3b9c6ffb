"""OpenAI-shaped chat answers, completed to what OpenAI's own description demands.

Compatible servers leave out `object`, `created`, `index`, `refusal` or `logprobs`, write null where the
description knows none, and have finish reasons of their own. What an answer lacks and only the clock
or the caller can know (`created`, `id`, `model`) is given from outside.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.core import JSON
from translators.errors import MalformedReply
from translators.looks import FINISH, NEVER_NULL, ROLES, TIERS

# Other APIs' words for why an answer ended: Gemini's, Anthropic's, Cohere's, TGI's, DeepSeek's. What was
# broken off by an error reads as "length": the client must see that the answer is not whole.
_FINISH_WORDS = {
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_length", "length_limit"), "length"),
    **dict.fromkeys(
        ("max_length", "incomplete", "error", "error_limit", "network_error"), "length"
    ),
    **dict.fromkeys(("insufficient_system_resource", "abort", "aborted", "cancelled"), "length"),
    **dict.fromkeys(("tool_use", "tool_call", "toolcalls"), "tool_calls"),
    **dict.fromkeys(("safety", "recitation", "blocklist", "prohibited_content"), "content_filter"),
    **dict.fromkeys(("spii", "refusal", "sensitive", "content_filtered"), "content_filter"),
}


def mend_completion(body: Mapping[str, Any], *, model: str, created: int, id: str) -> JSON:
    """A whole chat answer as OpenAI describes it (CreateChatCompletionResponse), as a new mapping.

    `created` is a Unix time in seconds. Raises MalformedReply where the answer has no choices.
    """
    top = _top(body, model, created, id)
    top["object"] = "chat.completion"
    if isinstance(usage := body.get("usage"), Mapping):
        top["usage"] = _usage(usage)
    else:
        top.pop("usage", None)
    choices = _choices(body)
    top["choices"] = [_choice(place, one, top["id"]) for place, one in enumerate(choices)]
    return top


def mend_chunk(chunk: Mapping[str, Any], *, model: str, created: int, id: str) -> JSON:
    """One chunk of a stream as OpenAI describes it (CreateChatCompletionStreamResponse).

    Raises MalformedReply where its choices are no list of objects; none at all are an empty list.
    """
    top = _top(chunk, model, created, id)
    top["object"] = "chat.completion.chunk"
    if "usage" in chunk:
        top["usage"] = _usage(chunk["usage"]) if isinstance(chunk["usage"], Mapping) else None
    choices = _choices(chunk) if chunk.get("choices") else []
    top["choices"] = [_chunk_choice(place, one) for place, one in enumerate(choices)]
    return top


def _top(body: Mapping[str, Any], model: str, created: int, id: str) -> JSON:
    top = dict(body)
    given = body.get("created")
    whole = isinstance(given, int | float) and not isinstance(given, bool) and given >= 0
    top["created"] = int(given) if whole else created  # type: ignore[arg-type]
    for name, value in (("id", id), ("model", model)):
        if not isinstance(top.get(name), str) or not top[name]:
            top[name] = value
    tier = top.get("service_tier")
    if not isinstance(tier, str | None) or tier not in TIERS:
        del top["service_tier"]
    if not isinstance(top.get("system_fingerprint", ""), str):
        del top["system_fingerprint"]
    return top


def _choices(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, Mapping) for one in choices):
        raise MalformedReply("The chat answer has no choices.")
    return choices


def _choice(place: int, choice: Mapping[str, Any], id: str) -> JSON:
    made = dict(choice)
    made.pop("delta", None)
    message = choice.get("message", choice.get("delta"))
    if not isinstance(message, Mapping):
        message = {"content": choice.get("text")}
    made["message"] = _message(message, id)
    made["index"] = _index(choice, place)
    made["logprobs"] = _logprobs(choice)
    finish = _finish(choice.get("finish_reason"))
    made["finish_reason"] = finish or (
        "tool_calls" if made["message"].get("tool_calls") else "stop"
    )
    return made


def _chunk_choice(place: int, choice: Mapping[str, Any]) -> JSON:
    made = dict(choice)
    delta = choice.get("delta", choice.get("message"))
    made["delta"] = _delta(delta) if isinstance(delta, Mapping) else {}
    made.pop("message", None)
    made["index"] = _index(choice, place)
    made["finish_reason"] = _finish(choice.get("finish_reason"))
    if "logprobs" in choice:
        made["logprobs"] = _logprobs(choice)
    return made


def _message(message: Mapping[str, Any], id: str) -> JSON:
    made = {name: value for name, value in message.items() if name not in NEVER_NULL or value}
    made["role"] = "assistant"
    made["content"] = _text(message.get("content"))
    made["refusal"] = _text(message.get("refusal"))
    if calls := made.pop("tool_calls", None):
        made["tool_calls"] = [
            _tool_call(one, f"call_{id}_{place}")
            for place, one in enumerate(calls)
            if isinstance(one, Mapping)
        ]
    return made


def _delta(delta: Mapping[str, Any]) -> JSON:
    made = {name: value for name, value in delta.items() if name not in NEVER_NULL or value}
    if "role" in made and made["role"] not in list(ROLES):
        del made["role"]
    for name in ("content", "refusal"):
        if name in made:
            made[name] = _text(made[name])
    if calls := made.pop("tool_calls", None):
        made["tool_calls"] = [
            _call_chunk(place, one) for place, one in enumerate(calls) if isinstance(one, Mapping)
        ]
    return made


def _tool_call(call: Mapping[str, Any], id: str) -> JSON:
    made = {**call, "id": call.get("id") or id, "type": call.get("type") or "function"}
    if isinstance(function := call.get("function"), Mapping):
        made["function"] = {
            **function,
            "name": function.get("name") or "",
            "arguments": _arguments(function.get("arguments") or {}),
        }
    return made


def _call_chunk(place: int, call: Mapping[str, Any]) -> JSON:
    made = {name: value for name, value in call.items() if value is not None}
    made["index"] = _index(call, place)
    if "type" in made:
        made["type"] = "function"
    if isinstance(function := made.get("function"), Mapping):
        function = {name: value for name, value in function.items() if value is not None}
        if "arguments" in function:
            function["arguments"] = _arguments(function["arguments"])
        made["function"] = function
    return made


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _text(content: Any) -> str | None:
    """A message's content as one string; parts are joined, null stays null."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [one.get("text") for one in content if isinstance(one, Mapping)]
        return "".join(text for text in texts if isinstance(text, str))
    return str(content)


def _index(holder: Mapping[str, Any], place: int) -> int:
    index = holder.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else place


def _logprobs(choice: Mapping[str, Any]) -> JSON | None:
    value = choice.get("logprobs")
    if not isinstance(value, Mapping) or not isinstance(value.get("content"), list):
        return None
    tokens = [
        {"bytes": None, "top_logprobs": [], **one}
        for one in value["content"]
        if isinstance(one, Mapping)
    ]
    return {"refusal": None, **value, "content": tokens}


def _finish(reason: Any) -> str | None:
    """A finish reason in OpenAI's words; `None` where the answer gives none (yet)."""
    if not isinstance(reason, str) or not reason or reason in ("null", "FINISH_REASON_UNSPECIFIED"):
        return None
    word = reason.lower()
    return word if word in FINISH else _FINISH_WORDS.get(word, "stop")


def _usage(usage: Mapping[str, Any]) -> JSON:
    made: JSON = {}
    for name, value in usage.items():
        if isinstance(value, Mapping):
            made[name] = {key: one for key, one in value.items() if one is not None}
        elif value is not None:
            made[name] = value
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    answer = _count(usage, "completion_tokens", "output_tokens")
    total = _count(usage, "total_tokens") or prompt + answer
    return {**made, "prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total}


def _count(usage: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return 0
