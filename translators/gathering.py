"""The chunks of a stream, put together to the whole answer whose parts they are.

Some servers stream whatever they are asked for: https://github.com/BerriAI/litellm/issues/25766. Others put the
end of a stream behind a whole answer: https://github.com/decolua/9router/issues/3492.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from translators.core import JSON
from translators.errors import MalformedReply, error_in
from translators.framing import Framer
from translators.mending import chunk_in
from translators.mending_parts import index_of
from translators.numbering import Numbering

_ONCE = ("role", "id", "type", "name")  # said with the first piece; some repeat it with each


def gathered(raw: bytes) -> JSON | None:
    """The chat answer that a stream's bytes amount to, or the error that one of its events is; None for what is no
    stream. Raises MalformedReply for one that ends too soon."""
    framer = Framer(len(raw))
    whole: JSON = {}
    choices: dict[int, list[Mapping[str, Any]]] = {}
    calls, done = Numbering(), False
    for event in (*framer.feed(raw), *framer.close()):
        data = (event.data or event.bare or b"").strip()
        if done := data == b"[DONE]":
            break
        if data:
            chunk = chunk_in(data)
            if error_in(chunk):
                return chunk
            if chunk.get("type") == "error":
                return {"error": chunk}
            _add(whole, choices, calls.numbered(chunk, ""))
    if not choices:
        return whole or None  # what some gateways' errors are
    made = [_made(index, choices[index]) for index in sorted(choices)]
    if not done and not all(one["finish_reason"] for one in made):
        raise MalformedReply("The gateway ended the stream before the answer was finished.")
    return {**whole, "choices": made}


def _add(whole: JSON, choices: dict[int, list[Mapping[str, Any]]], chunk: JSON) -> None:
    for name, value in chunk.items():
        if name not in ("choices", "object", "type") and value is not None:
            whole[name] = value  # of usage the last counts
    pieces = chunk.get("choices")
    for place, piece in enumerate(pieces if isinstance(pieces, list) else ()):
        if isinstance(piece, Mapping):
            choices.setdefault(index_of(piece, place), []).append(piece)


def _made(index: int, pieces: Sequence[Mapping[str, Any]]) -> JSON:
    reasons = (one.get("finish_reason") for one in reversed(pieces))
    return {
        "index": index,
        "message": _joined([one.get("delta") or one.get("message") for one in pieces]),
        "logprobs": _joined([one.get("logprobs") for one in pieces]) or None,
        "finish_reason": next(filter(None, reasons), None),
    }


def _joined(pieces: Sequence[Any]) -> JSON:
    """Objects as one, of each member what its values amount to. All at once: joined one by one, each would copy
    those before it."""
    values: dict[str, list[Any]] = {}
    for piece in pieces:
        for name, value in piece.items() if isinstance(piece, Mapping) else ():
            values.setdefault(name, []).append(value)
    return {name: _value(name, said) for name, said in values.items()}


def _value(name: str, values: Sequence[Any]) -> Any:
    """Texts and lists go on, calls of tools each for itself; null and "" are said by many before anything is."""
    said = [one for one in values if one is not None and one != ""]
    if not said:
        return next((one for one in values if one is not None), None)
    if name == "tool_calls":
        return _calls(said)
    if name in _ONCE:
        return said[0]
    if any(isinstance(one, list) for one in said):
        return [part for one in said for part in _parts(one)]
    if all(isinstance(one, str) for one in said):
        return "".join(said)
    return _joined(said) if all(isinstance(one, Mapping) for one in said) else said[0]


def _parts(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if isinstance(content, list) else []


def _calls(lists: Sequence[Any]) -> list[JSON]:
    pieces: dict[int, list[Any]] = {}
    for one in lists:
        for place, call in enumerate(one if isinstance(one, list) else ()):
            if isinstance(call, Mapping):
                pieces.setdefault(index_of(call, place), []).append(call)
    made = [_joined(pieces[index]) for index in sorted(pieces)]
    return [{name: value for name, value in call.items() if name != "index"} for call in made]
