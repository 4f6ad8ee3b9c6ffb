"""The vocabulary that rows and proxy share: what is asked, what is sent, what comes back.

Everything here is a value. A row (`Translator`) is data plus pure functions over these values; the
driver alone turns a `Request` into bytes on a wire and an `Answer` out of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from translators.errors import Fault, UnsupportedEndpoint
from translators.values import (
    JSON,
    Answer,
    Asset,
    Call,
    Capability,
    Cost,
    FormText,
    Hosted,
    Ordered,
    Params,
    Request,
    Seen,
    Source,
    State,
    Task,
    from_json,
)


@dataclass(frozen=True, slots=True)
class Poll:
    """How a task is asked after: GET `paths[0]` with `{id}`; a 404 or 405 there moves on to the next path."""

    paths: tuple[str, ...]
    read: Callable[[Answer, Seen], Task]


NOTHING_ORDERED = Ordered()


def nothing_ordered(body: Params) -> Ordered:
    return NOTHING_ORDERED


def price_unknown(body: Params, call: Call) -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a gateway does: where it is asked, with which body, and how its answer reads.

    `table`: native name → where its value comes from (`translators.fields`).
    `read`: the answer of a submit as a `Task`; `None` where the answer is OpenAI's own and passes through.
    `poll`: absent where the submit's answer is final.
    `open`: parameters that the table does not know travel on as they are.
    `mend`: an OpenAI-shaped answer of this operation always needs completing.
    `long`: the submit itself takes as long as the work (minutes).
    `every`: seconds between a client's polls that suit this kind of work.
    `needs`: native fields without which the gateway refuses; of "a|b" one is enough.
    `price`: USD known beforehand; `result_price`: USD that the result adds, where that is by its length.
    `accepts`: parameters that are understood without a field of the table reading them.
    `ignores`: parameters that mean nothing here and are silently left out.
    `credits`: what an answer that passes through calls the credits that it took.
    """

    path: str
    table: Mapping[str, Any]
    read: Callable[[Answer, Call], Task] | None = None
    poll: Poll | None = None
    method: str = "POST"
    open: bool = False
    form: bool = False
    mend: bool = False
    long: bool = False
    every: float = 5.0
    needs: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    ordered: Callable[[Params], Ordered] = nothing_ordered
    price: Callable[[Params, Call], float | None] = price_unknown
    result_price: Callable[[Task], float] | None = None
    credits: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A question about the account or the catalogue; `{key}` in the path is the gateway's key."""

    path: str
    read: Callable[[Any], Any]


_REMEMBERED = 1024  # operations looked up before, a row

Operations = Mapping[Capability, Mapping[str, Operation]]


def bearer(key: str) -> dict[str, str]:
    """`Authorization: Bearer …`, as most gateways want it; no header for a server without keys."""
    return {"authorization": f"Bearer {key}"} if key and key != "none" else {}


def no_header(key: str) -> dict[str, str]:
    return {}


def _same_model(model: str, capability: Capability, params: Params) -> str:
    return model


@dataclass(frozen=True, slots=True)
class Translator:
    """A gateway's row.

    `operations`: capability → globs of native models (`"a|b*"`) → operation; the first match wins. A
    capability that is not there is not offered.
    `family`: a short name → the native model that fits the endpoint and what the request brings.
    `refuse`: an answer → the fault it holds, or `None` for a good one (also errors under HTTP 200).
    `rpm`: requests a minute that the gateway allows; `min_read_timeout` and `link_lives` in seconds;
    `max_request`: bytes that a request may have; pictures beyond are hosted instead of sent along.
    """

    name: str
    page: str
    base_url: str
    operations: Operations
    refuse: Callable[[Answer], Fault | None]
    auth: Callable[[str], dict[str, str]] = bearer
    family: Callable[[str, Capability, Params], str] = _same_model
    queries: Mapping[str, Query] = field(default_factory=dict)
    rpm: int | None = None
    min_read_timeout: float | None = None
    link_lives: float | None = None
    max_request: int | None = None
    submit_grace: float = 20.0  # seconds that POST /v1/videos waits for the gateway's word
    modes: Mapping[str, Operations] = field(
        default_factory=dict
    )  # provider's `submit:` → operations

    found: dict[tuple[str, Capability, str], Operation] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def find(self, call: Call, mode: str = "auto") -> tuple[str, Operation]:
        """The native model and the operation for a call.

        Raises UnsupportedEndpoint where the row has none, and what `family` raises.
        """
        model = self.family(call.model, call.capability, call.params)
        found = self.operation(model, call.capability, mode)
        if found is None:
            raise UnsupportedEndpoint(
                f"'{call.model}' at {self.name} does not offer {call.capability.replace('_', ' ')}.",
                "model",
            )
        return model, found

    def operation(self, model: str, capability: Capability, mode: str = "auto") -> Operation | None:
        """The operation of a native model, as `find` gave it; what the request brought is not needed."""
        place = (model, capability, mode)
        if (known := self.found.get(place)) is not None:
            return known
        found = self._search(model, capability, mode)
        if found is not None:
            if len(self.found) >= _REMEMBERED:  # the models are what clients say
                self.found.clear()
            self.found[place] = found
        return found

    def _search(self, model: str, capability: Capability, mode: str) -> Operation | None:
        operations = self.modes.get(mode, self.operations)
        for globs, operation in operations.get(capability, {}).items():
            if _matches(model, globs) and not (
                globs == "*" and self._named_elsewhere(model, capability)
            ):
                return operation
        return None

    def _named_elsewhere(self, model: str, capability: Capability) -> bool:
        """Whether another capability names this model outright, so that `*` here does not mean it."""
        return any(
            globs != "*" and _matches(model, globs)
            for other, table in self.operations.items()
            if other is not capability
            for globs in table
        )


def _matches(model: str, globs: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in globs.split("|"))


__all__ = [
    "JSON",
    "NOTHING_ORDERED",
    "Answer",
    "Asset",
    "Call",
    "Capability",
    "Cost",
    "FormText",
    "Hosted",
    "Operation",
    "Operations",
    "Ordered",
    "Params",
    "Poll",
    "Query",
    "Request",
    "Seen",
    "Source",
    "State",
    "Task",
    "Translator",
    "bearer",
    "from_json",
    "no_header",
    "nothing_ordered",
    "price_unknown",
]
