"""What all doubles share: routing, refusing, tasks, steering, the log.

A double is an ASGI application. Its subclass says what its gateway's pages say: routes, fields,
answers and the shape of errors. Everything else is here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from .assets import asset
from .checks import Refusal
from .exchange import EXCHANGE, Cut, Exchange
from .files import result, serve
from .tasks import Task, TaskFile
from .work import Work

Handler = Callable[[Exchange], Awaitable[Response]]
LOG = logging.getLogger("anygate.sandbox")
KEPT_LOG = 20_000  # requests remembered; a sandbox may run for days


class Double(Work):
    """A gateway's double. See the package's docstring for how to steer and inspect it."""

    NAME: ClassVar[str]
    PREFIX: ClassVar[str]  # the path of the real base URL

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.key = f"sandbox-key-{self.NAME}"
        self.origin = ""  # set by the server
        self.active: set[Exchange] = set()
        self._recent: deque[float] = deque()
        self._routes = [
            *self.routes(),
            self.route("GET", "/files/{task}/{name}", "file", self._file, auth=False, prefix=""),
        ]
        handlers: Mapping[Any, Any] = {Refusal: self._refused, HTTPException: self._refused}
        self._app = Starlette(routes=self._routes, exception_handlers=handlers)
        self.configure(options)

    # -- what a subclass says ------------------------------------------------------------------

    def routes(self) -> list[Route]:
        """Return the gateway's routes."""
        raise NotImplementedError

    def error(self, refusal: Refusal) -> dict[str, Any]:
        """Return the gateway's error body."""
        raise NotImplementedError

    def link(self, task: Task, index: int = 0) -> str:
        """Return the URL of a task's n-th result."""
        return f"{self.origin}/files/{task.id}/{index}.{task.files[index]}"

    def authorize(self, x: Exchange) -> None:
        """Refuse a request without the key."""
        if x.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(401, "Invalid API key")

    # -- what a subclass uses ------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """What a client puts before the paths of the gateway's pages."""
        return self.origin + self.PREFIX

    def route(
        self, method: str, path: str, kind: str, handler: Handler, *, auth: bool = True, **more: str
    ) -> Route:
        """Return a route; `kind` is what the log and `fault` call its requests."""

        async def endpoint(request: Request) -> Response:
            x: Exchange = request.scope[EXCHANGE]
            if x.fault.answers:
                return self._faulted(x)
            if auth:
                self._limit()
                self.authorize(x)
            return await handler(x)

        prefix = more.get("prefix", self.PREFIX)
        return Route(prefix + path, endpoint, methods=[method], name=kind)

    def error_response(self, refusal: Refusal) -> Response:
        """Return a refusal in the gateway's shape."""
        return answer(self.error(refusal), refusal.status, headers=refusal.headers)

    # -- the server's side ---------------------------------------------------------------------

    def restore(self, path: Path) -> None:
        """Take over the tasks of an earlier process, and keep them there from now on."""
        self._store = TaskFile(path)
        for task in self._store.load():
            self.tasks[task.id] = task

    def place(self, x: Exchange) -> tuple[str, str | None]:
        """Return the kind of a request ("other" without a route), and the task that it names."""
        for route in self._routes:
            match, found = route.matches(x.scope)
            if match is Match.FULL:
                return route.name, found["path_params"].get("task") or x.query.get("task_id")
        return "other", None

    def release(self) -> None:
        """End every wait of a fault: `hang`, `delay`, `late`, `stall`."""
        for exchange in tuple(self.active):
            self.call(exchange.release)

    async def close(self) -> None:
        """End the work beside the requests."""
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        x = Exchange(self, scope, receive, send)
        x.seen.kind, x.seen.task_id = self.place(x)
        self.active.add(x)
        self.peak = max(self.peak, len(self.active))
        self.changed()
        try:
            await x.read()
            x.fault = self.draw(x.seen)
            self.note(x.seen, KEPT_LOG)
            await x.run(self._app)
        except Exception:
            LOG.critical("a bug in the double of %s", self.NAME, exc_info=True)
            raise
        except Cut:
            await asyncio.sleep(0)  # lets the server notice that the connection is gone
        finally:
            self.active.discard(x)
            x.seen.ended = time.time()
            self.changed()

    async def _file(self, x: Exchange) -> Response:
        name, _, _ = x.params["name"].partition(".")
        task = self.find(x, x.params["task"], poll=False)
        if name == "thumbnail" and task.state == "completed":
            return serve(x, asset("png", task.ratio), "png")
        if not name.isdigit():
            raise Refusal(404, "no such file", "not_found")
        return result(x, task, int(name))

    async def _refused(self, request: Request, exc: Exception) -> Response:
        x: Exchange = request.scope[EXCHANGE]
        if x.fault.answers:  # a path that no route knows, and a rule for "*"
            return self._faulted(x)
        if isinstance(exc, HTTPException):
            exc = Refusal(exc.status_code, exc.detail, "not_found")
        assert isinstance(exc, Refusal)
        return self.error_response(exc)

    def _faulted(self, x: Exchange) -> Response:
        fault = x.fault
        status = fault.status or 200
        body = fault.body
        if body is None:
            body = self.error(Refusal(status, f"fault {status}")) if status >= 400 else b""
        return answer(body, status, headers=fault.headers)

    def _limit(self) -> None:
        if self.rpm is None:
            return
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        if len(self._recent) >= self.rpm:
            refusal = Refusal(429, f"rate limit of {self.rpm} requests per minute exceeded")
            refusal.headers["retry-after"] = str(max(1, round(self._recent[0] + 60 - now)))
            raise refusal
        self._recent.append(now)


def answer(
    body: Any, status: int = 200, *, headers: Mapping[str, str] | None = None, kind: str = ""
) -> Response:
    """Return a response: bytes and strings as they are, anything else as JSON."""
    kind = kind or ("text/plain; charset=utf-8" if isinstance(body, str) else "application/json")
    content = body if isinstance(body, bytes | str) else orjson.dumps(body)
    response = Response(content, status, media_type=kind)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def loopback_urls(*values: Any) -> Iterable[str]:
    """Yield the strings among these values and lists of values."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))
