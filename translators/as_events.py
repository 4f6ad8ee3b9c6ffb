"""A whole answer as the events that were asked for: a gateway may answer so whatever it is asked.

Chat: https://platform.openai.com/docs/api-reference/chat-streaming
Completions: https://platform.openai.com/docs/api-reference/completions/create
Responses: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from translators.core import JSON, Capability
from translators.framing import DONE, encode
from translators.mending import mend_chunk

# Of an item that holds parts, how a part is filled: the events' name, and the member that they fill.
_FILLED: Final = {"output_text": ("output_text", "text"), "refusal": ("refusal", "refusal")}
_ENDED: Final = ("completed", "failed", "incomplete")


def chat(whole: JSON, *, usage: bool) -> Iterator[bytes]:
    """A chunk with the whole message, and one with the `usage` where that was asked for."""
    top = {name: whole[name] for name in ("id", "created", "model")}
    choices = [
        {
            "index": one["index"],
            "delta": one["message"],
            "finish_reason": one["finish_reason"],
            "logprobs": one["logprobs"],
        }
        for one in whole["choices"]
    ]
    yield encode(orjson.dumps(mend_chunk({**top, "choices": choices}, **top)))
    if usage and whole.get("usage"):
        last = {**top, "choices": [], "usage": whole["usage"]}
        yield encode(orjson.dumps(mend_chunk(last, **top)))
    yield DONE


def completion(whole: JSON) -> Iterator[bytes]:
    """A chunk of a completion is an object like the whole: it is the only one."""
    yield encode(orjson.dumps(whole))
    yield DONE


def response(whole: JSON) -> Iterator[bytes]:
    """In OpenAI's order: the response, its items and their parts are begun, filled, and done from within."""
    for number, event in enumerate(_of_response(whole)):
        said = orjson.dumps({**event, "sequence_number": number})
        yield b"event: " + str(event["type"]).encode() + b"\n" + encode(said)


# By what was asked for; what has another shape is passed on whole.
AS_EVENTS: Mapping[Capability, Callable[[JSON], Iterator[bytes]]] = {
    Capability.COMPLETION: completion,
    Capability.RESPONSE: response,
}


def _of_response(whole: JSON) -> Iterator[JSON]:
    begun = {**whole, "status": "in_progress", "output": []}
    begun.pop("usage", None)  # known at the end
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(_objects(whole.get("output"))):
        yield from _of_item(index, item)
    if (status := whole.get("status", "completed")) in _ENDED:
        yield {"type": f"response.{status}", "response": whole}


def _of_item(index: int, item: Mapping[str, Any]) -> Iterator[JSON]:
    place: JSON = {"output_index": index}
    within = {**place, "item_id": item.get("id") or f"item_{index}"}
    kind, empty = item.get("type"), {**item, "status": "in_progress"}
    if kind == "message":
        yield _event("output_item.added", place, item={**empty, "content": []})
        for number, part in enumerate(_objects(item.get("content"))):
            yield from _of_part({**within, "content_index": number}, part)
    elif kind == "function_call":
        said = item.get("arguments", "")
        yield _event("output_item.added", place, item={**empty, "arguments": ""})
        yield _event("function_call_arguments.delta", within, delta=said)
        name = item.get("name", "")
        yield _event("function_call_arguments.done", within, arguments=said, name=name)
    else:
        yield _event("output_item.added", place, item=item)
    yield _event("output_item.done", place, item=item)


def _of_part(place: JSON, part: Mapping[str, Any]) -> Iterator[JSON]:
    if (known := _FILLED.get(str(part.get("type")))) is None:
        yield _event("content_part.added", place, part=part)
    else:
        name, member = known
        said = part.get(member, "")
        more: JSON = {"logprobs": part.get("logprobs") or []} if name == "output_text" else {}
        yield _event("content_part.added", place, part={**part, member: ""})
        yield _event(f"{name}.delta", place, delta=said, **more)
        yield _event(f"{name}.done", place, **{member: said}, **more)
    yield _event("content_part.done", place, part=part)


def _event(kind: str, place: JSON, **members: Any) -> JSON:
    return {"type": f"response.{kind}", **place, **members}


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()
