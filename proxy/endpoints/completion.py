"""A chat request that an OpenAI-like gateway answers itself: its bytes pass through, mended where they lack."""

import time
from functools import partial
from typing import Any

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.common import JsonResponse
from proxy.endpoints.relay import Relay
from proxy.errors import GatewayFault
from proxy.pouring import Each, in_turn
from proxy.redact import masked
from proxy.routing import Candidate
from proxy.sending import Sending
from proxy.service import exchange_of
from proxy.sse import EventStream, begun
from proxy.wire import plain_headers, read_whole
from translators import as_events
from translators.core import JSON, Answer, Params, from_json
from translators.errors import MalformedReply
from translators.gathering import gathered
from translators.looks import completion_fits
from translators.mending import mend_completion


async def chat(request: Request, candidate: Candidate, *, stream: bool, params: Params) -> Response:
    """One target's chat answer. Raises GatewayDown, GatewayFault or MalformedReply."""
    exchange = exchange_of(request)
    account, plan = candidate.account, candidate.plan
    driver = exchange.service.runtime.driver
    said = orjson.dumps(plan.request.body)
    accept = "text/event-stream" if stream else "application/json"
    native = driver.json_request(account, plan.request.path, said, accept)
    usage = bool((params.get("stream_options") or {}).get("include_usage"))
    if exchange.tally is not None:
        exchange.tally.request = native
    sending = driver.exchange(account, native)
    answer = await sending.__aenter__()
    streaming = False
    try:
        if stream and answer.status_code == 200 and _is_events(answer):
            relay = Relay(answer, candidate, usage=usage, prompt=len(said), tally=exchange.tally)
            first = await begun(relay, exchange.service.keep_alive)
            streaming = True
            return EventStream(relay, first=first, close=partial(_end, relay, sending))
        raw = masked(await read_whole(answer), account.key)
    finally:
        if not streaming:
            await sending.aclose()
    body, streamed = _parsed(answer, raw)
    if streamed or not _fits(candidate, answer, body):
        body = _mended(candidate, Answer(answer.status_code, plain_headers(answer), raw, body))
        raw = orjson.dumps(body)
    if exchange.tally is not None:
        exchange.tally.note(body)
    if stream:
        return EventStream(Each(in_turn(as_events.chat(body, usage=usage))))
    return JsonResponse(raw)


async def _end(relay: Relay, sending: Sending) -> None:
    try:
        await relay.drained()
    finally:
        await sending.aclose()


def _parsed(answer: httpx.Response, raw: bytes) -> tuple[Any, bool]:
    """The JSON of an answer, and whether it was put together of a stream that nobody asked for; None where one
    that is no success has none. Raises MalformedReply."""
    try:
        return from_json(raw), False
    except orjson.JSONDecodeError as exc:
        if answer.status_code >= 300:
            return None, False
        if (body := gathered(raw)) is None:
            raise MalformedReply("The gateway's answer is not JSON.") from exc
        return body, True


def _fits(candidate: Candidate, answer: httpx.Response, body: Any) -> bool:
    """Whether a whole answer may pass as it is: the usual case."""
    plain = answer.status_code == 200 and not candidate.plan.operation.mend
    return plain and completion_fits(body) and "error" not in body


def _mended(candidate: Candidate, answer: Answer) -> JSON:
    """A whole answer, as OpenAI describes it. Raises GatewayFault or MalformedReply."""
    body = answer.body
    fault = candidate.account.row.refuse(answer)
    if fault is not None:
        raise GatewayFault(fault)
    if not isinstance(body, dict):
        raise MalformedReply("The gateway's answer is not an object.")
    return mend_completion(
        body,
        model=candidate.plan.model,
        created=int(time.time()),
        id=f"chatcmpl-{time.time_ns():x}",
    )


def _is_events(answer: httpx.Response) -> bool:
    # Some servers stream under text/plain or no type at all; JSON is never a stream.
    return "json" not in plain_headers(answer).get("content-type", "")
