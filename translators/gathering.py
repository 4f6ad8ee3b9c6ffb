"""The chunks of a stream, put together to the whole answer whose parts they are.

Some servers stream whatever they are asked for: https://github.com/BerriAI/litellm/issues/25766. Others put the
end of a stream behind a whole answer: https://github.com/decolua/9router/issues/3492.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.core import JSON, from_json
from translators.errors import MalformedReply, error_in
from translators.framing import Framer
from translators.mending_parts import index_of
from translators.numbering import Numbering

_ONCE = ("role", "id", "type", "name")  # said with the first piece; some repeat it with each


def gathered(raw: bytes) -> JSON | None:
    """The chat answer that a stream's bytes amount to, or the error that one of its events is; None for what is no
    stream. Raises MalformedReply for one that ends too soon."""
    framer = Framer()
    whole: JSON = {}
    choices: dict[int, JSON] = {}
    calls, done = Numbering(), False
    for event in (*framer.feed(raw), *framer.close()):
        data = (event.data or event.bare or b"").strip()
        if data == b"[DONE]":
            done = True
        elif data:
            chunk = _read(data)
            if error_in(chunk):
                return chunk
            _add(whole, choices, calls.numbered(chunk, str(whole.get("id", ""))))
    if not choices:
        return None
    if not done and not all(one.get("finish_reason") for one in choices.values()):
        raise MalformedReply("The gateway ended the stream before the answer was finished.")
    return {**whole, "choices": [_made(choices[index]) for index in sorted(choices)]}


def _read(data: bytes) -> JSON:
    try:
        chunk = from_json(data)
    except orjson.JSONDecodeError as exc:
        raise MalformedReply("An event of the gateway's stream is not JSON.") from exc
    if not isinstance(chunk, dict):
        raise MalformedReply("An event of the gateway's stream is not an object.")
    return chunk


def _add(whole: JSON, choices: dict[int, JSON], chunk: JSON) -> None:
    for name, value in chunk.items():
        if name not in ("choices", "object") and value is not None:
            whole[name] = value  # of usage the last counts
    pieces = chunk.get("choices")
    for place, piece in enumerate(pieces if isinstance(pieces, list) else ()):
        if isinstance(piece, Mapping):
            index = index_of(piece, place)
            choice = choices.setdefault(index, {"index": index, "message": {}, "logprobs": {}})
            _join(choice["message"], piece.get("delta") or piece.get("message"))
            _join(choice["logprobs"], piece.get("logprobs"))
            choice["finish_reason"] = piece.get("finish_reason") or choice.get("finish_reason")


def _join(made: JSON, piece: Any) -> None:
    """Texts and lists go on, calls of tools each for itself."""
    for name, value in piece.items() if isinstance(piece, Mapping) else ():
        known = made.get(name)
        if name == "tool_calls" and isinstance(value, list):
            calls = made.setdefault(name, {})
            for place, call in enumerate(value):
                if isinstance(call, Mapping):
                    _join(calls.setdefault(index_of(call, place), {}), call)
        elif isinstance(value, Mapping):
            _join(made.setdefault(name, {}), value)
        elif known is None:
            made[name] = value
        elif isinstance(value, str) and isinstance(known, str) and name not in _ONCE:
            made[name] = known + value
        elif isinstance(value, list) and isinstance(known, list):
            made[name] = [*known, *value]


def _made(choice: JSON) -> JSON:
    message = dict(choice["message"])
    if calls := message.pop("tool_calls", None):
        message["tool_calls"] = [
            {name: value for name, value in calls[index].items() if name != "index"}
            for index in sorted(calls)
        ]
    return {**choice, "message": message, "logprobs": choice["logprobs"] or None}
