"""Running doubles: each on a port of its own, in this event loop or in a thread."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .control import steered
from .core import Double
from .exchange import TRANSPORT

LOG = logging.getLogger("anygate.sandbox.server")
LOG.setLevel(logging.CRITICAL)  # a connection that was cut on purpose is no news
HOST = "127.0.0.1"
PORTS = "ports.json"


class Protocol(HttpToolsProtocol):
    """uvicorn's own, handing out its transport, so that an application can cut the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = LOG
        self.access_log = False

    def on_message_begin(self) -> None:
        """Add the transport to the scope that uvicorn has just made."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class Server:
    """One double behind one port.

    Made of uvicorn's parts, without `uvicorn.Server`: that one installs signal handlers, sets the
    levels of the process' own uvicorn loggers and stops only at its next tick.
    """

    def __init__(self, double: Double, port: int = 0) -> None:
        self.double = double
        self.port = port
        self._state = ServerState()
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, on the wanted port where it is free and on any other where not."""
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            steered(self.double),
            http=Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level=None,
            proxy_headers=False,
            timeout_keep_alive=60,
        )
        config.load()

        def protocol() -> Protocol:
            return Protocol(config=config, server_state=self._state, app_state={}, _loop=loop)

        sock = _bind(self.port)
        self.port = sock.getsockname()[1]
        self.double.loop = loop
        self.double.origin = f"http://{HOST}:{self.port}"
        self._listening = await loop.create_server(protocol, sock=sock, backlog=2048)

    async def stop(self) -> None:
        """Close the port and every connection; requests in progress are cancelled."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        tasks = tuple(self._state.tasks)
        for connection in tuple(self._state.connections):
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.double.close()
        await asyncio.sleep(0)  # the transports close in the loop's next turn


class Sandbox:
    """Running doubles. `doubles[name]` steers one, `base_urls[name]` is where it listens."""

    def __init__(self, doubles: Mapping[str, Double], state: Path | None, ports: Mapping[str, int]):
        self.doubles = dict(doubles)
        self.state = state
        self._servers = {name: Server(d, ports.get(name, 0)) for name, d in self.doubles.items()}

    @property
    def base_urls(self) -> dict[str, str]:
        """The `base_url` of each, with the real gateway's path: {"onysoft": "http://…/v1"}."""
        return {name: double.base_url for name, double in self.doubles.items()}

    @property
    def keys(self) -> dict[str, str]:
        """The key that each accepts."""
        return {name: double.key for name, double in self.doubles.items()}

    @property
    def ports(self) -> dict[str, int]:
        """The port of each."""
        return {name: server.port for name, server in self._servers.items()}

    def __getitem__(self, name: str) -> Double:
        return self.doubles[name]

    async def up(self, *names: str) -> None:
        """Start these (all), on the ports that they had."""
        for name in names or self._servers:
            await self._servers[name].start()
        if self.state is not None:
            await asyncio.to_thread(_write, self.state / PORTS, self.ports)

    async def stop(self, *names: str) -> None:
        """Stop these (all): connections are refused from then on, until `up`."""
        await asyncio.gather(*(self._servers[name].stop() for name in names or self._servers))


async def start(
    *names: str, state: Path | None = None, ports: Mapping[str, int] | None = None, **options: Any
) -> Sandbox:
    """Start doubles (all) in the running event loop.

    `state` is a folder: tasks and ports are kept there, and found again by the next process.
    `options` are `Double.configure`'s, for each of them.
    """
    from . import GATEWAYS

    doubles = {name: GATEWAYS[name](**options) for name in names or GATEWAYS}
    wanted: dict[str, int] = {}
    if state is not None:
        wanted = await asyncio.to_thread(_read, state / PORTS)
        for name, double in doubles.items():
            await asyncio.to_thread(double.restore, state / f"{name}.jsonl")
    sandbox = Sandbox(doubles, state, wanted | dict(ports or {}))
    await sandbox.up()
    return sandbox


@asynccontextmanager
async def running(*names: str, **options: Any) -> AsyncIterator[Sandbox]:
    """`start`, and stop at the end."""
    sandbox = await start(*names, **options)
    try:
        yield sandbox
    finally:
        await sandbox.stop()


@contextmanager
def in_thread(*names: str, **options: Any) -> Iterator[Sandbox]:
    """`running` for synchronous code: the doubles live in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        sandbox = asyncio.run_coroutine_threadsafe(start(*names, **options), loop).result(30)
        try:
            yield sandbox
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _bind(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol number is given: 40 ms an answer otherwise.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError:
        sock.bind((HOST, 0))
    sock.setblocking(False)
    return sock


def _read(path: Path) -> dict[str, int]:
    with suppress(FileNotFoundError, orjson.JSONDecodeError):
        return cast("dict[str, int]", orjson.loads(path.read_bytes()))
    return {}


def _write(path: Path, ports: Mapping[str, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(ports))
