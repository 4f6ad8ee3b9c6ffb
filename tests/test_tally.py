"""What answers that pass through tell of their usage, found without parsing them; times as OpenAI writes them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.limits import Place, duration
from proxy.tally import Tally


def told(credits: str | None = None, usd_per_credit: float | None = 0.01, **price: Any) -> Tally:
    """The tally of a request to a target that prices so."""
    account: Any = SimpleNamespace(usd_per_credit=usd_per_credit, prices={})
    operation = SimpleNamespace(credits=credits)
    plan = SimpleNamespace(operation=operation, model="m", body=None, **({"price": None} | price))
    candidate: Any = SimpleNamespace(account=account, plan=plan, target=SimpleNamespace(model="m"))
    tally = Tally()
    tally.asking(candidate)
    tally.answered_by(candidate)
    return tally


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}, (7, 5)),
        ({"usage": {"prompt_tokens": 7, "total_tokens": 7}}, (7, 0)),
        (
            {
                "usage": {
                    "input_tokens": 7,
                    "input_tokens_details": {"cached_tokens": 3},
                    "output_tokens": 5,
                },
                "user": None,
            },
            (7, 5),
        ),
        ({"usage": None}, (0, 0)),
        ({"usage": {"prompt_tokens": None, "completion_tokens": -1}}, (0, 0)),
        ({"usage": {"prompt_tokens": 1e30}}, (0, 0)),
        ({"usage": {"prompt_tokens": 10**12, "completion_tokens": 10**12 + 1}}, (10**12, 0)),
        ({"content": '"usage": {"prompt_tokens": 9}'}, (0, 0)),
        ({"usage": {"prompt_tokens": 7}, "content": '"usage": {"prompt_tokens": 9}'}, (7, 0)),
        ({}, (0, 0)),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_tokens(answer: dict[str, Any], found: tuple[int, int], indent: int | None) -> None:
    tally = told()
    tally.read(json.dumps(answer, indent=indent).encode())
    assert (tally.prompt_tokens, tally.completion_tokens) == found


@pytest.mark.parametrize(
    ("value", "cost"),
    [
        (2, 0.02),
        (0, 0.0),
        (2.5, 0.025),
        ("2", None),
        (None, None),
        (-2, None),
        (1e305, None),
        (1e10, None),
    ],
)
def test_credits(value: Any, cost: float | None) -> None:
    tally = told("credits_consumed")
    tally.read(json.dumps({"usage": None, "credits_consumed": value}).encode())
    assert tally.cost == cost
    tally = told("credits_consumed")
    tally.note({"credits_consumed": value})
    assert tally.cost == cost


def test_credits_win_over_the_price() -> None:
    tally = told("credits_consumed", price=0.5)
    assert tally.cost == 0.5
    tally.note({"credits_consumed": 2})
    assert tally.cost == 0.02


def test_credits_without_a_price_tell_nothing() -> None:
    tally = told("credits_consumed", usd_per_credit=None)
    tally.note({"credits_consumed": 2})
    assert tally.cost is None


def test_the_last_usage_of_a_stream_counts() -> None:
    tally = told()
    for usage in (
        None,
        {"prompt_tokens": 7, "completion_tokens": 1},
        {"completion_tokens": 5},
        3,
        {"prompt_tokens": 2**64 - 1, "completion_tokens": 10**13},
    ):
        tally.note({"usage": usage})
    assert (tally.prompt_tokens, tally.completion_tokens) == (7, 5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0201, "21ms"),
        (1, "1s"),
        (59.2, "1m0s"),
        (360, "6m0s"),
        (3600, "1h0m0s"),
        (90_061, "25h1m1s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": headers}


def piece(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def test_an_answer_ends_with_its_last_message() -> None:
    place = Place("web", "a")
    sent = [start(), piece(b"a"), piece(b""), piece(b"", more=False)]
    assert [place.ends_with(one) for one in sent] == [False, False, False, True]


def test_an_answer_ends_with_its_last_byte() -> None:
    place = Place("web", "a")
    sent = [start((b"content-length", b"3")), piece(b"a"), piece(b"bc")]
    assert [place.ends_with(one) for one in sent] == [False, False, True]


def test_a_stream_ends_where_it_says_so() -> None:
    place = Place("web", "a")
    sent = [start(), piece(b"data: {}\n\n"), piece(b"data: {}\n\ndata: [DONE]\n\n")]
    assert [place.ends_with(one) for one in sent] == [False, False, True]
