"""The calls of tools in a stream, each under an index and an id of its own.

Clients join the pieces of one index. Gateways in front of Gemini send every call whole in a chunk of its
own, under index 0 or none: https://github.com/QuantumNous/new-api/pull/2701. Joined, they would be one call
whose arguments are no JSON. And some give a call no id, without which its result cannot be sent back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import is_
from typing import Any

from translators.core import JSON
from translators.mending_parts import index_of


class Numbering:
    """Of one stream: it is shown every chunk that holds calls, in order."""

    def __init__(self) -> None:
        self._choices: dict[int, _Calls] = {}

    def numbered(self, chunk: JSON, id: str) -> JSON:
        """The chunk itself where its calls are right, which is usual; else one with others. `id`: the stream's;
        where it is "", calls without an id have none yet."""
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            return chunk
        made = [self._choice(place, one, id) for place, one in enumerate(choices)]
        return chunk if _same(made, choices) else {**chunk, "choices": made}

    def _choice(self, place: int, choice: Any, id: str) -> Any:
        if not isinstance(choice, Mapping):
            return choice
        # A whole answer may stand in the place of chunks.
        name = "delta" if "delta" in choice else "message"
        delta = choice.get(name)
        if not isinstance(delta, Mapping) or not isinstance(
            pieces := delta.get("tool_calls"), list
        ):
            return choice
        calls = self._choices.setdefault(index_of(choice, place), _Calls())
        made = [calls.numbered(one, id) if isinstance(one, Mapping) else one for one in pieces]
        return choice if _same(made, pieces) else {**choice, name: {**delta, "tool_calls": made}}


@dataclass(slots=True)
class _Calls:
    """One choice's calls. `ids`: of each by its index ("" for none); `at`: which one a gateway's index means."""

    ids: dict[int, str] = field(default_factory=dict)
    at: dict[int | None, int] = field(default_factory=dict)

    def numbered(self, piece: Mapping[str, Any], id: str) -> Mapping[str, Any]:
        given, own = index_of(piece, -1), str(piece.get("id") or "")
        own = "" if own == "null" else own  # as Mistral's first had it
        known = len(self.ids)
        index = self._index(piece, None if given < 0 else given, own)
        if len(self.ids) > known and not own:
            return {**piece, "index": index, "id": f"call_{id}_{index}" if id else None}
        return piece if index == given else {**piece, "index": index}

    def _index(self, piece: Mapping[str, Any], given: int | None, id: str) -> int:
        function = piece.get("function")
        named = isinstance(function, Mapping) and bool(function.get("name"))
        here = self.at.get(given)
        if given is None:
            here = next((place for place, one in self.ids.items() if id and one == id), here)
        # Some servers give every piece an id of its own: only a call's first piece has a name.
        begins = here is None
        if here is not None and named:
            there = self.ids[here]
            other = id != there
            begins = other or not id if given is None else other and bool(id and there)
        if begins:
            here = given if given is not None and given not in self.ids else self._next()
            self.ids[here] = id
        assert here is not None
        self.at[given] = here
        return here

    def _next(self) -> int:
        return max(self.ids, default=-1) + 1


def _same(made: list[Any], given: list[Any]) -> bool:
    return all(map(is_, made, given))
