"""What a table is made of.

A table's keys are a gateway's native names, and its values say where each comes from:

    "type": const("Video")                        always this; nothing can override it
    "modelName": MODEL                            the target's model
    "durationSec": take("seconds", seconds(…))    an OpenAI parameter, converted
    "negative_prompt": extra(text(500))           native only

A client may always give a native name itself (`extra_body`): it wins over what would be derived,
after its `Spec` has checked it. `build` makes the body and says what had to be left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from translators.core import Call, FormText
from translators.errors import InvalidType, MissingParameter, UnsupportedParameter, UnsupportedValue


class _Marker:
    """A value that stands for none, told apart by identity."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT = _Marker("ABSENT")  # no value: the key is not sent
DROP = _Marker("DROP")  # a converter's word: harmless, but not to be had here
KEY = _Marker("KEY")  # the gateway's key
MODEL = _Marker("MODEL")  # the target's model
CALLBACK = _Marker("CALLBACK")  # the URL to call on completion, where there is one
OPTIONS = _Marker("OPTIONS")  # provider_options, where that is a native field

Convert = Callable[[Any, Call], Any]


class Spec(Protocol):
    """The type and range that a gateway's page gives a native field."""

    def parse(self, name: str, value: Any) -> Any:
        """The value as it is sent; raises InvalidType or UnsupportedValue."""

    def lists(self, value: Any) -> bool:
        """Whether the value is one of this field's own, as opposed to OpenAI's of the same name."""


@dataclass(frozen=True, slots=True)
class Const:
    value: Any


@dataclass(frozen=True, slots=True)
class Take:
    sources: tuple[str, ...]
    convert: Convert | None = None
    native: Spec | None = None
    default: Any = ABSENT


Field = Const | Take | _Marker
Table = Mapping[str, Field]


def const(value: Any) -> Const:
    return Const(value)


def take(
    source: str | tuple[str, ...],
    convert: Convert | None = None,
    *,
    native: Spec | None = None,
    default: Any = ABSENT,
) -> Take:
    """An OpenAI parameter (the first of several that is there), through `convert(value, call)`.

    `native` checks the field when the client gives it under its native name; a value under a name
    that OpenAI has too is taken as native when `native` lists it.
    """
    return Take((source,) if isinstance(source, str) else source, convert, native, default)


def extra(native: "Spec", default: Any = ABSENT) -> Take:
    """A field that only the gateway knows."""
    return Take((), None, native, default)


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
            return list(value)
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
            return dict(value)
        unknown = next((one for one in value if one not in self.of), None)
        if unknown is not None:
            raise UnsupportedParameter(f"{name}.{unknown}")
        return {key: self.of[key].parse(f"{name}.{key}", one) for key, one in value.items()}

    def lists(self, value: Any) -> bool:
        return isinstance(value, Mapping)


@dataclass(frozen=True, slots=True)
class _Anything:
    def parse(self, name: str, value: Any) -> Any:
        return from_text(value) if isinstance(value, FormText) else value

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
    return _Array(of, most)


def mapping(of: Mapping[str, Spec] | None = None, needs: tuple[str, ...] = ()) -> Spec:
    """An object; with `of`, only these keys."""
    return _Mapping(of or {}, needs)


def anything() -> Spec:
    return _Anything()


def build(table: Table, call: Call) -> dict[str, Any]:
    """The native body that a table makes of a call, with `DROP` values still in it.

    Raises a TranslationError where a value cannot be expressed.
    """
    body: dict[str, Any] = {}
    for name, field in table.items():
        value = _value(name, field, call)
        if value is not ABSENT:
            body[name] = value
    return body


def sources_of(table: Table) -> frozenset[str]:
    """Every parameter that a table understands: OpenAI's names and its own settable native ones."""
    return frozenset(_understood(table))


def protected_in(table: Table) -> frozenset[str]:
    """The native names that no client may set."""
    return frozenset(name for name, field in table.items() if not isinstance(field, Take))


def param_of(table: Table, name: str) -> str:
    """The name a client would use for a native field."""
    field = table.get(name)
    return field.sources[0] if isinstance(field, Take) and field.sources else name


def from_text(value: str) -> Any:
    """A form's text as the JSON it spells (a number, `true`, a list, an object), else itself."""
    try:
        return orjson.loads(str(value))  # orjson takes no subclass of str
    except orjson.JSONDecodeError:
        return str(value)


def _understood(table: Table) -> Iterator[str]:
    for name, field in table.items():
        if isinstance(field, Take):
            yield name
            yield from field.sources


def _value(name: str, field: Field, call: Call) -> Any:
    if isinstance(field, Const):
        return field.value
    if isinstance(field, Take):
        return _taken(name, field, call)
    if field is KEY:
        return call.key
    if field is MODEL:
        return call.model
    if field is CALLBACK:
        return ABSENT if call.callback is None else call.callback
    if field is OPTIONS:
        return dict(call.options) or ABSENT
    raise TypeError(f"{field!r} is no field")


def _taken(name: str, field: Take, call: Call) -> Any:
    own = call.params.get(name)
    if own is not None and field.native is not None:
        if name not in field.sources or field.native.lists(own):
            return field.native.parse(name, own)
    elif own is not None and name not in field.sources:
        return own if field.convert is None else field.convert(own, call)
    for source in field.sources:
        value = call.params.get(source)
        if value is not None:
            return value if field.convert is None else field.convert(value, call)
    return field.default


def _number_in(value: Any, *, whole: bool) -> float | None:
    if isinstance(value, FormText):
        value = from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if whole and value != int(value):
        return None
    return int(value) if whole else value


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"
