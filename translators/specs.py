"""The types and ranges that gateways give their native fields.

A `Spec` checks what a client says under a native name, and gives a form's text its type.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from translators.core import FormText
from translators.errors import InvalidType, MissingParameter, UnsupportedParameter, UnsupportedValue
from translators.spelling import from_text, other_type, spelt

_TWO_TO_63 = 1 << 63


class Spec(Protocol):
    """The type and range that a gateway's page gives a native field."""

    def parse(self, name: str, value: Any) -> Any:
        """The value as it is sent; raises InvalidType or UnsupportedValue."""

    def lists(self, value: Any) -> bool:
        """Whether the value is one of this field's own, as opposed to OpenAI's of the same name."""


@dataclass(frozen=True, slots=True)
class _Number:
    low: float | None
    high: float | None
    whole: bool

    def parse(self, name: str, value: Any) -> Any:
        number = _number_in(value, whole=self.whole)
        if number is None:
            raise InvalidType(name, "integer" if self.whole else "number", value)
        if (self.low is not None and number < self.low) or (
            self.high is not None and number > self.high
        ):
            raise UnsupportedValue(name, number, _range(self.low, self.high))
        return number

    def lists(self, value: Any) -> bool:
        return _number_in(value, whole=self.whole) is not None


@dataclass(frozen=True, slots=True)
class _Text:
    high: int | None
    low: int

    def parse(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise InvalidType(name, "string", value)
        if (self.high is not None and len(value) > self.high) or len(value) < self.low:
            raise UnsupportedValue(
                name,
                f"{len(value)} characters",
                f"{self.low} to {self.high or 'any number of'} characters",
            )
        return str(value)

    def lists(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True, slots=True)
class _Boolean:
    def parse(self, name: str, value: Any) -> Any:
        if isinstance(value, FormText) and value.lower() in ("true", "false", "1", "0"):
            return value.lower() in ("true", "1")
        if not isinstance(value, bool):
            raise InvalidType(name, "boolean", value)
        return value

    def lists(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class _OneOf:
    values: tuple[Any, ...]

    def parse(self, name: str, value: Any) -> Any:
        for one in self.values:
            if (value == one and isinstance(value, bool) == isinstance(one, bool)) or (
                isinstance(value, FormText) and value == str(one)
            ):
                return one
        raise UnsupportedValue(name, value, self.values)

    def lists(self, value: Any) -> bool:
        return any(value == one or value == str(one) for one in self.values)


@dataclass(frozen=True, slots=True)
class _Array:
    of: Spec | None
    most: int | None

    def parse(self, name: str, value: Any) -> Any:
        if isinstance(value, FormText):
            value = from_text(value)
        if not isinstance(value, list | tuple):
            raise InvalidType(name, "array", value)
        if self.most is not None and len(value) > self.most:
            raise UnsupportedValue(name, f"{len(value)} items", f"at most {self.most} items")
        if self.of is None:
            return spelt(value)
        return [self.of.parse(f"{name}[{place}]", one) for place, one in enumerate(value)]

    def lists(self, value: Any) -> bool:
        return isinstance(value, list | tuple)


@dataclass(frozen=True, slots=True)
class _Mapping:
    of: Mapping[str, Spec]
    needs: tuple[str, ...]

    def parse(self, name: str, value: Any) -> Any:
        if isinstance(value, FormText):
            value = from_text(value)
        if not isinstance(value, Mapping):
            raise InvalidType(name, "object", value)
        for one in self.needs:
            if one not in value:
                raise MissingParameter(f"{name}.{one}")
        if not self.of:
            return spelt(value)
        unknown = next((one for one in value if one not in self.of), None)
        if unknown is not None:
            raise UnsupportedParameter(f"{name}.{unknown}")
        return {key: self.of[key].parse(f"{name}.{key}", one) for key, one in value.items()}

    def lists(self, value: Any) -> bool:
        return isinstance(value, Mapping)


@dataclass(frozen=True, slots=True)
class _Matching:
    pattern: str
    example: str

    def parse(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise InvalidType(name, "string", value)
        if not self.lists(value):
            raise UnsupportedValue(name, value, self.example)
        return str(value)

    def lists(self, value: Any) -> bool:
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, slots=True)
class _Loose:
    of: tuple[Spec, ...]

    def parse(self, name: str, value: Any) -> Any:
        for said in (value, other_type(value)):
            for one in self.of:
                if one.lists(said):
                    return one.parse(name, said)
        return self.of[0].parse(name, value)

    def lists(self, value: Any) -> bool:
        return any(one.lists(said) for said in (value, other_type(value)) for one in self.of)


@dataclass(frozen=True, slots=True)
class _Anything:
    def parse(self, name: str, value: Any) -> Any:
        return spelt(value)

    def lists(self, value: Any) -> bool:
        return True


def number(low: float | None = None, high: float | None = None) -> Spec:
    """A JSON number within [low, high]."""
    return _Number(low, high, whole=False)


def integer(low: float | None = None, high: float | None = None) -> Spec:
    """A whole JSON number within [low, high]."""
    return _Number(low, high, whole=True)


def text(high: int | None = None, low: int = 0) -> Spec:
    """A string of `low` to `high` characters."""
    return _Text(high, low)


def boolean() -> Spec:
    return _Boolean()


def oneof(*values: Any) -> Spec:
    """One of the literals that the page lists."""
    return _OneOf(values)


def array(of: Spec | None = None, most: int | None = None) -> Spec:
    """A list; without `of`, of anything."""
    return _Array(of, most)


def mapping(of: Mapping[str, Spec] | None = None, needs: tuple[str, ...] = ()) -> Spec:
    """An object; with `of`, only these keys, without it any."""
    return _Mapping(of or {}, needs)


def matching(pattern: str, example: str) -> Spec:
    """A string that the whole of a regular expression fits; `example` says how it looks."""
    return _Matching(pattern, example)


def loose(*specs: Spec) -> Spec:
    """What one of these takes; where none does, a number said as a string or the other way round, in its type.

    Of what none takes at all the first says what is wrong.
    """
    return _Loose(specs)


def anything() -> Spec:
    return _Anything()


def _number_in(value: Any, *, whole: bool) -> float | None:
    if isinstance(value, FormText):
        value = from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if whole and (value != int(value) or not -_TWO_TO_63 <= value < 2 * _TWO_TO_63):
        return None  # beyond 64 bits JSON cannot be written
    return int(value) if whole else value


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"
