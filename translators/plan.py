"""From a call to the native request: the one path that every capability of every row takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from translators.core import (
    JSON,
    NOTHING_ORDERED,
    Call,
    Operation,
    Ordered,
    Request,
    Source,
    Translator,
    nothing_ordered,
    price_unknown,
)
from translators.errors import InvalidType, MissingParameter, UnsupportedParameter
from translators.fields import DROP, MODEL, OPTIONS, build, param_of, protected_in, sources_of
from translators.files import PLAIN, holds_file, reference_param, within

_A_DAY = 86_400  # seconds: nothing that long is ordered
_EMPTY: tuple[Any, ...] = (None, "", [])

# OpenAI's parameters that only hint at a wish: a gateway without them still gives what was asked
# for. The others change the result, and leaving one out silently would sell something else.
_ALWAYS: Callable[[Any], bool] = lambda value: True  # noqa: E731
HINTS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        (
            "user",
            "safety_identifier",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "metadata",
            "store",
            "service_tier",
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "max_tokens",
            "max_completion_tokens",
            "seed",
            "parallel_tool_calls",
            "prediction",
            "reasoning_effort",
            "verbosity",
            "moderation",
            "quality",
            "style",
            "output_format",
            "output_compression",
            "partial_images",
            "input_fidelity",
            "instructions",
            "stream_options",
            "timestamp_granularities",
            "chunking_strategy",
            "include",
        ),
        _ALWAYS,
    ),
    "background": lambda value: value != "transparent",
    "n": lambda value: value in (1, "1"),
    "speed": lambda value: value == 1,
    **dict.fromkeys(("logprobs", "top_logprobs", "logit_bias", "tools"), lambda value: not value),
    "tool_choice": lambda value: value in ("none", "auto"),
    "modalities": lambda value: value == ["text"],
}


@dataclass(slots=True)
class Plan:
    """What will be sent for a call, and what follows from it.

    `dropped`: names the client gave that could not be taken; `price`: USD, where the row knows it.
    """

    model: str
    operation: Operation
    request: Request
    ordered: Ordered
    dropped: tuple[str, ...] = ()
    price: float | None = None


def plan(
    row: Translator, call: Call, *, handled: frozenset[str] = frozenset(), mode: str = "auto"
) -> Plan:
    """The native request for a call at a row. `handled`: parameters that the endpoint itself serves.

    Raises a TranslationError where the row cannot express the call.
    """
    model, operation = row.find(call, mode)
    if model != call.model:
        kept = (call.params, call.given, call.options, call.key, call.callback)
        call = Call(call.capability, model, *kept)  # `replace` takes ten times as long
    names = _names(operation)
    if names.through and None not in call.params.values():
        body, dropped = {**call.params, "model": model}, list[str]()
        if names.bare and not call.options:
            return Plan(
                model, operation, Request(operation.method, operation.path, body), NOTHING_ORDERED
            )
    else:
        body, dropped = _translated(operation, names, call, handled)
    body = _with_options(operation, call, body)
    if operation.form or operation.read is not None:
        _check_files(operation, body)
    if row.max_request is not None and operation.read is not None:
        body = within(body, row.max_request)
    for wanted in names.needs:
        if not [name for name in wanted if (one := body.get(name)) or one not in _EMPTY]:
            raise MissingParameter(_wanted(operation, call, wanted[0]))
    left_out = tuple(dict.fromkeys(one for one in dropped if one in call.given)) if dropped else ()
    request = Request(operation.method, operation.path, body, operation.form)
    ordered, price = _told(operation.ordered(body)), operation.price(body, call)
    # Named, its arguments would be put into a dictionary first.
    return Plan(model, operation, request, ordered, left_out, price)


def _translated(
    operation: Operation, names: "_Names", call: Call, handled: frozenset[str]
) -> tuple[JSON, list[str]]:
    """What the table makes of a call, and the names that could not be taken."""
    body = build(operation.table, call)
    dropped: list[str] = []
    if DROP in body.values():
        dropped = [param_of(operation.table, one) for one, value in body.items() if value is DROP]
        body = {name: value for name, value in body.items() if value is not DROP}
    if operation.open and operation.read is None:
        handled = frozenset()  # the gateway serves all of what passes through
    others, left_out = _others(operation, names, call, handled)
    return {**others, **body} if others else body, dropped + left_out


def _told(ordered: Ordered) -> Ordered:
    """What can be told of an order: provider_options may have put anything into the body."""
    if ordered is NOTHING_ORDERED:
        return ordered
    seconds = _scalar(ordered.seconds)
    try:
        counted = seconds is not None and 0 < float(seconds) < _A_DAY
    except ValueError:
        counted = False
    told = seconds if counted else None
    return Ordered(_scalar(ordered.resolution), _scalar(ordered.ratio), told)


def _scalar(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def _check_files(operation: Operation, body: JSON) -> None:
    """No file where only words can go: JSON holds none, and a form none inside of an object."""
    for name, value in body.items():
        if type(value) in PLAIN:
            continue
        parts = value if operation.form and isinstance(value, list) else [value]
        words = [one for one in parts if not (operation.form and isinstance(one, Source))]
        if holds_file(words):
            raise InvalidType(param_of(operation.table, name), "no file", Source())


def _wanted(operation: Operation, call: Call, name: str) -> str:
    """What OpenAI calls a field that is missing: of the names for a file, this endpoint's own."""
    own = reference_param(call)
    field = operation.table.get(name)
    known = own in getattr(field, "sources", ())
    return own if known else param_of(operation.table, name)


