"""GET /v1/usage: what was asked of the gateways, and what it cost."""

from contextlib import suppress
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from proxy import report
from proxy.auth import ANONYMOUS
from proxy.endpoints.common import json_response
from proxy.errors import invalid
from proxy.service import exchange_of
from proxy.store.base import StoreUnavailable
from proxy.store.money import Total, day_of
from translators.core import JSON


async def listed(request: Request) -> Response:
    """GET /v1/usage?since&until&by: `{object: "list", data: [{object: "usage", …}]}`.

    A client's own; everybody's where the proxy has no keys. `since` and `until`: days (2026-01-31, UTC) or
    Unix seconds, both included; `by`: out of day, key, route, provider, kind. Raises ApiError 400.
    """
    exchange = exchange_of(request)
    try:
        by = report.dimensions(request.query_params.get("by", report.BY))
    except ValueError as exc:
        raise invalid(str(exc), code="unsupported_value", param="by") from exc
    since = _day(request, "since", report.first_day(report.DAYS))
    until = _day(request, "until", report.today())
    with suppress(StoreUnavailable):  # then what is read fails, too
        await exchange.service.usage.flush()
    key = None if exchange.client is ANONYMOUS else exchange.client.name
    rows = await exchange.service.store.usage(by, since=since, until=until, key=key)
    return json_response({"object": "list", "data": [_shown(row) for row in rows]})


def _shown(row: Total) -> JSON:
    counts = row.counts
    return {
        "object": "usage",
        **row.of,
        "requests": counts.requests,
        "failed": counts.failed,
        "prompt_tokens": counts.prompt_tokens,
        "completion_tokens": counts.completion_tokens,
        "cost_usd": counts.usd,
    }


def _day(request: Request, name: str, default: str) -> str:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        seconds = text.isascii() and text.isdigit() and len(text) <= 11 and len(text) != 8
        return day_of(int(text)) if seconds else date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError, OSError) as exc:
        message = f"'{name}' must be a day such as 2026-01-31, or Unix seconds."
        raise invalid(message, code="invalid_value", param=name) from exc
