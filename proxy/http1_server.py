"""HTTP/1.1 as a server speaks it, in the place of uvicorn's own protocol: parsed by httptools, no timers and
no second task a request, an answer's head and body in one piece.

uvicorn owns the socket, the workers and the end. `proxy.patience` looks after connections that get no further.
"""

import asyncio
from collections import deque
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from proxy.http1_ends import BODY, SCRAPS, Ends
from proxy.http1_parts import BodyAlone, target_of
from proxy.turn import Turn

_HEAD: Final = 1 << 16  # bytes that may come without being a whole head, or any of a body
_HIGH: Final = 1 << 16  # bytes of a body that wait before the socket is left alone
_QUEUED: Final = 8  # requests that may wait behind the one that is answered


class HttpConnection(Ends, asyncio.Protocol):
    """A client's connection. What is public is for `proxy.patience` and uvicorn."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app = config.loaded_app
        self._state = server_state
        self._app_state = app_state
        self.connections = server_state.connections
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.drained = asyncio.Event()
        self.drained.set()
        self.turn: Turn | None = None  # the request that is answered now
        self.waiting: deque[tuple[Turn, Scope]] = deque()
        self.reading: Turn | None = None  # whose head has come, and whose body may still come
        self.requests = self.came = self.drains = 0
        self.in_head = True  # a request's head is awaited, or has come in part
        self.loop = asyncio.get_running_loop()
        # Until the connection is lost: it holds us.
        self._parser: Any = httptools.HttpRequestParser(self)
        self.deaf = False
        self._barren = 0
        self.paused = False
        self._dates: Any = None
        self._date: list[bytes] = []

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connections.add(self)  # type: ignore[arg-type]
        self._server, self._client = (
            (transport.get_extra_info(name) or (None,))[:2] for name in ("sockname", "peername")
        )
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._app_state["watch"].begin(self.connections)

    def data_received(self, data: bytes) -> None:
        self.came += len(data)
        self._barren += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._go_on(data[exc.args[0] :])
            return
        except httptools.HttpParserError:
            self.refuse(400, None, "Invalid HTTP request received.")
            return
        if self._barren > _HEAD and not self.transport.is_closing():
            self.refuse(431, "request_too_large", "The request's headers are too large.")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self.drained.set()
        if self.turn is not None:
            self.turn.lost()
        self.waiting.clear()
        # Both hold this connection: kept, each would be a cycle left to the garbage collector.
        self._parser = self.turn = self.reading = None

    def pause_writing(self) -> None:
        self.drained.clear()

    def resume_writing(self) -> None:
        self.drains += 1
        self.drained.set()

    def shutdown(self) -> None:
        """uvicorn tells that the server is about to end."""
        if self.turn is None:
            self.transport.close()
        else:
            self.turn.keep_alive = False

    # httptools calls these.

    def on_message_begin(self) -> None:
        self.reading = None
        self.in_head = True
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.reading is None:  # else it is a trailer, which nobody asked for
            name = name.lower()
            self._headers.append((name, value))
            if name == b"expect":
                self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        if len(self.waiting) == _QUEUED:
            # Left in the socket, it would hide that the client has gone: RFC 9112, 9.3.2, has it ask again.
            raise OverflowError("too many requests in advance")
        parser = self._parser
        version, method = parser.get_http_version(), parser.get_method()
        raw, query = target_of(self._url)
        path = raw.decode("ascii")
        if "%" in path:
            path = unquote(path)
        keep_alive = parser.should_keep_alive()
        turn = Turn(self, method, version=version, keep_alive=keep_alive, expects=self._expects)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "server": self._server,
            "client": self._client,
            "scheme": self._scheme,
            "method": method.decode("ascii"),
            "root_path": "",
            "path": path,
            "raw_path": raw,
            "query_string": query,
            "headers": self._headers,
            "state": self._app_state,
            "extensions": {"anygate": turn},
        }
        self.requests += 1
        self._barren = 0
        self.reading = turn
        self.in_head = False
        if self.turn is None:
            self._start(turn, scope)
            return
        self.waiting.append((turn, scope))

    def on_body(self, body: bytes) -> None:
        self._barren = 0
        turn = self.reading
        if turn is not None and not turn.complete and turn.feed(body) > _HIGH and not self.paused:
            self.paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.reading is not None and not self._parser.should_upgrade():
            self.reading.fed()

    # A turn calls these.

    def default_headers(self) -> list[bytes]:
        """What uvicorn puts on every answer: the date, which it renews once a second."""
        if self._dates is not (now := self._state.default_headers):
            self._dates = now
            self._date = [b"%s: %s\r\n" % (name.lower(), value) for name, value in now]
        return self._date

    def wants_more(self) -> None:
        if self.paused:
            self.paused = False
            self.transport.resume_reading()

    def answered(self) -> None:
        """The answer to the turn is complete."""
        turn, self.turn = self.turn, None
        if turn is None:
            return
        self._state.total_requests += 1
        if not turn.keep_alive:
            self.end(BODY if turn.more else SCRAPS if self.deaf else 0)
        elif not self.transport.is_closing():
            if self.waiting:
                self._start(*self.waiting.popleft())
            self.wants_more()

    def left(self, turn: Turn) -> None:
        """The application is done with a turn, whether or not it has answered."""
        if turn.task is not None:
            self._state.tasks.discard(turn.task)
            turn.task = None
        if turn.complete or turn is not self.turn:
            return
        if turn.started or self.waiting or turn.gone:
            self.transport.abort()
        else:
            self.say(500, "internal_error", "Internal server error.")

    def _start(self, turn: Turn, scope: Scope) -> None:
        self.turn = turn
        turn.task = self.loop.create_task(turn.run(self._app, scope))
        self._state.tasks.add(turn.task)

    def _go_on(self, rest: bytes) -> None:
        """Another protocol was asked for: the parser leaves the body out, and we read it all the same."""
        assert self.reading is not None
        if not self.reading.more:  # it stands behind such a body
            self.ignore(SCRAPS)
            return
        self.reading.keep_alive = False
        sizes = (b"content-length", b"transfer-encoding")
        lines = [b"%s: %s\r\n" % one for one in self._headers if one[0] in sizes]
        self._parser = httptools.HttpRequestParser(BodyAlone(self))
        self.data_received(b"".join([b"POST / HTTP/1.1\r\n", *lines, b"\r\n", rest]))
