"""What can be wrong with a request or an answer, and whose fault it is.

    TranslationError            the request cannot be put into this gateway's terms (the client's fault)
    ├── MissingParameter
    ├── InvalidType
    ├── UnsupportedParameter
    ├── UnsupportedValue
    └── UnsupportedEndpoint     the target does not have this capability
    MalformedReply              the gateway's answer cannot be read (the gateway's fault)

A gateway's own refusal is no exception but a value, a `Fault`: rows read it, the proxy decides
what follows from it.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any


class TranslationError(ValueError):
    """The request cannot be expressed at this target; `param` names what is wrong, in OpenAI's notation."""

    code = "invalid_value"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class MissingParameter(TranslationError):
    code = "missing_required_parameter"

    def __init__(self, param: str, message: str | None = None) -> None:
        super().__init__(message or f"Missing required parameter: '{param}'.", param)


class InvalidType(TranslationError):
    code = "invalid_type"

    def __init__(self, param: str, expected: str, value: object) -> None:
        super().__init__(
            f"Invalid type for '{param}': expected {expected}, got {type_name(value)}.", param
        )


class UnsupportedParameter(TranslationError):
    code = "unsupported_parameter"

    def __init__(self, param: str, why: str | None = None) -> None:
        super().__init__(f"Unsupported parameter: '{param}'" + (f": {why}." if why else "."), param)


class UnsupportedValue(TranslationError):
    """`allowed` ends up in the message, so that the client need not look it up."""

    code = "unsupported_value"

    def __init__(self, param: str, value: object, allowed: Iterable[object] | str) -> None:
        said = allowed if isinstance(allowed, str) else ", ".join(str(one) for one in allowed)
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        super().__init__(f"Unsupported value for '{param}': {shown}. Allowed: {said}.", param)


class UnsupportedEndpoint(TranslationError):
    code = "unsupported_endpoint"


class MalformedReply(ValueError):
    """The gateway answered, but not in a shape that any of its pages or known variants show."""


class FaultKind(StrEnum):
    """What a gateway's refusal or failure means for us."""

    REJECTED = "rejected"  # our parameters: 400, 413, 422
    MODERATED = "moderated"  # its content policy
    AUTH = "auth"  # its key: 401, 403
    QUOTA = "quota"  # the account is empty: 402
    RATE = "rate"  # 429
    NOT_FOUND = "not_found"  # model, task or path: 404
    EXPIRED = "expired"  # 410
    TIMEOUT = "timeout"  # 408, 504
    FAILED = "failed"  # 5xx, and everything that says no more


@dataclass(frozen=True, slots=True)
class Fault:
    """A gateway's refusal or a task's failure, in the gateway's own words.

    `certain`: the gateway surely took no work (a submit may go elsewhere).
    `retry_after`: seconds, where the gateway says it.
    """

    kind: FaultKind
    message: str
    certain: bool = True
    retry_after: float | None = None
    code: str | None = None


_BY_STATUS = {
    400: FaultKind.REJECTED,
    401: FaultKind.AUTH,
    402: FaultKind.QUOTA,
    403: FaultKind.AUTH,
    404: FaultKind.NOT_FOUND,
    408: FaultKind.TIMEOUT,
    410: FaultKind.EXPIRED,
    413: FaultKind.REJECTED,
    422: FaultKind.REJECTED,
    429: FaultKind.RATE,
    504: FaultKind.TIMEOUT,
}


def fault_of_status(status: int) -> FaultKind:
    """The kind that an HTTP status alone speaks for; an unknown 4xx is a refusal of the request."""
    if kind := _BY_STATUS.get(status):
        return kind
    return FaultKind.REJECTED if 400 <= status < 500 else FaultKind.FAILED


_POLICY = re.compile(
    r"content[ _-]?polic|policy[ _]violation|moderat(ion|ed)|safety[ _](system|filter|polic)"
    r"|nsfw|(?<!case-)sensitive[ _](content|word|information)|prohibited[ _]content",
    re.IGNORECASE,
)


def moderated(*words: str | None) -> bool:
    """Whether a gateway's words (message, code) speak of its content policy."""
    return any(word and _POLICY.search(word) for word in words)


def retry_after_in(headers: Mapping[str, str]) -> float | None:
    """Seconds in a Retry-After header; `None` for none. A date counts from the answer's own (RFC 9110, 10.2.3):
    rows know no clock, and the gateway's may be another than ours.
    """
    value = headers.get("retry-after") or headers.get("Retry-After") or "nan"
    try:
        seconds = float(value)
    except ValueError:
        seconds = _instant(value) - _instant(headers.get("date") or headers.get("Date") or "")
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _instant(date: str) -> float:
    """Seconds since the epoch of an HTTP date; not a number for what is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return math.nan


_WORDS = ("error", "message", "msg", "error_message", "failMsg", "fail_reason", "detail")
# Of a refusal whose parts say what is wrong with which parameter: FastAPI's `detail`, ASP.NET's `errors`.
_PLACES = ("detail", "errors")
_MOST = 20  # of them that are told
_NOTHING = ("", "none", "null")
_DEEPEST = 8  # objects within each other in which an error's words are looked for


def message_in(body: Any, deepest: int = _DEEPEST) -> str | None:
    """The human words in an error body, whichever of the usual shapes it has."""
    if isinstance(body, str):
        return body.strip()[:2000] or None
    if not isinstance(body, Mapping) or not deepest:
        return None
    for name in _WORDS:
        value = body.get(name)
        found = message_in(value, deepest - 1) if isinstance(value, str | Mapping) else None
        if found:
            return found
    found = next((found for name in _PLACES if (found := _parts_in(body.get(name)))), None)
    data = body.get("data")
    return found or (message_in(data, deepest - 1) if isinstance(data, Mapping) else None)


def _parts_in(parts: Any) -> str | None:
    """`[{"loc": ["body", "prompt"], "msg": "…"}]` or `{"Prompt": ["…"]}` as "body.prompt: …; …"."""
    said: list[str] = []
    if isinstance(parts, Mapping):
        for name, words in list(parts.items())[:_MOST]:
            first = words[0] if isinstance(words, list) and words else words
            said += [f"{name}: {first}"] if isinstance(first, str) else []
    elif isinstance(parts, list):
        for one in parts[:_MOST]:
            place = one.get("loc") if isinstance(one, Mapping) else None
            where = f"{'.'.join(map(str, place))}: " if isinstance(place, list) else ""
            said += [where + words] if (words := message_in(one, 1)) else []
    return "; ".join(said)[:2000] or None


def code_in(body: Any) -> str | None:
    """The machine-readable code or type in an error body, as a string."""
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error")
    holder = inner if isinstance(inner, Mapping) else body
    for name in ("code", "type"):
        value = holder.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def error_in(body: Mapping[str, Any]) -> Any:
    """What stands under `error`, or a body that is one itself, as old vLLM's; `None` for an error without anything
    in it.

    Servers that always write the member send null, "", or an object of empty members with a good answer.
    """
    if body.get("object") == "error":
        return body
    error = body.get("error")
    return error if error and _says(error) else None


def _says(value: Any, deepest: int = _DEEPEST) -> bool:
    if isinstance(value, Mapping) and deepest:
        return any(_says(one, deepest - 1) for one in value.values())
    return value.strip().lower() not in _NOTHING if isinstance(value, str) else bool(value)


def type_name(value: object) -> str:
    """JSON's name of a value's type."""
    if value is None:
        return "null"
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list | tuple, "array"),
        (Mapping, "object"),
    ):
        if isinstance(value, kind):
            return name
    return "file"
