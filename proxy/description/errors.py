"""The errors: which codes stand behind which status, and which statuses behind which kind of request."""

from collections.abc import Mapping

from proxy.description import headers
from proxy.description.schemas import TEXT, Schema, closed, one_of, or_null, ref

CODES: Mapping[int, tuple[str, ...]] = {
    400: (
        *("invalid_json", "invalid_type", "missing_required_parameter", "invalid_value"),
        *("unsupported_parameter", "unsupported_value", "unsupported_endpoint"),
        *("idempotency_key_reused", "provider_rejected", "content_policy_violation"),
    ),
    401: ("invalid_api_key",),
    403: ("foreign_origin", "model_not_allowed"),
    404: ("not_found", "model_not_found"),
    405: ("method_not_allowed",),
    408: ("request_timeout",),
    409: ("video_not_ready", "video_failed"),
    410: ("content_expired",),
    413: ("request_too_large",),
    416: ("range_not_satisfiable",),
    429: (
        *("rate_limit_exceeded", "insufficient_quota"),
        *("provider_rate_limited", "provider_insufficient_quota"),
    ),
    431: ("request_too_large",),
    500: ("internal_error",),
    502: (
        *("provider_error", "provider_unreachable", "provider_auth_failed", "malformed_response"),
        *("generation_failed", "submission_lost", "submission_ambiguous"),
        "provider_not_configured",
    ),
    503: ("store_unavailable",),
    504: ("provider_timeout",),
}
_MEANS: Mapping[int, str] = {
    400: "The request is wrong, or its target cannot take it.",
    401: "The client's key is missing or wrong.",
    403: "This key may not use the model; without keys: a foreign Host or Origin.",
    404: "There is no such model, job, file or provider.",
    405: "The path does not have this method.",
    408: "The body did not come in time.",
    409: "The job is not finished, or it has failed.",
    410: "The result is gone.",
    413: "The body is too large.",
    416: "The range lies outside of the file.",
    429: "Over a limit or a budget: of the client's key, or of the account at the gateway.",
    431: "The headers are too large.",
    500: "Our own fault.",
    502: "The gateway failed.",
    503: "The job store cannot be reached.",
    504: "The gateway is too slow, or the client would not have waited any longer.",
}

_EARLY = (408, 431)  # before there is a request

EVERY = (403, 431, 500)
STORED = (*EVERY, 503)
FOUND = (*STORED, 404)
FILE = (*FOUND, 400, 409, 410, 416, 429, 502, 504)
BODY = (*STORED, 400, 404, 408, 413, 429)
MADE = (*BODY, 409, 410, 502, 504)
ASKED = (*EVERY, 404, 410, 429, 502, 504)


def schema() -> Schema:
    """The envelope of every error."""
    inner = closed(message=TEXT, type=TEXT, param=or_null(TEXT), code=or_null(TEXT))
    return closed(error=inner)


def components() -> dict[str, Schema]:
    return {str(status): _response(status) for status in CODES}


def references(statuses: tuple[int, ...], *, keys: bool) -> dict[str, Schema]:
    """The errors of an operation by their status. `keys`: it wants a client key."""
    every = {*statuses, 401} if keys else set(statuses)
    return {str(status): ref(str(status), "responses") for status in sorted(every)}


def _response(status: int) -> Schema:
    inner = {"properties": {"code": one_of(CODES[status])}}
    body = {"allOf": [ref("Error"), {"properties": {"error": inner}}]}
    sometimes = ["x-should-retry", "retry-after", *headers.MADE, *headers.RATED]
    always = ("www-authenticate",) if status == 401 else ()
    if status == 416:
        sometimes.append("content-range")
    return {
        "description": _MEANS[status],
        "headers": headers.headers(always, tuple(sometimes), named=status not in _EARLY),
        "content": {"application/json": {"schema": body}},
    }
