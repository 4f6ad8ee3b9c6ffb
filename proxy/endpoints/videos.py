"""/v1/videos: OpenAI's Videos API, which lives on in the SDKs, in front of gateways' tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import found, views
from proxy.endpoints.common import (
    json_response,
    need_text,
    number_in_query,
    options_of,
    waiting_time,
    without_own,
)
from proxy.endpoints.orders import Wish, delivering, failure, note, place
from proxy.errors import invalid
from proxy.forms import read_params
from proxy.jobs import transitions
from proxy.jobs.poll import operation_of
from proxy.routing import Ask, Candidate
from proxy.service import exchange_of
from proxy.sse import while_connected
from proxy.store.base import Job
from proxy.store.document import SUBMITTING
from translators.convert import seconds_of, size_of
from translators.core import Capability, Params

DEFAULTS = {"size": views.VIDEO_SIZE, "seconds": views.VIDEO_SECONDS}
_VIDEO = ("video",)


async def create(request: Request) -> Response:
    """POST /v1/videos, JSON or multipart."""
    exchange = exchange_of(request)
    params = await read_params(request, exchange.service.runtime.max_body)
    check(params)
    return await order(request, params, Capability.VIDEO)


async def order(
    request: Request,
    params: Params,
    capability: Capability,
    *,
    said: Params | None = None,
    remixed_from: str | None = None,
    before: Sequence[Candidate] = (),
) -> Response:
    """Place a video job and answer as soon as the gateway has taken or refused it."""
    check_order(params)
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    resolved = runtime.router.resolve(params.get("model"), capability, exchange.client)
    ask = Ask(
        capability,
        without_own(params),
        options_of(params),
        defaults=DEFAULTS if capability is Capability.VIDEO else {},
    )
    wish = Wish(
        "video",
        resolved,
        ask,
        said=params if said is None else said,
        keep_files=True,
        remixed_from=remixed_from,
        before=before,
    )
    job = await place(request, wish)
    taken = await exchange.service.jobs.wait(job.id, is_taken, grace(request, job)) or job
    note(exchange, taken)
    if taken.status == "failed":
        raise failure(request, taken)
    return delivering(request, taken, shown(request, taken))


async def retrieve(request: Request) -> Response:
    job = await found.job_of(request, _VIDEO)
    note(exchange_of(request), job)
    return shown(request, job)


async def listed(request: Request) -> Response:
    """GET /v1/videos?limit&after&order."""
    exchange = exchange_of(request)
    page = await exchange.service.store.page(exchange.client.name, kinds=_VIDEO, **paging(request))
    shown = (views.video(job, exchange.service) for job in page.jobs)
    return json_response(views.listing(page, shown))


async def delete(request: Request) -> Response:
    exchange = exchange_of(request)
    job = await found.job_of(request, _VIDEO)
    await exchange.service.jobs.change(job.id, transitions.hidden)
    return json_response({"id": job.id, "deleted": True, "object": "video.deleted"})


async def content(request: Request) -> Response:
    """GET /v1/videos/{id}/content?variant=video|thumbnail|spritesheet, with Range."""
    job = await found.job_of(request, _VIDEO)
    note(exchange_of(request), job)
    asset = found.result(job, variant=request.query_params.get("variant", "video"))
    return await while_connected(request, found.content(request, job, asset))


def shown(request: Request, job: Job) -> Response:
    """The video object; an unfinished one says when to ask again."""
    service = exchange_of(request).service
    return json_response(views.video(job, service), poll_after(request, job))


def poll_after(request: Request, job: Job) -> Mapping[str, str]:
    """`openai-poll-after-ms`: what suits the model's kind, 1000 to 10000, or `poll_min` below a second.

    The SDKs read it once, from the first answer.
    """
    if job.ended:
        return {}
    runtime = exchange_of(request).service.runtime
    account = runtime.accounts.get(job.provider)
    operation = operation_of(job, account) if account else None
    usual = min(max(operation.every if operation else 5.0, 1.0), 10.0)
    shortest = runtime.config.jobs.poll_min
    seconds = shortest if shortest < 1.0 else usual
    return {"openai-poll-after-ms": str(max(1, round(seconds * 1000)))}


def paging(request: Request) -> dict[str, Any]:
    """`limit` (0 to 100, 20 by default), `after` and `order` of a list; raises ApiError 400."""
    query = request.query_params
    direction = query.get("order", "desc")
    if direction not in ("asc", "desc"):
        raise invalid(
            "Unsupported value for 'order'. Allowed: asc, desc.",
            code="unsupported_value",
            param="order",
        )
    return {
        "limit": number_in_query(request, "limit", 20, 0, 100),
        "after": query.get("after") or None,
        "ascending": direction == "asc",
    }


def check(params: Params) -> None:
    """What no target could make sense of, refused before any is looked for."""
    prompt = params.get("prompt")
    # aigate.shop's page lets a prompt be {text, image}: an object is left to the table.
    if not isinstance(prompt, Mapping):
        need_text(params, "prompt")


def check_order(params: Params) -> None:
    """The same for what every kind of video has."""
    if params.get("size") is not None:
        _checked_size(params["size"])
    if params.get("seconds") is not None:
        seconds_of(params["seconds"])


def _checked_size(value: Any) -> None:
    # "high" and "standard" are Sora's own sizes at one gateway: tables know them, and refuse others.
    if not isinstance(value, str) or value[:1].isdigit():
        size_of(value)


def is_taken(job: Job) -> bool:
    return job.ended or SUBMITTING.isdisjoint([entry.state for entry in job.tasks])


def grace(request: Request, job: Job) -> float:
    """Seconds to wait for the gateway's word: what its row says, 20 at most, and never longer than the client."""
    exchange = exchange_of(request)
    account = exchange.service.runtime.accounts.get(job.provider)
    usual = min(account.row.submit_grace if account else 20.0, 20.0)
    return min(usual, waiting_time(request) - exchange.age())
