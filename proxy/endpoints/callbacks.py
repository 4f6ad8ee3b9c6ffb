"""What gateways call when a task is done: a hint to ask, and never more than that."""

import hmac

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.videos import is_taken
from proxy.service import exchange_of
from proxy.store.base import Due, Job

_TAKEN = 10.0  # seconds


async def callback(request: Request) -> Response:
    """POST /callbacks/{id}/{secret}: the job's tasks are due now; the gateway is asked, its body is not read.

    Every call is answered alike, so that nobody learns which jobs there are.
    """
    exchange = exchange_of(request)
    service = exchange.service
    job = await service.store.get(request.path_params["id"])
    if job is not None and _knows(job, request.path_params["secret"]):
        # A quick gateway calls before its answer to the submit is here.
        job = await service.jobs.wait(job.id, is_taken, _TAKEN) or job
        for index, entry in enumerate(job.tasks):
            if entry.state in ("accepted", "running"):
                service.jobs.called(Due(job.id, index, job.provider))
    return Response(status_code=204)


def _knows(job: Job, secret: str) -> bool:
    return bool(job.callback) and hmac.compare_digest(str(job.callback).encode(), secret.encode())
