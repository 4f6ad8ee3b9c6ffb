"""POST /v1/chat/completions: passed through to OpenAI-like targets, made from a text elsewhere."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import passing, textual
from proxy.endpoints.common import flag, missing, options_of, without_own
from proxy.errors import ApiError, invalid
from proxy.exchange import exchange_of
from proxy.forms import read_json
from proxy.routing import Ask, Candidate, Resolved
from proxy.sse import while_connected
from translators.core import Capability, Params


async def chat(request: Request) -> Response:
    exchange = exchange_of(request)
    exchange.endpoint = "chat"
    runtime = exchange.service.runtime
    params = await read_json(request, runtime.max_body)
    _check(params)
    resolved = runtime.router.resolve(params.get("model"), Capability.CHAT, exchange.client)
    ask = Ask(Capability.CHAT, without_own(params), options_of(params))
    candidates = runtime.router.candidates(resolved, ask)
    return await _first_that_answers(request, params, resolved, candidates)


async def _first_that_answers(
    request: Request, params: Params, resolved: Resolved, candidates: Sequence[Candidate]
) -> Response:
    exchange = exchange_of(request)
    for place, candidate in enumerate(candidates):
        if candidate.plan.operation.read is not None:
            # A job looks after its own fallbacks, to the targets of its kind that follow.
            rest = [one for one in candidates[place:] if one.plan.operation.read is not None]
            return await textual.chat(request, params, resolved, rest)
        work = passing.attempt(request, candidate, stream=flag(params, "stream"), params=params)
        result = await while_connected(request, work)
        if isinstance(result, Response):
            return result
        if place + 1 == len(candidates):
            raise result.error
        exchange.service.metrics.fallbacks.labels(candidate.account.name).inc()
    raise AssertionError("a route has at least one candidate")


def _check(params: Params) -> None:
    """What every target would refuse, refused here: nothing is sent for it."""
    messages = params.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise invalid("'messages' must be an array.", code="invalid_type", param="messages")
    if not messages:
        raise missing("messages", "'messages' must not be empty.")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _not(f"messages[{place}]", "an object")
        if not isinstance(message.get("role"), str):
            if message.get("role") is None:
                raise missing(f"messages[{place}].role")
            raise _not(f"messages[{place}].role", "a string")
        if not isinstance(message.get("content"), str | list | None):
            raise _not(f"messages[{place}].content", "a string or an array")
    flag(params, "stream")
    options = params.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise _not("stream_options", "an object")


def _not(param: str, expected: str) -> ApiError:
    return invalid(f"'{param}' must be {expected}.", code="invalid_type", param=param)
