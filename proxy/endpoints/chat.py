"""POST /v1/chat/completions: passed through to OpenAI-like targets, made from a text elsewhere."""

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import completion, passing, textual
from proxy.endpoints.chat_types import check_types, wrong
from proxy.endpoints.common import flag, missing, options_of, without_own
from proxy.forms import read_json
from proxy.routing import Ask
from proxy.service import exchange_of
from translators.core import Capability, Params


async def chat(request: Request) -> Response:
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    params = await read_json(request, runtime.max_body)
    _check(params)
    resolved = runtime.router.resolve(params.get("model"), Capability.CHAT, exchange.client)
    exchange.route = resolved.name
    ask = Ask(Capability.CHAT, without_own(params), options_of(params))
    said = resolved.said(params)
    candidates = runtime.router.candidates(resolved, ask)
    await exchange.service.limiter.weigh(exchange, said)
    return await passing.first_that_answers(
        request,
        candidates,
        ask=lambda one: completion.chat(request, one, stream=flag(said, "stream"), params=said),
        order=lambda rest: textual.chat(request, params, resolved, ask, rest),
    )


def _check(params: Params) -> None:
    """What every target would refuse, refused here: nothing is sent for it."""
    check_types(params)
    messages = params.get("messages")
    if messages is None:
        raise missing("messages")
    if not messages:
        raise missing("messages", "'messages' must not be empty.")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong(f"messages[{place}]", "an object")
        if not isinstance(message.get("role"), str):
            if message.get("role") is None:
                raise missing(f"messages[{place}].role")
            raise wrong(f"messages[{place}].role", "a string")
        content = message.get("content")
        if content is not None and not isinstance(content, (str, list)):
            raise wrong(f"messages[{place}].content", "a string or an array")
