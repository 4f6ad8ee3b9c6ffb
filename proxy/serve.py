"""Serving: one process or several on one socket, the sandbox beside them, reloads and signals."""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from proxy import logs, memory, siblings, tracing
from proxy.app import make_app
from proxy.config import Config, ConfigError, load
from proxy.http1_server import HttpConnection
from proxy.redact import Redactor
from proxy.reloads import TICK, Settings, attend, patience
from proxy.service import Service
from proxy.store import open_store
from translators import TRANSLATORS

log = logging.getLogger("anygate")

_SERVED = "ANYGATE_SERVED"  # how a worker process learns what it serves: JSON of `_Served`
_SETTINGS: Final[Mapping[str, Any]] = {
    "http": HttpConnection,
    "ws": "none",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,  # who is behind a reverse proxy says so by server.public_url
    "backlog": 4096,
}


@dataclass(frozen=True)
class Place:
    """Where to serve, and with how many processes. `host`: as it was named."""

    host: str
    listener: socket.socket
    workers: int = 1


@dataclass(frozen=True)
class _Served:
    """What a worker process serves. `parent`: the process that started it, without which it ends."""

    config: str
    host: str
    workers: int
    parent: int

    def read(self) -> Config:
        """The configuration; raises ConfigError, also where it may not be served here."""
        path = Path(self.config)
        found = read(path)
        allow(path, found, self.host, self.workers)
        return found


def read(path: Path) -> Config:
    """The configuration; raises ConfigError."""
    return load(path, rows=TRANSLATORS)


def allow(path: Path, config: Config, host: str, workers: int) -> None:
    """Raises ConfigError where the configuration may not be served there, or not by so many."""
    bound = config.model_copy(update={"server": config.server.model_copy(update={"host": host})})
    if problems := bound.check_binding(workers):
        raise ConfigError(f"{path}: {problem}" for problem in problems)


def run(path: Path, config: Config, place: Place, ready: Callable[[], None]) -> None:
    """Serve until a signal ends it. `ready` is told when nothing stands in the way any more.

    Raises ConfigError where the configuration cannot be served here.
    """
    try:  # whether the extras are installed that it needs
        open_store(config.store)
        if config.server.traces:
            tracing.required()
    except ValueError as exc:
        raise ConfigError([str(exc)]) from exc
    served = _Served(str(path.absolute()), place.host, place.workers, os.getpid())
    os.environ[_SERVED] = json.dumps(asdict(served))
    _ignore_hup()
    settings = Settings(
        "proxy.serve:worker",
        factory=True,
        workers=place.workers,
        **settings_for(config),
    )
    logs.to_stderr(config.server.log_level, Redactor(config.secrets()))
    ready()
    if place.workers > 1:
        with siblings.together():
            _Workers(settings, [place.listener]).run()
    else:
        uvicorn.Server(settings).run([place.listener])


def settings_for(config: Config) -> dict[str, Any]:
    """How uvicorn serves, wherever it does."""
    return {**_SETTINGS, "timeout_graceful_shutdown": patience(config)}


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, made as TCP by name: only then does asyncio turn Nagle's delay off.

    Raises ConfigError where the address cannot be had.
    """
    host = host.strip("[]")
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once: until then another process could have the same address, and one of both would fail later.
        listener.listen(_SETTINGS["backlog"])
    except (
        OSError,
        ValueError,
        OverflowError,
    ) as exc:  # no address at all: a host with a NUL, port 70000
        listener.close()
        raise ConfigError([f"{url_of(host, port)} cannot be listened on: {exc}"]) from exc
    listener.set_inheritable(True)
    return listener


def url_of(host: str, port: int) -> str:
    """The address as a URL has it: an IPv6 address in brackets."""
    host = host.strip("[]")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def url_at(listener: socket.socket) -> str:
    """The URL of the address that it listens on."""
    return url_of(*listener.getsockname()[:2])


class _Workers(Multiprocess):
    """uvicorn's supervisor, whose SIGHUP tells the workers to read their configuration again."""

    def handle_hup(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):  # just died: its successor reads anyway
                if process.pid is not None:
                    os.kill(process.pid, signal.SIGHUP)


def worker() -> ASGIApp:
    """The application of one worker process."""
    _ignore_hup()
    logs.to_stderr()
    served = _Served(**json.loads(os.environ[_SERVED]))
    service = Service(_first(served), TRANSLATORS, load=served.read, siblings=siblings.mine())
    logs.to_stderr(service.config.server.log_level, service.runtime.redactor)
    memory.settle()
    return make_app(service, background=lambda: attend(service, served.config, served.parent))


def _first(served: _Served) -> Config:
    """The configuration that a worker starts with.

    One that is started in place of another may find the file broken meanwhile: it waits for a better
    one, while the others go on with what they have. Raises ConfigError in a process that is alone.
    """
    try:
        return served.read()
    except ConfigError as exc:
        if served.parent == os.getpid():
            raise
        log.error("a new worker waits for a configuration that it can use:\n%s", exc)
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn's would wait for us
    while os.getppid() == served.parent:
        time.sleep(TICK)
        with contextlib.suppress(ConfigError):
            found = served.read()
            signal.signal(signal.SIGTERM, handler)
            return found
    sys.exit(1)


def _ignore_hup() -> None:
    """Until it means a reload: by default a SIGHUP ends a process, and one may come at its start."""
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
