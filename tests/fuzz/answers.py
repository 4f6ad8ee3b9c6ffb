"""What gateways answer: the shapes of their pages and of their clients' logs, and mutations of them."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.wishes import JSON
from translators.core import Answer

_RECORDED = Path(__file__).parents[1] / "gateways"
_URL = "https://files.example/a.mp4"
_VARIANTS: tuple[Any, ...] = (
    {"taskId": "a-b", "url": _URL},
    {"taskId": "a-b", "data": "So it is."},
    {"type": "Fail", "error": "no", "data": {"taskId": 5}},
    {"created": 1, "model": "m", "videos": [{"url": _URL, "mime_type": "video/mp4"}]},
    {"id": "v", "status": "completed", "progress": "30%", "metadata": {"url": _URL}},
    {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "fail_reason": _URL}},
    {"code": 200, "message": "success", "data": {"task_id": "t", "status": "IN_PROGRESS"}},
    {
        "code": 200,
        "data": {"task_id": "t", "status": "SUCCESS", "consumed_credits": 2, "response": [_URL]},
    },
    {
        "data": {
            "response_data": [{"id": "c", "audio_url": _URL, "status": "complete", "title": "x"}]
        }
    },
    {"data": {"alignedWords": [{"word": "So", "startS": 0.0}], "text": "So"}},
    {"success": True, "data": {"task_id": "t", "estimated_cost": {"amount": 1, "currency": "USD"}}},
    {
        "data": {
            "task_id": "t",
            "state": "success",
            "resultJson": json.dumps({"resultUrls": [_URL]}),
        }
    },
    {"data": {"task_id": "t", "status": "completed", "text": "So", "duration": 1.5, "cost": 0.1}},
    {"success": False, "error": {"code": "model_not_found", "message": "no"}},
    {"error": {"code": 402, "message": "no", "type": "insufficient_credits"}},
    {"created": 1, "data": [{"b64_json": "aGk=", "revised_prompt": "x"}], "usage": {}},
    {
        "choices": [
            {"message": {"content": f"![a]({_URL})", "images": [{"image_url": {"url": _URL}}]}}
        ]
    },
    {"id": "c", "choices": [{"index": 0, "message": {"tool_calls": [{"function": {}}]}}]},
    {"id": "c", "choices": [{"delta": {"content": "x"}, "finish_reason": None}], "usage": None},
    {"object": "list", "data": [{"id": "m", "price": {"amount": 1}}], "balance": "12.5"},
    [{"id": "m"}, "n"],
)


def _recorded() -> Iterator[Any]:
    for path in sorted(_RECORDED.rglob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        yield from (one["body"] for one in told.values() if isinstance(one, dict) and "body" in one)


_KNOWN = (*_recorded(), *_VARIANTS)
_WORDS = (
    *("status", "state", "data", "error", "code", "id", "task_id", "url", "urls", "response"),
    *("result", "text", "message", "cost", "progress", "title", "choices", "usage", "images"),
)


def _nest(levels: int, value: Any) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {("data", "error", "url")[level % 3]: value}
    return value


_VALUES = (
    *(
        None,
        True,
        False,
        0,
        -1,
        5,
        0.5,
        -0.5,
        1e308,
        2**63,
        "",
        " ",
        "x",
        "\x00",
        "5",
        "-1",
        "nan",
        "1e999",
    ),
    *([], {}, [[]], [None], {"url": {}}, {"error": {"message": []}}, [{"text": 5}], [[[["x"]]]]),
    *("completed", "failed", "FAILED", "SUCCESS", "queued", "generating", "error", "30%", "-5%"),
    *(
        _URL,
        "/files/a",
        "ftp://a/b",
        "data:image/png;base64,aGk=",
        "data:,",
        "https://",
        "data:image/png;base64,é",
    ),
    *("é", "aGk=é", _nest(60, "x"), _nest(60, {"error": "no"}), json.dumps(_nest(60, _URL))),
    *("[]", "[[[", '{"url": 5}', '{"resultUrls": ["x"]}', "[" * 600, "moderation"),
)
_values = st.one_of(st.sampled_from(_VALUES), st.sampled_from(_VALUES), JSON)
_changes = st.lists(
    st.tuples(st.integers(0, 63), st.integers(0, 3), st.sampled_from(_WORDS), _values), max_size=3
)


def _mutated(shape: Any, changes: list[tuple[int, int, str, Any]]) -> Any:
    """A known shape with some of its places replaced, renamed or gone."""
    body = copy.deepcopy(shape)
    for number, what, word, value in changes:
        places = [(holder, place) for holder in _holders(body) for place in _places(holder)]
        if not places:
            return value
        holder, place = places[number % len(places)]
        if what == 0:
            del holder[place]
        elif what == 1 and isinstance(holder, dict):
            holder[word] = holder.pop(place)
        else:
            holder[place] = copy.deepcopy(value)
    return body


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from _holders(one)


def _places(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


_known = st.builds(_mutated, st.sampled_from(_KNOWN), _changes)
BODIES = st.one_of(
    _known, _known, st.dictionaries(st.sampled_from(_WORDS), _values, max_size=4), JSON
)
_STATUS = st.sampled_from(
    [200, 200, 200, 202, 204, 301, 400, 401, 402, 403, 404, 422, 429, 500, 503]
)
_HEADERS = st.sampled_from([{}, {"retry-after": "3"}, {"retry-after": "-1"}, {"retry-after": "x"}])


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """A gateway's whole answer; one in eight is no JSON."""
    status, headers, body = draw(_STATUS), draw(_HEADERS), draw(BODIES)
    if draw(st.integers(0, 7)) == 0:
        return Answer(status, headers, draw(st.binary(max_size=20)), None)
    return Answer(status, headers, json.dumps(body).encode(), body)
