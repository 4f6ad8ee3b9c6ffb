"""Which function answers which path, and under which name it is counted."""

from collections.abc import Iterable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from proxy import cors
from proxy.edge import Served
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
from proxy.errors import INVALID, ApiError, not_found

ROUTES = [
    Route("/v1/chat/completions", chat.chat, methods=["POST"], name="chat"),
    Route("/v1/images/generations", images.generate, methods=["POST"], name="images"),
    Route("/v1/images/edits", images.edit, methods=["POST"], name="image_edits"),
    Route("/v1/images/variations", images.vary, methods=["POST"], name="image_variations"),
    Route("/v1/videos", videos.create, methods=["POST"], name="videos"),
    Route("/v1/videos", videos.listed, methods=["GET"], name="videos"),
    Route("/v1/videos/edits", remakes.edit, methods=["POST"], name="videos"),
    Route("/v1/videos/extensions", remakes.extend, methods=["POST"], name="videos"),
    Route("/v1/videos/{id}/remix", remakes.remix, methods=["POST"], name="videos"),
    Route("/v1/videos/{id}", videos.retrieve, methods=["GET"], name="videos"),
    Route("/v1/videos/{id}", videos.delete, methods=["DELETE"], name="videos"),
    Route("/v1/videos/{id}/content", videos.content, methods=["GET"], name="content"),
    Route("/v1/jobs", jobs.listed, methods=["GET"], name="jobs"),
    Route("/v1/jobs/{kind}", jobs.create, methods=["POST"], name="jobs"),
    Route("/v1/jobs/{id}", jobs.retrieve, methods=["GET"], name="jobs"),
    Route("/v1/jobs/{id}", jobs.delete, methods=["DELETE"], name="jobs"),
    Route("/v1/jobs/{id}/content", jobs.content, methods=["GET"], name="content"),
    Route("/callbacks/{id}/{secret}", callbacks.callback, methods=["POST"], name="callback"),
    Route("/v1/audio/speech", audio.speech, methods=["POST"], name="speech"),
    Route("/v1/audio/transcriptions", audio.transcribe, methods=["POST"], name="transcriptions"),
    Route("/v1/audio/translations", forward.translations, methods=["POST"], name="translations"),
    Route("/v1/completions", forward.completions, methods=["POST"], name="completions"),
    Route("/v1/embeddings", forward.embeddings, methods=["POST"], name="embeddings"),
    Route("/v1/moderations", forward.moderations, methods=["POST"], name="moderations"),
    Route("/v1/responses", forward.responses, methods=["POST"], name="responses"),
    Route("/v1/providers", accounts.listed, methods=["GET"], name="providers"),
    Route("/v1/providers/{name}/balance", accounts.balance, methods=["GET"], name="providers"),
    Route("/v1/providers/{name}/prices", accounts.prices, methods=["GET"], name="providers"),
    Route("/v1/usage", usage.listed, methods=["GET"], name="usage"),
    Route("/v1/models", models.listed, methods=["GET"], name="models"),
    Route("/v1/models/{id:path}", models.retrieve, methods=["GET"], name="models"),
    Route("/healthz", operations.health, methods=["GET"], name="health"),
    Route("/readyz", operations.ready, methods=["GET"], name="ready"),
    Route("/metrics", operations.metrics, methods=["GET"], name="metrics"),
    Route("/openapi.json", description.described, methods=["GET"], name="description"),
    Route("/media/{name}", operations.media, methods=["GET"], name="media"),
]

# Paths without parameters need no search: a dictionary is a tenth of its cost.
_EXACT = {
    (method, route.path): Served(route.name, route.endpoint, {})
    for route in ROUTES
    if "{" not in route.path
    for method in route.methods or ()
    if method != "HEAD"
}


def served(scope: Scope) -> Served:
    """Who answers a request. Of a path that is not there, or not for this method, the answer is to raise the
    ApiError that says so: strangers are told first that they are."""
    exact = _EXACT.get((scope["method"], scope["path"]))
    if exact is not None:
        return exact
    allowed: set[str] = set()
    for route in ROUTES:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return Served(route.name, route.endpoint, found["path_params"])
        if match is Match.PARTIAL:
            allowed.update(route.methods or ())
    return Served("other", partial(_refuse, sorted(allowed)), {})


async def _refuse(allowed: Iterable[str], request: Request) -> Response:
    if not allowed:
        method, path = request.method, request.scope["path"]
        meant = _meant(method, path)
        hint = f"Did you mean {meant}?" if meant else "GET /openapi.json tells what is here."
        raise not_found(f"Unknown request URL: {method} {path[:100]}. {hint}")
    if cors.is_preflight(request):
        return cors.allowed(request, allowed)
    names = ", ".join(allowed)
    message = f"{request.method} is not allowed for this path. Allowed: {names}."
    headers = {"allow": names}
    raise ApiError(405, INVALID, "method_not_allowed", message, headers=headers)


def _meant(method: str, path: str) -> str | None:
    """The path that the client's base URL has missed: it lacks /v1, has it twice, or a slash too many."""
    parts = [part for part in path.split("/") if part]
    while parts and parts[0] == "v1":
        del parts[0]
    meant = "/".join(["/v1", *parts])
    return meant if (method, meant) in _EXACT else None
