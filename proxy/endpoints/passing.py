"""Requests that an OpenAI-like gateway answers itself: its bytes pass through, mended where they lack."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.accounts import Account
from proxy.endpoints.common import JsonResponse, waiting_time
from proxy.endpoints.relay import DONE, Relay
from proxy.errors import ApiError, GatewayDown, GatewayFault, from_down, from_fault, gateway_error
from proxy.exchange import Exchange, exchange_of
from proxy.failures import Failure, failure_of
from proxy.health import Attempt
from proxy.jobs.outcome import ordered_price
from proxy.redact import masked
from proxy.retries import pause_before
from proxy.routing import Candidate, take_next
from proxy.sse import Each, EventStream, begun, while_connected
from proxy.tally import Tally
from proxy.wire import read_whole
from translators.core import JSON, Answer, Params, from_json
from translators.errors import FaultKind, MalformedReply
from translators.framing import encode
from translators.looks import completion_fits
from translators.mending import mend_chunk, mend_completion

# Failures that are not the request's own fault: before the first byte the next target may do better.
_ELSEWHERE = frozenset(
    {
        FaultKind.AUTH,
        FaultKind.QUOTA,
        FaultKind.NOT_FOUND,
        FaultKind.TIMEOUT,
        FaultKind.RATE,
        FaultKind.FAILED,
    }
)


Asking = Callable[[Candidate], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Next:
    """This target failed before its first byte; `error` is the client's if there is no other."""

    error: ApiError
    failure: Failure | None = None


Ordering = Callable[[Sequence[Candidate]], Awaitable[Response | Next]]


async def first_that_answers(
    request: Request, candidates: Sequence[Candidate], ask: Asking, order: Ordering
) -> Response:
    """The answer of the first target that gives one; the client's going cancels what is being asked.

    `ask` one that answers itself: what it raises leads to the next unless it is the request's own
    fault. `order` is given the rest, as soon as the next works by task, of those that do: a job
    looks after its own fallbacks, and only if all of them refused it the others are asked.
    """
    exchange = exchange_of(request)
    left = list(candidates)
    while True:
        candidate = take_next(left)
        if candidate.plan.operation.read is not None:
            tasks = [candidate, *(one for one in left if one.plan.operation.read is not None)]
            left = [one for one in left if one.plan.operation.read is None]
            exchange.service.usage.release(exchange)
            result = await order(tasks)
        else:
            result = await _asked(request, candidate, ask, last=not left)
        if isinstance(result, Response):
            return result
        if not left:
            raise result.error
        exchange.service.metrics.fallbacks.add(candidate.account.name)


async def _asked(
    request: Request, candidate: Candidate, ask: Asking, *, last: bool
) -> Response | Next:
    """One target's answer, or why another should be asked. `last`: there is none, so it may be asked again."""
    exchange = exchange_of(request)
    account, model = candidate.account, candidate.target.model
    exchange.answered_by(account.name, str(candidate.target), candidate.plan.dropped)
    attempt, tried = account.health.begin(model), 1
    try:
        tally = await _tallied(exchange, candidate)
        while True:
            result = await while_connected(request, _tried(ask(candidate), attempt))
            if isinstance(result, Response):
                tally.answered_by(candidate)
                exchange.costs(tally.cost)
                return result
            pause = _pause(request, account, result.failure, tried) if last else None
            if pause is None:
                return result
            exchange.service.metrics.retries.add(account.name)
            await while_connected(request, asyncio.sleep(pause))
            attempt, tried = account.health.begin(model), tried + 1
    except BaseException:
        attempt.left()
        raise


def _pause(request: Request, account: Account, failure: Failure | None, tried: int) -> float | None:
    """Seconds until the same target is asked again; None where it is not, or its client would not wait."""
    pause = pause_before(failure, account.config.retries, tried) if failure else None
    if pause is None or pause >= waiting_time(request) - exchange_of(request).age:
        return None
    return pause


