"""The 504 that a waiting client gets shortly before it gives up: it names the job, which is paid."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from starlette.requests import Request

from proxy.endpoints.common import waiting_time
from proxy.errors import ApiError
from proxy.service import exchange_of
from proxy.store.base import Job

T = TypeVar("T")

_LEAST: Final = 0.1  # seconds: a kept file of a job that ended at the last moment is there at once


async def in_time(request: Request, job: Job, work: Awaitable[T]) -> T:
    """What is fetched for an answer, once its job has ended. Raises ApiError 504."""
    left = waiting_time(request) - exchange_of(request).age()
    limit = asyncio.timeout(max(left, _LEAST))
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise too_late(
            f"Its result did not come in time. It is job {job.id}: GET /v1/jobs/{job.id}/content."
        ) from None


def too_late(message: str) -> ApiError:
    return ApiError(504, "provider_error", "provider_timeout", message, retry=False)
