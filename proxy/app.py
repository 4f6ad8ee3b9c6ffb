"""The application: which function answers which path."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.edge import Edge
from proxy.endpoints import (
    accounts,
    audio,
    callbacks,
    chat,
    description,
    forward,
    images,
    jobs,
    models,
    operations,
    remakes,
    usage,
    videos,
)
from proxy.patience import Watch
from proxy.service import Service
from proxy.tracing import Traced

ROUTES = [
    Route("/v1/chat/completions", chat.chat, methods=["POST"]),
    Route("/v1/images/generations", images.generate, methods=["POST"]),
    Route("/v1/images/edits", images.edit, methods=["POST"]),
    Route("/v1/images/variations", images.vary, methods=["POST"]),
    Route("/v1/videos", videos.create, methods=["POST"]),
    Route("/v1/videos", videos.listed, methods=["GET"]),
    Route("/v1/videos/edits", remakes.edit, methods=["POST"]),
    Route("/v1/videos/extensions", remakes.extend, methods=["POST"]),
    Route("/v1/videos/{id}/remix", remakes.remix, methods=["POST"]),
    Route("/v1/videos/{id}", videos.retrieve, methods=["GET"]),
    Route("/v1/videos/{id}", videos.delete, methods=["DELETE"]),
    Route("/v1/videos/{id}/content", videos.content, methods=["GET"]),
    Route("/v1/jobs", jobs.listed, methods=["GET"]),
    Route("/v1/jobs/{kind}", jobs.create, methods=["POST"]),
    Route("/v1/jobs/{id}", jobs.retrieve, methods=["GET"]),
    Route("/v1/jobs/{id}", jobs.delete, methods=["DELETE"]),
    Route("/v1/jobs/{id}/content", jobs.content, methods=["GET"]),
    Route("/callbacks/{id}/{secret}", callbacks.callback, methods=["POST"]),
    Route("/v1/audio/speech", audio.speech, methods=["POST"]),
    Route("/v1/audio/transcriptions", audio.transcribe, methods=["POST"]),
    Route("/v1/audio/translations", forward.translations, methods=["POST"]),
    Route("/v1/completions", forward.completions, methods=["POST"]),
    Route("/v1/embeddings", forward.embeddings, methods=["POST"]),
    Route("/v1/moderations", forward.moderations, methods=["POST"]),
    Route("/v1/responses", forward.responses, methods=["POST"]),
    Route("/v1/providers", accounts.listed, methods=["GET"]),
    Route("/v1/providers/{name}/balance", accounts.balance, methods=["GET"]),
    Route("/v1/providers/{name}/prices", accounts.prices, methods=["GET"]),
    Route("/v1/usage", usage.listed, methods=["GET"]),
    Route("/v1/models", models.listed, methods=["GET"]),
    Route("/v1/models/{id:path}", models.retrieve, methods=["GET"]),
    Route("/healthz", operations.health, methods=["GET"]),
    Route("/readyz", operations.ready, methods=["GET"]),
    Route("/metrics", operations.metrics, methods=["GET"]),
    Route("/openapi.json", description.described, methods=["GET"]),
    Route("/media/{name}", operations.media, methods=["GET"]),
]

# Paths without parameters need no search: a dictionary is a tenth of the router's cost.
EXACT: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
    (method, route.path): route.endpoint
    for route in ROUTES
    if "{" not in route.path
    for method in route.methods or ()
    if method != "HEAD"
}


def make_app(
    service: Service, background: Callable[[], Coroutine[Any, Any, None]] | None = None
) -> ASGIApp:
    """The ASGI application of one worker, which starts and stops its service.

    `background`: runs beside it until the end.
    """

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[dict[str, Any]]:
        await service.start()
        beside = asyncio.create_task(background()) if background else None
        try:
            yield {"watch": Watch(lambda: service.config.server.timeout)}
        finally:
            if beside is not None:
                beside.cancel()
            await service.stop()

    router = Router(ROUTES, redirect_slashes=False, lifespan=lifespan)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exact = EXACT.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if exact is not None:
            response = await exact(Request(scope, receive, send))
            await response(scope, receive, send)
            return
        # With an app in the scope the router raises its 404 and 405 instead of answering them.
        scope["app"] = app
        try:
            await router(scope, receive, send)
        except HTTPException as exc:
            if exc.status_code == 405:
                exc.headers = {"allow": ", ".join(_methods(scope))}
            raise

    edge = Edge(app, service)
    return edge if service.tracer is None else Traced(edge, service.tracer)


def _methods(scope: Scope) -> list[str]:
    """All that a path allows: the router tells those of the first route that fits it."""
    fitting = (route for route in ROUTES if route.matches(scope)[0] is not Match.NONE)
    return sorted({method for route in fitting for method in route.methods or ()})
