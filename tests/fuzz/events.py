"""Server-sent events as the standard reads them, and streams of any bytes.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st


@dataclass
class Heard:
    """What a client hears. `data`: of each event; `fields`: every other field that was said."""

    data: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    unended: str = ""


def heard(raw: str) -> Heard:
    """A whole stream, parsed line by line; `unended` is what no empty line has dispatched."""
    found, lines = Heard(), re.split("\r\n|\r|\n", raw.removeprefix("\ufeff"))
    data: list[str] = []
    for line in lines[:-1]:
        name, _, value = line.partition(":")
        if line == "":
            if data:
                found.data.append("\n".join(data))
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))
        elif name:
            found.fields.append(line)
    found.unended = "\n".join([*data, lines[-1]]) if data or lines[-1] else ""
    return found


def _chunk(**more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": "So\n\ndata: it\r\n"}, "finish_reason": None}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"} | {
        "choices": [choice | more]
    }


_EVENTS: tuple[Any, ...] = (
    _chunk(),
    _chunk(delta={"role": "assistant"}),
    _chunk(finish_reason="stop", delta={}),
    _chunk(delta={"tool_calls": [{"function": {"name": 5}}]}),
    {"choices": []},
    {"choices": [{}], "usage": {"prompt_tokens": 1}},
    {"choices": 5},
    {"choices": [5]},
    {"error": {"message": "no\n\ndata: [DONE]", "code": "x"}},
    {"error": []},
    {"event": "ping"},
    [],
    "data: {}",
    5,
    None,
)
_PARTS = [
    *(json.dumps(one).encode() for one in _EVENTS),
    *(
        b"[DONE]",
        b" [DONE] ",
        b"[DONE]x",
        b"{",
        b"}",
        b'{"a":\n',
        b"\xff\xfe",
        b"\x00",
        b"\xef\xbb\xbf",
    ),
    *(
        b"data:",
        b"data: ",
        b"data",
        b"event: error",
        b"id: 7",
        b"retry: 9",
        b": note",
        b":",
        b"x" * 99,
    ),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\xe2\x80\xa8", b"\x85", b"\x0b"),
    b'data: {"id":"c","choices":[{"delta":{"content":"\\u2028"}}]}\n\n',
    b'data: {"id":"c",\ndata: "choices":[]}\n\n',
]
_whole = st.sampled_from(_EVENTS).map(lambda one: b"data: " + json.dumps(one).encode() + b"\n\n")
_usual = st.sampled_from([b"data: " + json.dumps(_chunk()).encode() + b"\n\n", b"data: [DONE]\n\n"])
STREAMS = st.lists(
    st.one_of(st.sampled_from(_PARTS), _usual, _whole, st.binary(max_size=4)), max_size=12
).map(b"".join)
CUTS = st.lists(st.integers(0, 2000), max_size=8)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    """A stream in pieces: at these places, or byte by byte where there is just one cut, at 0."""
    if cuts == [0]:
        return [stream[place : place + 1] for place in range(len(stream))]
    places = [0, *sorted(cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(places)]
