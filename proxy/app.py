"""The application of one worker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from starlette.routing import Router
from starlette.types import ASGIApp

from proxy.edge import Edge
from proxy.patience import Watch
from proxy.routes import served
from proxy.service import Service
from proxy.tracing import Traced


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

    edge = Edge(service, served, otherwise=Router(lifespan=lifespan))
    return edge if service.tracer is None else Traced(edge, service.tracer)
