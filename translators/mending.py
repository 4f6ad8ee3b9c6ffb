"""OpenAI-shaped chat answers, completed to what OpenAI's own description demands.

Compatible servers leave out `object`, `created`, `index`, `refusal` or `logprobs`, write null where the
description knows none, and have finish reasons of their own. What an answer lacks and only the clock
or the caller can know (`created`, `id`, `model`) is given from outside.
"""

from collections.abc import Mapping
from typing import Any

from orjson import JSONDecodeError

from translators.core import JSON, from_json
from translators.errors import MalformedReply
from translators.looks import NEVER_NULL, ROLES, TIERS
from translators.mending_parts import (
    beyond_text,
    call_chunk,
    finish_reason,
    function_call,
    function_chunk,
    index_of,
    logprobs,
    text_of,
    tool_call,
    usage_of,
)


def chunk_in(data: bytes) -> JSON:
    """The object that an event's data is. Raises MalformedReply."""
    try:
        chunk = from_json(data)
    except JSONDecodeError as exc:
        raise MalformedReply("The gateway sent an event that is not JSON.") from exc
    if not isinstance(chunk, dict):
        raise MalformedReply("The gateway sent an event that is not an object.")
    return chunk


def mend_completion(body: Mapping[str, Any], *, model: str, created: int, id: str) -> JSON:
    """A whole chat answer as OpenAI describes it (CreateChatCompletionResponse), as a new mapping.

    `created` is a Unix time in seconds. Raises MalformedReply where the answer has no choices.
    """
    top = _top(body, model, created, id)
    top["object"] = "chat.completion"
    if isinstance(usage := body.get("usage"), Mapping):
        top["usage"] = usage_of(usage)
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
        top["usage"] = usage_of(chunk["usage"]) if isinstance(chunk["usage"], Mapping) else None
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
    made["index"] = index_of(choice, place)
    made["logprobs"] = logprobs(choice)
    finish = finish_reason(choice.get("finish_reason"))
    made["finish_reason"] = finish or (
        "tool_calls" if made["message"].get("tool_calls") else "stop"
    )
    return made


def _chunk_choice(place: int, choice: Mapping[str, Any]) -> JSON:
    made = dict(choice)
    delta = choice.get("delta", choice.get("message"))
    made["delta"] = _delta(delta) if isinstance(delta, Mapping) else {}
    made.pop("message", None)
    made["index"] = index_of(choice, place)
    made["finish_reason"] = finish_reason(choice.get("finish_reason"))
    if "logprobs" in choice:
        made["logprobs"] = logprobs(choice)
    return made


def _message(message: Mapping[str, Any], id: str) -> JSON:
    made = _well_typed(message)
    made["role"] = "assistant"
    made["content"] = text_of(message.get("content"))
    _keep_pictures(made, message)
    made["refusal"] = text_of(message.get("refusal"))
    if "tool_calls" in made:
        calls = enumerate(made["tool_calls"])
        made["tool_calls"] = [tool_call(one, f"call_{id}_{place}") for place, one in calls]
    if "function_call" in made:
        made["function_call"] = function_call(made["function_call"])
    return made


def _delta(delta: Mapping[str, Any]) -> JSON:
    made = _well_typed(delta)
    if "role" in made and made["role"] not in list(ROLES):
        del made["role"]
    for name in ("content", "refusal"):
        if name in made:
            made[name] = text_of(made[name])
    _keep_pictures(made, delta)
    if "tool_calls" in made:
        made["tool_calls"] = [call_chunk(*one) for one in enumerate(made["tool_calls"])]
    if "function_call" in made:
        made["function_call"] = function_chunk(made["function_call"])
    return made


def _keep_pictures(made: JSON, message: Mapping[str, Any]) -> None:
    """What an image model has drawn, and was paid for, outlives the flattening of its content."""
    if found := beyond_text(message.get("content")):
        there = message.get("images")
        made["images"] = [*(there if isinstance(there, list) else ()), *found]


def _well_typed(message: Mapping[str, Any]) -> JSON:
    """A message without its empty or mistyped calls and annotations: absent they may be, null not."""
    made = {name: value for name, value in message.items() if name not in NEVER_NULL}
    for name in ("tool_calls", "annotations"):
        if isinstance(value := message.get(name), list):
            objects = [one for one in value if isinstance(one, Mapping)]
            made.update({name: objects} if objects else {})
    if isinstance(call := message.get("function_call"), Mapping):
        made["function_call"] = call
    return made
