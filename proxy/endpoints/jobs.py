"""/v1/jobs: every kind of work without waiting for it, and every job as it stands."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import found, remakes, videos, views
from proxy.endpoints.common import (
    HANDLED,
    count,
    json_response,
    number_in_query,
    options_of,
    without_own,
)
from proxy.endpoints.orders import Wish, delivering, failure, note, place
from proxy.endpoints.videos import is_taken, paging, poll_after
from proxy.errors import invalid, not_found
from proxy.forms import read_params
from proxy.jobs import transitions
from proxy.routing import Ask
from proxy.service import exchange_of
from proxy.sse import while_connected
from proxy.store.base import Job
from translators.core import JSON, Capability, Params

# What a job of each kind may be: the first capability that the target offers.
KINDS: Mapping[str, tuple[Capability, ...]] = {
    "image": (Capability.IMAGE,),
    "video": (Capability.VIDEO,),
    "speech": (Capability.SPEECH, Capability.SOUND, Capability.MUSIC),
    "sound": (Capability.SOUND,),
    "music": (Capability.MUSIC,),
}
# What others of the proxy's endpoints make jobs of besides.
LISTED = (*KINDS, "transcription", "chat")
_PICTURES = ("image", "images", "mask", "image_url", "image_urls", "input_urls", "input_reference")
_MOST = 10


async def create(request: Request) -> Response:
    """POST /v1/jobs/{kind}: OpenAI's body of that kind, plus native fields."""
    exchange = exchange_of(request)
    kind = request.path_params["kind"]
    if kind not in KINDS:
        raise not_found(f"No such kind of job. There are: {', '.join(KINDS)}.")
    params = await read_params(request, exchange.service.runtime.max_body)
    if kind == "video":
        if params.get("video") is None:
            videos.check(params)
        videos.check_order(params)
    if kind not in ("image", "video"):  # what is made of words
        await exchange.service.limiter.weigh(exchange, params)
    job = await _placed(request, kind, params)
    taken = await exchange.service.jobs.wait(job.id, is_taken, videos.grace(request, job)) or job
    note(exchange, taken)
    if taken.status == "failed":
        raise failure(request, taken)
    return delivering(request, taken, _shown(request, taken))


async def _placed(request: Request, kind: str, params: Params) -> Job:
    exchange = exchange_of(request)
    capability, *others = KINDS[kind]
    understood, source = _understood(kind, params), None
    if kind == "image" and any(params.get(name) is not None for name in _PICTURES):
        capability, others = Capability.IMAGE_EDIT, [Capability.IMAGE]
    if kind == "video" and params.get("video") is not None:
        capability = Capability.VIDEO_EDIT
        understood["video"], source = await remakes.source_of(request, params["video"])
    resolved = exchange.service.runtime.router.resolve(
        params.get("model"), capability, exchange.client
    )
    ask = Ask(
        capability,
        understood,
        options_of(params),
        defaults=videos.DEFAULTS if capability is Capability.VIDEO else {},
        handled=HANDLED if kind == "image" else HANDLED - {"n"},  # of the others one is made
        alternatives=tuple(others),
    )
    wish = Wish(
        kind,
        resolved,
        ask,
        said=params,
        tasks=count(resolved.said(params), "n", _MOST) if kind == "image" else 1,
        keep_files=kind == "video",
        remixed_from=None if source is None else source.id,
    )
    return await place(request, wish)


def _understood(kind: str, params: Params) -> JSON:
    """The parameters for a target; what is to be made may be called `prompt` or `input`."""
    rest = without_own(params)
    if kind == "image" and "image" not in rest and "images" in rest:
        rest["image"] = rest.pop("images")
    if kind == "speech" and "input" not in rest and isinstance(rest.get("prompt"), str):
        rest["input"] = rest.pop("prompt")
    return rest


async def listed(request: Request) -> Response:
    """GET /v1/jobs?kind&status&limit&after&order."""
    exchange = exchange_of(request)
    kind = request.query_params.get("kind")
    status = request.query_params.get("status")
    if kind is not None and kind not in LISTED:
        raise invalid(
            f"Unsupported value for 'kind'. Allowed: {', '.join(LISTED)}.",
            code="unsupported_value",
            param="kind",
        )
    if status is not None and status not in ("queued", "in_progress", "completed", "failed"):
        raise invalid(
            "Unsupported value for 'status'. Allowed: queued, in_progress, completed, failed.",
            code="unsupported_value",
            param="status",
        )
    page = await exchange.service.store.page(
        exchange.client.name, kinds=(kind,) if kind else None, status=status, **paging(request)
    )
    shown = (views.generic(one, exchange.service) for one in page.jobs)
    return json_response(views.listing(page, shown))


async def retrieve(request: Request) -> Response:
    job = await found.job_of(request)
    note(exchange_of(request), job)
    return _shown(request, job)


async def delete(request: Request) -> Response:
    exchange = exchange_of(request)
    job = await found.job_of(request)
    await exchange.service.jobs.change(job.id, transitions.hidden)
    return json_response({"id": job.id, "deleted": True, "object": "job.deleted"})


async def content(request: Request) -> Response:
    """GET /v1/jobs/{id}/content?index=0, with Range; a text job's content is its text."""
    job = await found.job_of(request)
    note(exchange_of(request), job)
    index = number_in_query(request, "index", 0, 0, 999)
    texts = [entry.text for entry in job.tasks if entry.text is not None]
    if job.status == "completed" and texts and not views.assets_of(job):
        if index >= len(texts):
            raise not_found(f"This job has {len(texts)} results.", param="index")
        return Response(texts[index], media_type="text/plain; charset=utf-8")
    asset = found.result(job, variant=request.query_params.get("variant", "video"), index=index)
    return await while_connected(request, found.content(request, job, asset))


def _shown(request: Request, job: Job) -> Response:
    service = exchange_of(request).service
    return json_response(views.generic(job, service), poll_after(request, job))
