"""What endpoints share: parsing a body into an `Ask`, and the fields every request may carry."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proxy.errors import ApiError, invalid
from proxy.exchange import given
from translators.core import JSON, FormText, Params, Source
from translators.options import options_in
from translators.spelling import from_text

WAIT = 540.0  # seconds that a waiting endpoint waits for a client that names no timeout
# What the endpoints that wait for pictures serve themselves: no target is asked for it.
HANDLED = frozenset({"n", "response_format", "stream"})
_OWN = frozenset({"model", "provider_options", "webhook_url"})
_NONE: Mapping[str, str] = {}
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


class JsonResponse(Response):
    """JSON that is encoded already; Starlette would look for what is known here."""

    def __init__(self, body: bytes, headers: Mapping[str, str] = _NONE) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        for name, value in headers.items():
            self.raw_headers.append((name.encode(), value.encode("latin-1")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


def json_response(content: Any, headers: Mapping[str, str] = _NONE) -> Response:
    return JsonResponse(orjson.dumps(content), headers)


def without_own(params: Params) -> JSON:
    """The parameters that are for a target, without those that are for the proxy."""
    return {name: value for name, value in params.items() if name not in _OWN}


def options_of(params: Params) -> JSON:
    """`provider_options`, checked."""
    value = params.get("provider_options")
    return {} if value is None else options_in(value)


def need_text(params: Params, name: str) -> str:
    """A required string that is not empty; raises ApiError 400."""
    value = params.get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, str):
        raise invalid(f"'{name}' must be a string.", code="invalid_type", param=name)
    if not value.strip():
        raise missing(name, f"'{name}' must not be empty.")
    return value


def missing(name: str, message: str | None = None) -> ApiError:
    return invalid(
        message or f"Missing required parameter: '{name}'.",
        code="missing_required_parameter",
        param=name,
    )


def flag(params: Params, name: str) -> bool:
    """An optional boolean, false where it is absent; raises ApiError 400."""
    value = params.get(name, False)
    if isinstance(value, FormText):
        value = from_text(value.lower())
    if not isinstance(value, bool):
        raise invalid(f"'{name}' must be a boolean.", code="invalid_type", param=name)
    return value


def count(params: Params, name: str, high: int) -> int:
    """An optional whole number from 1 to `high`, 1 where it is absent; raises ApiError 400."""
    value = params.get(name, 1)
    if isinstance(value, FormText):
        value = from_text(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"'{name}' must be an integer.", code="invalid_type", param=name)
    if not 1 <= value <= high:
        raise invalid(
            f"'{name}' must be between 1 and {high}.", code="unsupported_value", param=name
        )
    return value


def one_of(params: Params, name: str, allowed: tuple[str, ...], default: str) -> str:
    """An optional string out of a list; raises ApiError 400 naming the list."""
    value = params.get(name, default)
    if not isinstance(value, str):
        raise invalid(f"'{name}' must be a string.", code="invalid_type", param=name)
    if value not in allowed:
        raise invalid(
            f"Unsupported value for '{name}': {value[:80]!r}. Allowed: {', '.join(allowed)}.",
            code="unsupported_value",
            param=name,
        )
    return str(value)


def number_in_query(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query string; raises ApiError 400."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not low <= int(text[:9]) <= high:
        raise invalid(
            f"'{name}' must be an integer from {low} to {high}.",
            code="unsupported_value",
            param=name,
        )
    return int(text[:9])


def waiting_time(request: Request) -> float:
    """Seconds that a waiting endpoint waits: nine tenths of the client's own timeout."""
    return min(0.9 * _header_number(request, b"x-stainless-read-timeout", WAIT / 0.9), 86_400.0)


def retry_count(request: Request) -> int:
    """How often the client's SDK has repeated this request by itself."""
    return int(_header_number(request, b"x-stainless-retry-count", 0))


def fingerprint(path: str, params: Params) -> str:
    """A digest of what is asked for, equal for equal requests whatever their encoding."""
    digest = hashlib.sha256(path.encode())
    digest.update(orjson.dumps(params, default=_plain, option=_CANONICAL))
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Source):
        return {"sha256": hashlib.sha256(value.data or b"").hexdigest(), "url": value.url}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value))


def _header_number(request: Request, name: bytes, default: float) -> float:
    text = given(request, name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        return default
    return value if 0 < value < 1e6 else default
