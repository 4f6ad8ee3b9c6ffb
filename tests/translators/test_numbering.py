"""Which call the pieces of a streamed tool call belong to."""

from typing import Any

import pytest

from translators.numbering import Numbering


def piece(index: int | None, id: str | None = None, name: str | None = None) -> dict[str, Any]:
    function = {"arguments": "{}"} if name is None else {"name": name, "arguments": "{}"}
    made = {"index": index, "id": id, "function": function}
    return {key: value for key, value in made.items() if value is not None}


def chunk(*pieces: Any, choice: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": choice, "delta": {"tool_calls": list(pieces)}}]}


def indexes(chunks: list[dict[str, Any]]) -> list[int]:
    numbering = Numbering()
    return [
        call["index"]
        for one in chunks
        for choice in numbering.numbered(one, "c")["choices"]
        for call in choice["delta"]["tool_calls"]
    ]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([piece(0, "a", "f"), piece(0, "b", "g")], [0, 1]),
        ([piece(None, "a", "f"), piece(None, "b", "f")], [0, 1]),
        ([piece(None, "a", "f"), piece(None), piece(None, "b", "g"), piece(None)], [0, 0, 1, 1]),
        ([piece(None, "a", "f"), piece(None, "b", "g"), piece(None, "a")], [0, 1, 0]),
        ([piece(None, None, "f"), piece(None), piece(None, None, "g")], [0, 0, 1]),
        ([piece(None, None, "f"), piece(None, "b", "g"), piece(None, None, "h")], [0, 1, 2]),
        ([piece(None, "a", "f"), piece(None, "other"), piece(None, "b", "g")], [0, 0, 1]),
        ([piece(0, "a", "f"), piece(0), piece(0, "b", "g"), piece(0)], [0, 0, 1, 1]),
        ([piece(0, "a", "f"), piece(0, "b", "g"), piece(1, "c", "h")], [0, 1, 2]),
    ],
)
def test_a_call_has_an_index_of_its_own(pieces: list[Any], expected: list[int]) -> None:
    assert indexes([chunk(one) for one in pieces]) == expected
    assert indexes([chunk(*pieces)]) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "a", "f"), piece(0), piece(1, "b", "g"), piece(1), piece(0)],
        [piece(1, "b", "g"), piece(0, "a", "f"), piece(1)],
        [piece(0, "a", "f"), piece(0, "other")],  # vLLM gave every piece an id
        [piece(0, "a", "f"), piece(0, "a", "f")],
        [piece(0, "a", "get_"), piece(0, None, "weather")],
        [None, "x"],
    ],
)
def test_what_is_right_stays_the_very_same(pieces: list[Any]) -> None:
    numbering = Numbering()
    for one in [chunk(piece) for piece in pieces]:
        assert numbering.numbered(one, "c") is one


@pytest.mark.parametrize("id", [None, "", "null"])
def test_a_call_without_an_id_is_given_one(id: str | None) -> None:
    numbering = Numbering()
    pieces = [piece(0, id, "f"), piece(0), piece(None, id, "g"), piece(2, "own", "h")]
    made = [numbering.numbered(chunk(one), "c")["choices"][0]["delta"] for one in pieces]
    ids = [one["tool_calls"][0].get("id") or None for one in made]
    assert ids == ["call_c_0", None, "call_c_1", "own"]


def test_each_choice_counts_for_itself() -> None:
    chunks = [chunk(piece(None, id, "f"), choice=choice) for id, choice in [("a", 0), ("b", 1)]]
    assert indexes(chunks) == [0, 0]


@pytest.mark.parametrize(
    "odd", [{}, {"choices": 1}, {"choices": [1]}, {"choices": [{"delta": 1}]}, chunk()]
)
def test_what_holds_no_calls_is_left_alone(odd: dict[str, Any]) -> None:
    assert Numbering().numbered(odd, "c") is odd


def test_a_whole_answer_s_calls_in_the_place_of_chunks() -> None:
    whole = {"choices": [{"message": {"tool_calls": [piece(None, None, "f")]}}]}
    (choice,) = Numbering().numbered(whole, "c")["choices"]
    assert choice["message"]["tool_calls"] == [piece(0, "call_c_0", "f")]
