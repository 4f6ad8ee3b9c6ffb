"""What a request costs by the configuration's prices, or by the gateway's own list. All in USD."""

from collections.abc import Mapping
from typing import Any

from proxy.accounts import Account
from proxy.config.sections import Price
from proxy.routing import Candidate
from proxy.store.money import countable
from translators.core import Operation, Task
from translators.plan import Plan

# Where a native body has its words; the first that is there counts.
_WORDS = ("prompt", "text", "input", "messages", "dialogue")
_TOKEN = 4  # characters, where an input comes as numbers of tokens


def ordered_price(candidate: Candidate) -> float | None:
    """Known when it is ordered: the config's price of the model, else the gateway's own list.

    None, too, where what the price goes by is not known: what costs something must not count as free.
    """
    plan = candidate.plan
    price = _configured(candidate.account, *_models(candidate))
    return plan.price if price is None else price_of(plan, price)


def made_at_once(candidate: Candidate, task: Task) -> float | None:
    """… and done, before it was answered."""
    operation, account = candidate.plan.operation, candidate.account
    return with_result(ordered_price(candidate), task, operation, account, *_models(candidate))


def with_result(
    booked: float | None, task: Task, operation: Operation, account: Account, *models: str
) -> float | None:
    """The cost booked so far, with what the result adds by its length. `models`: both of its names, as it
    was ordered and as the gateway has it."""
    if operation.result_price is None or _configured(account, *models) is not None:
        return booked
    return countable((booked or 0.0) + operation.result_price(task))


def _models(candidate: Candidate) -> tuple[str, str]:
    return candidate.target.model, candidate.plan.model


def _configured(account: Account, *models: str) -> Price | None:
    """The file's price of a model, by either of its names; it wins over the gateway's list."""
    prices = account.prices
    return next((prices[name] for name in models if name in prices), None) if prices else None


def price_of(plan: Plan, price: Price) -> float | None:
    """None where a length that it goes by is not known."""
    body, seconds = plan.request.body, plan.ordered.seconds
    each = body.get("n")
    pieces = each if isinstance(each, int) and each > 0 else 1
    parts = (
        (price.per_second, None if seconds is None else float(seconds) * pieces),
        (price.per_image, pieces),
        (price.per_request, 1),
        (price.per_1k_chars, _thousands(body)),
    )
    total = 0.0
    for one, number in parts:
        if one is not None:
            if number is None:
                return None
            total += one * number
    return countable(total)


def _thousands(body: Mapping[str, Any]) -> float | None:
    words = next((body[name] for name in _WORDS if name in body), None)
    return None if words is None else _characters(words) / 1000


def _characters(value: Any) -> int:
    """Of a text, of texts, of messages, of their parts."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(_characters, value))
    if isinstance(value, Mapping):
        return _characters(value.get("text", value.get("content")))
    return _TOKEN if isinstance(value, int) else 0
