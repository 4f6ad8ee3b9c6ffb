"""Requests other than chat that an OpenAI-like gateway answers itself: sent on, and passed back as they come.

Of a gateway's headers only the type of the content goes to the client, and that by an allow-list.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from enum import Enum
from typing import Any

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import through
from proxy.endpoints.common import flag, missing, options_of, without_own
from proxy.endpoints.passing import first_that_answers
from proxy.errors import GatewayFault
from proxy.forms import read_json, read_params
from proxy.pouring import Each, in_turn
from proxy.ranges import Body, length_of, peek, whole
from proxy.redact import Redactor
from proxy.routing import Ask, Candidate
from proxy.runtime import Runtime
from proxy.service import exchange_of
from proxy.sniff import HEAD, essence, received
from proxy.sse import EventStream, begun
from proxy.wire import read_whole
from translators.as_events import AS_EVENTS
from translators.core import Answer, Capability, Translator
from translators.errors import MalformedReply

_JSON = "application/json"


class Shape(Enum):
    """What a good answer may be besides events and JSON."""

    JSON = frozenset[str]()
    TEXT = frozenset({"text/plain", "text/vtt", "application/x-subrip"})
    AUDIO = frozenset({"audio/*"})  # whatever sounds: it passes through in constant memory


def _endpoint(
    capability: Capability, *needs: str, shape: Shape = Shape.JSON
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that is sent on. `needs`: what no gateway can do without.

    Raises ApiError and TranslationError: 400 unsupported_endpoint where no target has it.
    """

    async def forwarded(request: Request) -> Response:
        exchange = exchange_of(request)
        runtime = exchange.service.runtime
        read = read_params if shape is Shape.TEXT else read_json
        params = await read(request, runtime.max_body)
        resolved = runtime.router.resolve(params.get("model"), capability, exchange.client)
        exchange.route = resolved.name
        said = resolved.said(params)
        for one in needs:
            if one not in said:
                raise missing(one)
        stream = flag(said, "stream")
        ask = Ask(capability, without_own(params), options_of(params))
        await exchange.service.limiter.weigh(exchange, said)
        return await first_that_answers(
            request,
            runtime.router.candidates(resolved, ask),
            ask=lambda one: answer(request, one, shape, stream=stream),
            order=_no_job,
        )

    return forwarded


async def _no_job(candidates: Sequence[Candidate]) -> Response:
    raise AssertionError("no gateway does this by task")


completions = _endpoint(Capability.COMPLETION, "prompt")
embeddings = _endpoint(Capability.EMBEDDING, "input")
moderations = _endpoint(Capability.MODERATION, "input")
responses = _endpoint(Capability.RESPONSE)
translations = _endpoint(Capability.TRANSLATION, "file", shape=Shape.TEXT)


async def answer(request: Request, candidate: Candidate, shape: Shape, *, stream: bool) -> Response:
    """One target's answer. `stream`: the client asked for events; a gateway may answer whole all the same.

    Raises GatewayDown, GatewayFault, MalformedReply, or ApiError 502 for a page instead of a file.
    """
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    account = candidate.account
    native = _native(runtime, candidate, shape, stream=stream)
    if exchange.tally is not None:
        exchange.tally.request = native
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(runtime.driver.exchange(account, native))
        said = essence(upstream.headers.get("content-type"))
        if upstream.status_code == 200 and "json" not in said:
            if stream and not said.startswith("audio/"):
                passed = through.events(upstream, account.row, runtime.redactor, exchange.tally)
                events = Each(passed)
                first = await begun(events, exchange.service.keep_alive)
                close = stack.pop_all().aclose
                return EventStream(events, first=first, close=close)
            if shape is Shape.AUDIO:
                size = length_of(upstream)
                head, rest = await peek(whole(upstream, size), HEAD)
                headers = {"content-type": received(said, head, None)}
                return Body(rest, stack.pop_all().aclose, headers, size)
        raw = await read_whole(upstream)
    if exchange.tally is not None:
        exchange.tally.read(raw)
    told = Answer(upstream.status_code, upstream.headers, raw)
    made = _whole(told, account.row, shape, runtime.redactor)
    if stream and (events_of := AS_EVENTS.get(candidate.capability)):
        return EventStream(Each(in_turn(events_of(_json(bytes(made.body))))))
    return made


def _native(runtime: Runtime, candidate: Candidate, shape: Shape, *, stream: bool) -> httpx.Request:
    planned = candidate.plan.request
    if planned.form:
        return runtime.driver.native(candidate.account, planned)
    accept = "text/event-stream" if stream else _JSON
    if shape is Shape.AUDIO:
        accept = "*/*"
    body = orjson.dumps(planned.body)
    return runtime.driver.json_request(candidate.account, planned.path, body, accept)


def _whole(answer: Answer, row: Translator, shape: Shape, redactor: Redactor) -> Response:
    """An answer that is not streamed. Raises GatewayFault or MalformedReply."""
    raw, kind = answer.raw, essence(answer.headers.get("content-type"))
    text = answer.ok and kind in shape.value
    plain = answer.ok and shape is not Shape.AUDIO and b'"error"' not in raw
    if plain and (text or raw.lstrip()[:1] + raw.rstrip()[-1:] == b"{}"):
        return Response(raw, media_type=kind if text else _JSON)
    try:
        body = _json(raw)
    except MalformedReply:
        if answer.ok and not text:
            raise
        body = None
    fault = row.refuse(Answer(answer.status, answer.headers, raw, body))
    if fault is not None:
        raise GatewayFault(fault)
    if shape is Shape.AUDIO or not (text or isinstance(body, dict)):
        raise MalformedReply("The gateway's answer is not what was asked for.")
    return Response(through.redacted(raw, redactor), media_type=kind if text else _JSON)


def _json(raw: bytes) -> Any:
    """Raises MalformedReply."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise MalformedReply("The gateway's answer is not JSON.") from exc
