"""What the file's prices make of a native body; requests end to end are in tests/e2e/test_costs.py."""

from typing import Any

import pytest

from proxy.config.sections import Price
from proxy.pricing import price_of
from translators.core import Operation
from translators.plan import Plan
from translators.values import Ordered, Request

TEN = "x" * 10_000
_PARTS = [{"type": "text", "text": TEN}, {"type": "image_url", "image_url": {"url": TEN}}]


def priced(body: dict[str, Any], seconds: str | None = None, **price: float) -> float | None:
    request, ordered = Request("POST", "/made", body), Ordered(seconds=seconds)
    return price_of(Plan("m", Operation("/made", {}), request, ordered), Price(**price))


@pytest.mark.parametrize(
    ("body", "usd"),
    [
        ({"prompt": TEN}, 1.0),
        ({"text": TEN, "messages": []}, 1.0),
        ({"input": [TEN, TEN]}, 2.0),
        ({"input": [[1, 2], [3]] * 100}, 0.12),  # tokens: some four characters each
        ({"messages": [{"role": "system", "content": TEN}, {"role": "user"}]}, 1.0),
        ({"messages": [{"role": "user", "content": _PARTS}]}, 1.0),
        ({"dialogue": [{"text": TEN, "voice": "a"}, {"text": TEN, "voice": "b"}]}, 2.0),
        ({"prompt": {"text": TEN, "image": TEN}}, 1.0),
        ({"prompt": ""}, 0.0),
        ({"file": "talk.mp3"}, None),
    ],
)
def test_characters(body: dict[str, Any], usd: float | None) -> None:
    assert priced(body, per_1k_chars=0.1) == usd


def test_what_is_not_known_is_not_free() -> None:
    assert priced({}, per_second=0.1) is None
    assert priced({}, per_second=0.1, per_request=1.0) is None
    assert priced({}, per_request=1.0) == 1.0
    assert priced({}, per_request=0.0) == 0.0


def test_every_piece_costs() -> None:
    assert priced({"n": 3}, "2", per_second=0.1) == 0.6
    assert priced({"n": 3}, per_image=0.1) == 0.3
    assert priced({"n": 3}, per_request=0.1) == 0.1
    assert priced({"n": "3"}, per_image=0.1) == 0.1


def test_small_prices_are_no_nothing() -> None:
    """Embeddings cost some 0.000005 USD a thousand characters: a short text is less than a millionth."""
    assert priced({"input": "x" * 90}, per_1k_chars=0.000005) == 0.00000045
    assert priced({"prompt": "x" * 7}, per_1k_chars=0.0000375) == 0.000000262
