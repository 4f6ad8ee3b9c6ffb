"""Videos out of videos: /v1/videos/edits, /v1/videos/extensions and /v1/videos/{id}/remix."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import found, videos
from proxy.endpoints.common import missing, need_text, options_of, without_own
from proxy.endpoints.uploads import thawed
from proxy.errors import ApiError, GatewayDown, not_found
from proxy.forms import read_params
from proxy.routing import Ask, Candidate
from proxy.service import exchange_of
from proxy.store.base import Job
from translators.core import JSON, Capability, FormText, Params, Source
from translators.errors import TranslationError
from translators.spelling import from_text

_LARGEST = 256 << 20  # bytes of a video that is sent on
_VIDEO = ("video",)


async def edit(request: Request) -> Response:
    """POST /v1/videos/edits: `video` is a job of ours ({id}), an upload or a URL."""
    return await _from_source(request, Capability.VIDEO_EDIT)


async def extend(request: Request) -> Response:
    """POST /v1/videos/extensions: as an edit, with the `seconds` to add."""
    return await _from_source(request, Capability.VIDEO_EXTENSION)


async def remix(request: Request) -> Response:
    """POST /v1/videos/{id}/remix: the finished video made anew by another prompt.

    A target that takes a source video gets it; where it does not, or certainly refuses it, the
    job's own request is repeated with the new prompt: an edit edits its own source again.
    """
    exchange = exchange_of(request)
    job = await found.job_of(request, _VIDEO)
    params = await read_params(request, exchange.service.runtime.max_body)
    prompt = need_text(params, "prompt")
    found.result(job)  # finished, and with a result
    kept: JSON = await thawed(job.request, exchange.service.media)
    # A job that repeats another by editing what that made has the order to repeat next, and no source of its own.
    source = kept.get("video") is not None
    again = {**kept, **params, "prompt": prompt, "model": params.get("model") or job.model}
    return await videos.order(
        request,
        again,
        Capability(job.capability) if source else Capability.VIDEO,
        said={**params, "remix": job.id},
        remixed_from=job.id,
        before=await _edits(request, job, again, said=params),
    )


async def _from_source(request: Request, capability: Capability) -> Response:
    exchange = exchange_of(request)
    params = await read_params(request, exchange.service.runtime.max_body)
    if params.get("video") is None:
        raise missing("video")
    source, of = await source_of(request, params["video"])
    asked = {**params, "video": source}
    if of is not None and not params.get("model"):
        # A plain SDK cannot name a model here: what made the video may well edit it.
        asked["model"] = exchange.service.runtime.config.defaults.video_edit or of.model
    remixed_from = None if of is None else of.id
    return await videos.order(request, asked, capability, said=params, remixed_from=remixed_from)


async def source_of(request: Request, value: Any) -> tuple[Any, Job | None]:
    """A video as tables take it, and the job that it comes from, if it is one of ours."""
    if isinstance(value, FormText) and value[:1] in "{[":
        value = from_text(value)
    job_id = value.get("id") if isinstance(value, Mapping) else None
    if job_id is None and isinstance(value, str) and value.startswith("video_"):
        job_id = str(value)
    if job_id is None:
        return value, None
    exchange = exchange_of(request)
    job = await exchange.service.store.get(str(job_id))
    if job is None or job.owner != exchange.client.name or job.deleted or job.kind != "video":
        raise not_found(f"No such video: {str(job_id)[:100]!r}.", param="video")
    return await _result(request, job), job


async def _result(request: Request, job: Job) -> Source:
    """A job's video: its link where everybody may open and see it, its bytes otherwise."""
    service = exchange_of(request).service
    asset = found.result(job)
    url = asset.get("url")
    open_to_all = not asset.get("auth") and not service.runtime.redactor.holds(url or "")
    if url and "file" not in asset and open_to_all:
        return Source(url=url)
    account = service.runtime.accounts.get(job.provider)
    data, mime = await service.media.load(service.runtime.driver, asset, account, _LARGEST)
    return Source(data=data, mime=mime)


async def _edits(request: Request, job: Job, params: Params, *, said: Params) -> list[Candidate]:
    """The targets that can edit the job's video, asked to: its own, or those of another model that
    the client names. None where they do not offer that, or the video is gone.

    `params`: the order to repeat; `said`: what of that this request brings.
    """
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    resolved = runtime.router.resolve(params["model"], Capability.VIDEO_EDIT, exchange.client)
    able = tuple(
        one
        for one in resolved.targets
        if (account := runtime.accounts.get(one.provider))
        and Capability.VIDEO_EDIT in account.row.operations
        and (resolved.name != job.model or str(one) == job.target)
    )
    if not able:
        return []
    try:
        source = await _result(request, job)
        ask = _edit_ask(params, said, source)
        return runtime.router.candidates(replace(resolved, targets=able), ask)
    except (TranslationError, ApiError, GatewayDown):
        return []


def _edit_ask(params: Params, said: Params, source: Source) -> Ask:
    # What the first video was made from is not what the edit is made from; and a length and a size are of
    # the video already where edits take none.
    rest = without_own(params).items()
    kept = {name: one for name, one in rest if name == "prompt" or not _is_file(one)}
    return Ask(
        Capability.VIDEO_EDIT,
        {**kept, "video": source},
        options_of(params),
        inherited=frozenset(kept.keys() - said.keys()),
    )


def _is_file(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_file(one) for one in value)
    if isinstance(value, Mapping):
        return any(_is_file(value[name]) for name in ("image_url", "url") if name in value)
    links = isinstance(value, str) and value.startswith(("http://", "https://", "data:"))
    return links or isinstance(value, Source)
