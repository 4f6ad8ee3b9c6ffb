"""The outermost layer: request ids, who may come in, errors as OpenAI's envelope, log and metrics."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from itertools import starmap
from typing import Any, NamedTuple

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.cors import API, READABLE
from proxy.delivery import deliver
from proxy.errors import ApiError, Lost, from_down, internal, to_api_error
from proxy.service import Handled, Service
from proxy.store.money import Rates
from proxy.turn import turn_of

faults = logging.getLogger("anygate.errors")


class ClientGone(Exception):
    """The client has closed its connection: there is nobody to answer."""


class BrokenOff(Exception):
    """The answer had begun when it failed: all that is left is to break it off."""


class Served(NamedTuple):
    """Who answers a request. `name`: in metrics, usage, traces and the access log; `params`: of its path."""

    name: str
    answer: Callable[[Request], Awaitable[Response]]
    params: Mapping[str, Any]


class Edge:
    """`served`: who answers which request; `otherwise`: whom the server tells of its start and end."""

    def __init__(
        self, service: Service, served: Callable[[Scope], Served], *, otherwise: ASGIApp
    ) -> None:
        self._service = service
        self._served = served
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._otherwise(scope, receive, send)
        served = self._served(scope)
        exchange = scope["anygate"] = Handled(service=self._service, endpoint=served.name)

        async def answer(message: Message) -> None:
            if exchange.place is not None and exchange.place.ends_with(message):
                await self._service.limiter.leave(exchange)
            if message["type"] == "http.response.start":
                _begin(exchange, message)
                await send(message)
            elif exchange.delivers is None:
                await send(message)
            elif await deliver(message, turn_of(scope), send):
                self._service.jobs.delivered(exchange.delivers, exchange.files)

        try:
            if (rates := self._admit(scope, exchange)) is not None:
                await self._service.limiter.enter(exchange, rates)
            await _respond(served, scope, receive, answer)
        except (ClientGone, ClientDisconnect):
            exchange.status = exchange.status or 499
        except Exception as exc:
            error = tell(exc, exchange)
            if exchange.status:
                # Not the exception itself: the server logs it, with whatever it holds.
                raise BrokenOff(exchange.id) from None
            await _send_error(error, answer)
        finally:
            self._record(scope, exchange)
            if exchange.place is not None:  # its client has gone
                await self._service.limiter.leave(exchange)

    def _admit(self, scope: Scope, exchange: Handled) -> Rates | None:
        """The client comes in, or an ApiError is raised; gives the limits that its request counts for."""
        self._service.metrics.begun += 1
        exchange.logged = self._service.runtime.log_requests
        # Of a header that is there twice the first counts, as for whoever reads the list.
        headers = exchange.given = dict(reversed(scope["headers"]))
        gate = self._service.runtime.gate
        gate.check_page(headers)
        if scope["path"].startswith(API):
            if b"origin" in headers:
                exchange.headers.update(READABLE)
            # By that nothing is asked for, and a browser sends it without the page's key.
            if scope["method"] != "OPTIONS":
                exchange.client = gate.client(headers)
        return exchange.client.rates if scope["method"] == "POST" else None

    def _record(self, scope: Scope, exchange: Handled) -> None:
        seconds, status = exchange.age(), exchange.status
        try:
            service, runtime = self._service, self._service.runtime
            service.metrics.answered(exchange, status, seconds, runtime.models)
            service.usage.record(exchange, status)
            service.access.add(scope, exchange, status, seconds, runtime.redactor)
        except Exception as exc:
            tell(exc, exchange)  # it is logged; the answer is out, and its place must be given back


async def _respond(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
    scope["path_params"] = served.params
    try:
        response = await served.answer(Request(scope, receive, send))
    except Lost as exc:
        if scope["method"] == "POST":
            raise
        error = from_down(exc)
        error.retry = True  # nothing was ordered: to ask once more is free
        raise error from exc
    await response(scope, receive, send)


def tell(exc: Exception, exchange: Handled) -> ApiError:
    """What a client is told of an exception, without keys. One that is our own fault is logged."""
    redactor = exchange.service.runtime.redactor
    if exchange.tally is not None:
        exchange.tally.failed = True
    error = to_api_error(exc)
    if error is None:
        trace = "".join(traceback.format_exception(exc))
        faults.error("%s: %s", exchange.id, redactor.text(trace))
        error = internal(exchange.id)
    forget(exc)
    error.message = redactor.text(error.message)
    error.param = error.param and redactor.text(error.param)
    return error


def _begin(exchange: Handled, message: Message) -> None:
    """An answer begins, with what each has, whoever made it."""
    exchange.status, exchange.first_byte = message["status"], exchange.age()
    its_id = b"x-request-id", exchange.id.encode()
    message["headers"] = [*message["headers"], its_id, *starmap(_raw, exchange.headers.items())]


@lru_cache(maxsize=1024)
def _raw(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode(), _safe(value)


async def _send_error(error: ApiError, send: Send) -> None:
    body = orjson.dumps(error.envelope())
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **error.answer_headers(),
    }
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    raw = [(name.encode("latin-1"), _safe(value)) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _safe(value: str) -> bytes:
    return value.encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ")


def forget(exc: BaseException | None) -> None:
    """Let go of what an exception's traces hold: kept in a frame that they hold, it would be a cycle."""
    # A chain may come back to its beginning: what has no trace any more was there before.
    while exc is not None and exc.__traceback__ is not None:
        exc.__traceback__ = None
        exc = exc.__cause__ or exc.__context__
