"""Finding a client's job, and handing out what it made."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.views import assets_of
from proxy.errors import ApiError, invalid, not_found
from proxy.service import exchange_of
from proxy.store.base import Job

ROLES = {"video": "content", "thumbnail": "thumbnail", "spritesheet": "spritesheet"}


async def job_of(request: Request, kinds: tuple[str, ...] | None = None) -> Job:
    """The job in the path, if it is this client's and not deleted; raises ApiError 404."""
    exchange = exchange_of(request)
    job_id = request.path_params["id"]
    job = await exchange.service.store.get(job_id)
    mine = job is not None and job.owner == exchange.client.name and not job.deleted
    if job is None or not mine or (kinds is not None and job.kind not in kinds):
        raise not_found(f"No such job: {job_id[:100]!r}.", param="id")
    return job


async def content(request: Request, job: Job, asset: dict[str, Any]) -> Response:
    """One result's bytes, with Range, in constant memory."""
    service = exchange_of(request).service
    account = service.runtime.accounts.get(job.provider)
    return await service.media.content(
        service.runtime.driver, asset, account=account, request=request, filename=job.id
    )


def result(job: Job, *, variant: str = "video", index: int = 0) -> dict[str, Any]:
    """The asset that is asked for. Raises ApiError: 409 while or since there is none, 400, 404."""
    if job.status == "failed":
        message = str((job.error or {}).get("message", "The generation failed."))
        raise _conflict("video_failed", f"The job failed: {message}")
    if job.status != "completed":
        raise _conflict("video_not_ready", "The job is not finished yet.")
    role = ROLES.get(variant)
    fitting = [one for one in assets_of(job) if one.get("role", "content") == role]
    if role is None or not fitting:
        held = {one.get("role", "content") for one in assets_of(job)}
        names = [name for name, one in ROLES.items() if one in held]
        raise invalid(
            f"Unsupported value for 'variant': {variant[:40]!r}. Allowed: {', '.join(names) or 'none'}.",
            code="unsupported_value",
            param="variant",
        )
    if not 0 <= index < len(fitting):
        raise not_found(f"This job has {len(fitting)} results; 'index' begins at 0.", param="index")
    return fitting[index]


def _conflict(code: str, message: str) -> ApiError:
    return ApiError(409, "invalid_request_error", code, message, retry=False)
