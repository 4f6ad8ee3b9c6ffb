"""OpenTelemetry traces, with the extra `otel` and `server.traces: true`: a span for each request, and one for
each request to a gateway beneath it.

Where they go is said by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME,
OTEL_TRACES_SAMPLER, …). Attributes are names, numbers and kinds of errors, by OpenTelemetry's conventions where
it has some: no URL, no header, no body, no key. A client's `traceparent` is followed; gateways get none.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.exchange import Exchange

_NAME: Final = "anygate"
# What an exception says may hold anything.
_QUIET: Final[dict[str, Any]] = {"record_exception": False, "set_status_on_exception": False}


def required() -> None:
    """Raises ValueError where the extra is not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.sdk.trace  # noqa: F401
    except ModuleNotFoundError as exc:
        raise ValueError("server.traces: needs pip install 'anygate[otel]'") from exc


class Tracer:
    def __init__(self) -> None:
        from opentelemetry import context, propagate, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = "OTEL_SERVICE_NAME" in os.environ
        named = named or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        resource = Resource.create({} if named else {"service.name": _NAME})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_NAME)
        self._api, self._context, self._propagate = trace, context, propagate

    def close(self) -> None:
        """Send what is left; waits for the collector, for as long as OTEL_EXPORTER_OTLP_TIMEOUT says."""
        self._provider.shutdown()

    @contextmanager
    def serving(self, scope: Scope) -> Iterator[Any]:
        """The span of a client's request."""
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        token = self._context.attach(self._propagate.extract(headers))
        method = scope["method"]
        attributes = {"http.request.method": method}
        kind = self._api.SpanKind.SERVER
        try:
            with self._tracer.start_as_current_span(
                method, kind=kind, attributes=attributes, **_QUIET
            ) as span:
                yield span
        finally:
            self._context.detach(token)

    @contextmanager
    def asking(self, who: str, request: httpx.Request) -> Iterator[Any]:
        """The span of a request of ours, until the head of its answer is there."""
        attributes = {
            "http.request.method": request.method,
            "server.address": request.url.host,
            "anygate.asked": who,
        }
        kind = self._api.SpanKind.CLIENT
        with self._tracer.start_as_current_span(
            f"{request.method} {who}", kind=kind, attributes=attributes, **_QUIET
        ) as span:
            try:
                yield span
            except Exception as exc:
                self.failed(span, type(exc).__name__)
                raise

    def failed(self, span: Any, why: str) -> None:
        """`why`: a kind of error, without its words."""
        span.set_attribute("error.type", why)
        span.set_status(self._api.Status(self._api.StatusCode.ERROR))


class Traced:
    """The application with a span around each request."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracer.serving(scope) as span:
            try:
                await self._app(scope, receive, answer)
            finally:
                _describe(span, scope["anygate"], status)
                if status >= 500:
                    self._tracer.failed(span, str(status))


def _describe(span: Any, exchange: Exchange, status: int) -> None:
    tally = exchange.tally
    span.update_name(f"{span.name} {exchange.endpoint}")
    told = {
        "http.response.status_code": status or None,
        "anygate.request_id": exchange.id,
        "anygate.endpoint": exchange.endpoint,
        "anygate.key": exchange.client.name or None,
        "anygate.route": exchange.route or None,
        "anygate.provider": exchange.provider or None,
        "anygate.target": exchange.target or None,
        "anygate.job": exchange.headers.get("x-anygate-job"),
        "gen_ai.usage.input_tokens": tally and tally.prompt_tokens,
        "gen_ai.usage.output_tokens": tally and tally.completion_tokens,
        "anygate.cost_usd": tally.cost if tally else None,
    }
    span.set_attributes({name: value for name, value in told.items() if value is not None})
