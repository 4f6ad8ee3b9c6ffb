"""OpenAI's values in the terms that gateways use: sizes, seconds, voices, pictures.

Every function here makes or is a converter `(value, call) → native value`, pure and without I/O.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from translators.core import Call
from translators.errors import InvalidType, UnsupportedValue
from translators.fields import ABSENT, DROP, Convert
from translators.specs import Spec

Allowed = Mapping[str, tuple[Any, ...]]

_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")


def size_of(value: Any, param: str = "size") -> tuple[int, int] | None:
    """Width and height in pixels of "1280x720"; `None` for "auto"."""
    if not isinstance(value, str):
        raise InvalidType(param, "string", value)
    if value == "auto":
        return None
    found = _SIZE.fullmatch(value)
    if not found:
        raise UnsupportedValue(param, value, "auto, or WIDTHxHEIGHT such as 1280x720")
    return int(found[1]), int(found[2])


def in_pixels(value: Any) -> bool:
    """Whether a resolution is said as WIDTHxHEIGHT."""
    return isinstance(value, str) and _SIZE.fullmatch(value) is not None


def ratio(*allowed: str) -> Convert:
    """`size` → the nearest of the allowed ratios ("16:9") by |log(w/h)|; "auto" sends nothing."""

    def convert(value: Any, call: Call) -> Any:
        size = size_of(value)
        if size is None:
            return ABSENT
        wanted = math.log(size[0] / size[1])
        return min(allowed, key=lambda one: abs(_log(one) - wanted))

    return convert


def tier(*offered: str) -> Convert:
    """Video `size` → the smallest offered resolution at or above its shorter side, in its own literal.

    Raises UnsupportedValue where none is: selling less than was asked for is not ours to decide.
    """
    ordered = sorted(offered, key=lines)

    def convert(value: Any, call: Call) -> Any:
        size = size_of(value)
        if size is None:
            return ABSENT
        for one in ordered:
            if lines(one) >= min(size):
                return one
        raise UnsupportedValue("size", value, f"sizes up to {ordered[-1]}")

    return convert


def image_tier(*offered: str) -> Convert:
    """Image `size` → "1K", "2K" or "4K" by its longer side (≤ 1536, ≤ 2560, more), clamped to what is offered."""
    ordered = sorted(offered, key=lines)

    def convert(value: Any, call: Call) -> Any:
        size = size_of(value)
        if size is None:
            return ABSENT
        longer = max(size)
        wanted = lines("1K" if longer <= 1536 else "2K" if longer <= 2560 else "4K")
        return next((one for one in ordered if lines(one) >= wanted), ordered[-1])

    return convert


def lines(literal: str) -> int:
    """How many lines a resolution's literal speaks of: "1088p" → 1088, "768P" → 768, "4K" → 2160."""
    kilo = {"1K": 720, "2K": 1440, "4K": 2160, "8K": 4320}
    found = re.match(r"\d+", literal)
    return kilo.get(literal.upper()) or (int(found[0]) if found else 0)


def seconds(*allowed: float, write: Callable[[float], Any] = int) -> Convert:
    """`seconds` → exactly that where allowed, else the smallest allowed above it.

    Above the largest: UnsupportedValue, naming what is allowed. `write` gives the native type.
    """
    ordered = sorted(allowed)

    def convert(value: Any, call: Call) -> Any:
        wanted = seconds_of(value)
        for one in ordered:
            if one >= wanted:
                return write(one)
        raise UnsupportedValue("seconds", value, ordered)

    return convert


def seconds_between(
    low: float, high: float, write: Callable[[float], Any] = int, *, exact: bool = False
) -> Convert:
    """`seconds` → whole seconds within [low, high], rounded up; `exact`: fractions too."""

    def convert(value: Any, call: Call) -> Any:
        asked = seconds_of(value)
        wanted = max(asked if exact else math.ceil(asked), low)
        if wanted > high:
            raise UnsupportedValue("seconds", value, f"{low} to {high}")
        return write(wanted)

    return convert


def whole(value: float) -> str:
    """Seconds as gateways spell them in strings: "8"."""
    return str(int(value))


def seconds_of(value: Any, param: str = "seconds") -> float:
    """OpenAI's `seconds` ("8" or 8) as a number above zero."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidType(param, "string", value)
    try:
        number = float(value)
    except ValueError:
        raise UnsupportedValue(param, value, "a number of seconds") from None
    if not 0 < number < 86_400:
        raise UnsupportedValue(param, value, "a number of seconds above 0")
    return number


def by_model(table: Mapping[str, Convert], otherwise: Convert) -> Convert:
    """The converter that the table has for the call's model."""

    def convert(value: Any, call: Call) -> Any:
        return table.get(call.model, otherwise)(value, call)

    return convert


def choice(table: Mapping[Any, Any], otherwise: Any = DROP) -> Convert:
    """A value through a table; one that is not in it gives `otherwise` (dropped and named)."""

    def convert(value: Any, call: Call) -> Any:
        return table.get(value, otherwise) if isinstance(value, str | int | float) else otherwise

    return convert


def respelt(table: Mapping[str, Any], native: Spec, param: str) -> Convert:
    """OpenAI's words through a table; any other value is the gateway's own, as `native` takes it.

    For what a page gives examples of ("for example draft, std, or pro") where OpenAI has words too.
    """

    def convert(value: Any, call: Call) -> Any:
        known = isinstance(value, str) and value in table
        return table[value] if known else native.parse(param, value)

    return convert


def only(allowed: tuple[Any, ...], param: str) -> Convert:
    """The value itself where the page lists it, else UnsupportedValue."""

    def convert(value: Any, call: Call) -> Any:
        if value not in allowed:
            raise UnsupportedValue(param, value, allowed)
        return value

    return convert


# OpenAI's voices by the ElevenLabs voice that sounds most alike.
VOICES: Mapping[str, str] = {
    "alloy": "Rachel",
    "ash": "Chris",
    "ballad": "Callum",
    "coral": "Jessica",
    "echo": "Will",
    "fable": "George",
    "nova": "Sarah",
    "onyx": "Brian",
    "sage": "Matilda",
    "shimmer": "Laura",
    "verse": "Liam",
    "marin": "Charlotte",
    "cedar": "Roger",
}
ELEVENLABS = [
    "Rachel",
    "Alice",
    "Aria",
    "Charlotte",
    "Jessica",
    "Laura",
    "Lily",
    "Matilda",
    "Sarah",
    "Brian",
    "Bill",
    "Callum",
    "Charlie",
    "Chris",
    "Daniel",
    "Eric",
    "George",
    "Liam",
    "Roger",
    "Will",
]
_NAMES = {name.lower(): name for name in ELEVENLABS}


def voice(*, strict: bool) -> Convert:
    """`voice` (a name, or `{id}`) → an ElevenLabs name in its right case.

    Another name passes as it is, or with `strict` is refused with the list.
    """

    def convert(value: Any, call: Call) -> Any:
        if isinstance(value, Mapping):
            value = value.get("id")
        if not isinstance(value, str):
            raise InvalidType("voice", "string", value)
        if not value:
            raise UnsupportedValue("voice", value, "the name of a voice")
        name = VOICES.get(value.lower()) or _NAMES.get(value.lower())
        if name is None and strict:
            raise UnsupportedValue("voice", value, [*VOICES, *ELEVENLABS])
        return name or str(value)

    return convert


def _log(literal: str) -> float:
    wide, high = literal.split(":")
    return math.log(float(wide) / float(high))
