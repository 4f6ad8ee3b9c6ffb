"""Requests that OpenAI-like gateways answer themselves: one target after another, until one does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from proxy.accounts import Account
from proxy.endpoints.common import waiting_time
from proxy.errors import ApiError, GatewayDown, GatewayFault, from_down, from_fault, gateway_error
from proxy.failures import Failure, failure_of
from proxy.health import Attempt
from proxy.pricing import ordered_price
from proxy.retries import pause_before
from proxy.routing import Candidate, take_next
from proxy.service import Handled, exchange_of
from proxy.sse import EventStream, while_connected
from proxy.tally import Tally
from translators.errors import FaultKind, MalformedReply

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
            tasks, others = [candidate], list[Candidate]()
            for one in left:
                (others if one.plan.operation.read is None else tasks).append(one)
            left = others
            await exchange.service.usage.release(exchange)
            result = await order(tasks)
        else:
            result = await _asked(request, candidate, ask, last=not left)
        if isinstance(result, Response):
            return result
        if not left:
            raise result.error
        exchange.leave_job()
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
            result = await while_connected(request, _tried(ask, candidate, attempt, tally))
            if isinstance(result, Response):
                tally.answered_by(candidate)
                exchange.costs(tally.cost)
                return result
            pause = _pause(request, account, result.failure, tried) if last else None
            if pause is None:
                attempt.left()
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
    if pause is None or pause >= waiting_time(request) - exchange_of(request).age():
        return None
    return pause


async def _tallied(exchange: Handled, candidate: Candidate) -> Tally:
    """What this target will have used; a known price is taken from the client's budget: ApiError 429."""
    tally = exchange.tally = exchange.tally or Tally()
    tally.asking(candidate)
    if exchange.client.budget is not None:
        await exchange.service.limiter.reserve(exchange, ordered_price(candidate) or 0.0)
    return tally


async def _tried(
    ask: Asking, candidate: Candidate, attempt: Attempt, tally: Tally
) -> Response | Next:
    """A target's answer, or why the next should be asked. Raises what is the request's own fault."""
    try:
        found = await ask(candidate)
    except BaseException as exc:
        tally.broken_off(candidate, exc)
        if not isinstance(exc, Exception):
            raise
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
