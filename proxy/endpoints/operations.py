"""What operates the proxy: health, readiness, metrics, and uploads that gateways fetch."""

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.common import json_response
from proxy.errors import ApiError, not_found
from proxy.service import exchange_of
from proxy.store.base import StoreUnavailable


async def health(request: Request) -> Response:
    """The process is up."""
    return json_response({"status": "ok"})


async def ready(request: Request) -> Response:
    """The process can do its work: the store answers. That the media folder cannot be written is told, too, but
    no reason to send nothing: chat and whatever gateways keep themselves go on."""
    exchange = exchange_of(request)
    try:
        await exchange.service.store.ping()
    except StoreUnavailable as exc:
        raise ApiError(
            503, "server_error", "store_unavailable", "The job store cannot be reached."
        ) from exc
    fault = exchange.service.media.writable.fault
    return json_response({"status": "ready", **({"media": "unwritable"} if fault else {})})


async def metrics(request: Request) -> Response:
    """What all workers of this machine have counted; without its jobs where the store is away."""
    exchange = exchange_of(request)
    service = exchange.service
    service.runtime.gate.check_metrics(dict(reversed(request.scope["headers"])))
    try:
        jobs = await service.store.counts()
    except StoreUnavailable:  # what goes on then is just what is looked for here
        jobs = {}
    body = service.metrics.render(jobs)
    return Response(body, media_type="text/plain; version=0.0.4")


async def media(request: Request) -> Response:
    """A published upload, under its unguessable name."""
    exchange = exchange_of(request)
    name = request.path_params["name"]
    path = exchange.service.media.public_path(name)
    if path is None:
        raise not_found("No such file.")
    return await exchange.service.media.response(path, None, request, name)