def _others(
    operation: Operation, names: "_Names", call: Call, handled: frozenset[str]
) -> tuple[JSON, list[str]]:
    """What the table does not know: it travels on, is left out, or is refused.

    What the client did not give itself is only there for tables that know it.
    """
    known, protected = names.known, names.protected
    others: JSON = {}
    dropped: list[str] = []
    for name, value in call.params.items():
        if name in known or name in handled or value is None or name == "model":
            continue
        if name not in call.given:
            continue
        if operation.open and name not in protected:
            others[name] = value
            continue
        hint = name in HINTS and HINTS[name](value) and name not in protected
        if not hint and name not in operation.ignores:
            raise UnsupportedParameter(name, "this target cannot take it")
        dropped.append(name)
    return others, dropped


@dataclass(frozen=True, slots=True)
class _Names:
    """What an operation understands, and what nobody may set; `needs`: of each of these, one; `through`: its
    table is nothing but the model, so that parameters are the body; `bare`: nor has it anything else that
    looks at them."""

    known: frozenset[str]
    protected: frozenset[str]
    needs: tuple[list[str], ...]
    through: bool
    bare: bool
    operation: Operation


def _names(operation: Operation) -> _Names:
    """Worked out once."""
    made = _known.get(id(operation))
    if made is None:
        table = operation.table
        known = sources_of(table) | frozenset(operation.accepts)
        through = operation.open and operation.read is None and table == {"model": MODEL}
        told = operation.ordered is not nothing_ordered or operation.price is not price_unknown
        bare = through and not (operation.form or operation.needs or told)
        needs = tuple(wanted.split("|") for wanted in operation.needs)
        made = _Names(known, protected_in(table), needs, through, bare, operation)
        _known[id(operation)] = made
    return made


# By identity, since tables cannot be hashed; the operation is held, so that its id stays its own.
_known: dict[int, _Names] = {}


# Whoever asks for a stream gets events and is answered whole otherwise: not for the gateway alone to know.
_OURS = frozenset({"model", "stream"})


def _with_options(operation: Operation, call: Call, body: JSON) -> JSON:
    if not call.options or OPTIONS in operation.table.values():
        return body
    ours = _OURS | protected_in(operation.table)
    for name in sorted(ours.intersection(call.options)):
        raise UnsupportedParameter(f"provider_options.{name}", "it is not the client's to set")
    return {**body, **call.options}
