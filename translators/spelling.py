"""Texts of forms and of gateways: what they spell, where JSON would have had a type."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from translators.core import FormText, from_json


def from_text(value: str) -> Any:
    """A form's text as the JSON it spells (a number, `true`, a list, an object), else itself."""
    try:
        return from_json(str(value))  # orjson takes no subclass of str
    except orjson.JSONDecodeError:
        return str(value)


def spelt(value: Any) -> Any:
    """A form's texts at any depth as what they spell, where no table knows their types."""
    if isinstance(value, FormText):
        return from_text(value)
    if isinstance(value, Mapping):
        return {name: spelt(one) for name, one in value.items()}
    return [spelt(one) for one in value] if isinstance(value, list | tuple) else value


def other_type(value: Any) -> Any:
    """A text as what it spells, a number as a text; all else as it is."""
    if isinstance(value, str):
        return from_text(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if number else value


def amount_in(value: Any) -> float | None:
    """What something costs: a number, also as text; `None` for all else, and below nothing."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < math.inf else None