async def _tallied(exchange: Exchange, candidate: Candidate) -> Tally:
    """What this target will have used; a known price is taken from the client's budget: ApiError 429."""
    tally = exchange.tally = exchange.tally or Tally()
    tally.asking(candidate)
    if exchange.client.budget is not None:
        await exchange.service.limiter.reserve(exchange, ordered_price(candidate) or 0.0)
    return tally


async def _tried(answer: Awaitable[Response], attempt: Attempt) -> Response | Next:
    """A target's answer, or why the next should be asked. Raises what is the request's own fault."""
    try:
        found = await answer
    except Exception as exc:
        attempt.ended(exc)
        error = _for_another(exc)
        if error is None:
            raise
        return Next(error, failure_of(exc))
    if isinstance(found, EventStream):
        found.attempt = attempt  # which goes on until its last event
    else:
        attempt.good()
    return found


def _for_another(exc: Exception) -> ApiError | None:
    """What the client is told if there is no other target; None where another would do no better."""
    if isinstance(exc, GatewayDown):
        return from_down(exc)
    if isinstance(exc, MalformedReply):
        return gateway_error(str(exc), "malformed_response")
    if isinstance(exc, GatewayFault) and exc.fault.kind in _ELSEWHERE:
        # No task was taken: what a gateway failed at as a whole may be asked for again.
        return from_fault(replace(exc.fault, certain=True))
    return exc if isinstance(exc, ApiError) and exc.status >= 500 else None


async def chat(request: Request, candidate: Candidate, *, stream: bool, params: Params) -> Response:
    """One target's chat answer. Raises GatewayDown, GatewayFault or MalformedReply."""
    exchange = exchange_of(request)
    account, plan = candidate.account, candidate.plan
    driver = exchange.service.runtime.driver
    said = orjson.dumps(plan.request.body)
    accept = "text/event-stream" if stream else "application/json"
    native = driver.json_request(account, plan.request.path, said, accept)
    usage = bool((params.get("stream_options") or {}).get("include_usage"))
    sending = driver.exchange(account, native)
    answer = await sending.__aenter__()
    streaming = False
    try:
        if stream and answer.status_code == 200 and _is_events(answer):
            relay = Relay(answer, candidate, usage=usage, prompt=len(said), tally=exchange.tally)
            first = await begun(relay, exchange.service.keep_alive)
            streaming = True
            return EventStream(relay, first=first, close=sending.aclose)
        raw = masked(await read_whole(answer), account.key)
    finally:
        if not streaming:
            await sending.aclose()
    body = _parsed(answer, raw)
    if not _fits(candidate, answer, body):
        body = _mended(candidate, Answer(answer.status_code, answer.headers, raw, body))
        raw = orjson.dumps(body)
    if exchange.tally is not None:
        exchange.tally.note(body)
    if stream:
        return EventStream(Each(_as_events(body, usage=usage)))
    return JsonResponse(raw)


def _parsed(answer: httpx.Response, raw: bytes) -> Any:
    """The JSON of an answer; None where one that is no success has none. Raises MalformedReply."""
    try:
        return from_json(raw)
    except orjson.JSONDecodeError as exc:
        if answer.status_code < 300:
            raise MalformedReply("The gateway's answer is not JSON.") from exc
        return None


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


async def _as_events(completion: JSON, *, usage: bool) -> AsyncIterator[bytes]:
    """A whole answer as the stream that was asked for: the gateway did not stream."""
    top = {name: completion[name] for name in ("id", "created", "model")}
    choices = [
        {
            "index": one["index"],
            "delta": one["message"],
            "finish_reason": one["finish_reason"],
            "logprobs": one["logprobs"],
        }
        for one in completion["choices"]
    ]
    chunk = {**top, "choices": choices}
    yield encode(orjson.dumps(mend_chunk(chunk, **top)))
    if usage and completion.get("usage"):
        last = {**top, "choices": [], "usage": completion["usage"]}
        yield encode(orjson.dumps(mend_chunk(last, **top)))
    yield DONE


def _is_events(answer: httpx.Response) -> bool:
    # Some servers stream under text/plain or no type at all; JSON is never a stream.
    return "json" not in answer.headers.get("content-type", "")
