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
from typing import Any

from translators.core import Call
from translators.specs import Spec


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


def _understood(table: Table) -> Iterator[str]:
    for name, field in table.items():
        if isinstance(field, Take):
            yield name
            yield from field.sources


def _value(name: str, field: Field, call: Call) -> Any:
    if isinstance(field, Take):
        return _taken(name, field, call)
    if isinstance(field, Const):
        return field.value
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
        if value is None:
            continue
        if field.convert is not None:
            return field.convert(value, call)
        return value if field.native is None else field.native.parse(source, value)
    return field.default
