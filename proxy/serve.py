"""Serving: one process or several on one socket, the sandbox beside them, reloads and signals."""

import contextlib
import hashlib
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

from proxy import logs, memory, preflight, siblings
from proxy.app import make_app
from proxy.config import Config, ConfigError, load
from proxy.http1_server import HttpConnection
from proxy.listening import BACKLOG, many
from proxy.redact import Redactor
from proxy.reloads import TICK, Settings, attend, patience, stamp
from proxy.service import STORE_IS_FIXED, Service
from proxy.store.base import StoreUnavailable
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
    "backlog": BACKLOG,
}
_FAILED: Final = 3  # as uvicorn ends where one process alone cannot start


@dataclass(frozen=True)
class Place:
    """Where to serve, and with how many processes. `host`: as it was named."""

    host: str
    listener: socket.socket
    workers: int = 1


@dataclass(frozen=True)
class _Served:
    """What a worker process serves. `parent`: the process that started it, without which it ends; `store`: a
    digest of its URL, and `media`: the folder, as all had them at the start."""

    config: str
    host: str
    workers: int
    parent: int
    store: str
    media: str

    def read(self) -> Config:
        """The configuration; raises ConfigError, also where it may not or cannot be served here."""
        path = Path(self.config)
        found = read(path)
        preflight.allowed(path, found, self.host, self.workers)
        preflight.complete(found)
        return found

    def read_anew(self) -> Config:
        """… for a worker that comes later: what a reload leaves to a new start is as the others have it, or half
        of all requests would not find the jobs and files of the other half."""
        found = self.read()
        if _digest(found.store) != self.store:
            raise ConfigError([STORE_IS_FIXED])
        media = found.media.model_copy(update={"dir": Path(self.media)})
        return found.model_copy(update={"media": media})


def read(path: Path) -> Config:
    """The configuration; raises ConfigError."""
    return load(path, rows=TRANSLATORS)


def run(path: Path, config: Config, place: Place, ready: Callable[[], None]) -> None:
    """Serve until a signal ends it. `ready` is told when nothing stands in the way any more.

    Raises ConfigError where the configuration cannot be served here, and StoreUnavailable.
    """
    preflight.complete(config)
    logs.to_stderr(config.server.log_level, Redactor(config.secrets()))
    preflight.reached(config)
    served = _Served(
        str(path.absolute()),
        place.host,
        place.workers,
        os.getpid(),
        _digest(config.store),
        str(config.media.dir.absolute()),
    )
    os.environ[_SERVED] = json.dumps(asdict(served))
    _ignore_hup()
    many()
    settings = Settings(
        "proxy.serve:worker",
        factory=True,
        workers=place.workers,
        **settings_for(config),
    )
    ready()
    if place.workers > 1:
        with siblings.together():
            workers = _Workers(settings, [place.listener])
            workers.run()
        if workers.failed:
            sys.exit(_FAILED)
    else:
        uvicorn.Server(settings).run([place.listener])


def settings_for(config: Config) -> dict[str, Any]:
    """How uvicorn serves, wherever it does."""
    return {**_SETTINGS, "timeout_graceful_shutdown": patience(config)}


class _Workers(Multiprocess):
    """uvicorn's supervisor, whose SIGHUP tells the workers to read their configuration again.

    `failed`: it has ended because a worker could not start, of which uvicorn's own says nothing.
    """

    failed = False

    def keep_subprocess_alive(self) -> None:
        if not self.should_exit.is_set():  # by a signal
            super().keep_subprocess_alive()
            self.failed = self.should_exit.is_set()

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
    path = Path(served.config)
    seen = stamp(path)
    service = Service(_first(served), TRANSLATORS, load=served.read, siblings=siblings.mine())
    logs.to_stderr(service.config.server.log_level, service.runtime.redactor)
    memory.settle()
    return make_app(service, background=lambda: attend(service, path, served.parent, seen))


def _first(served: _Served) -> Config:
    """The configuration that a worker starts with.

    One that is started in place of another may find the file broken meanwhile, or the store away: it waits
    for better ones, while the others go on with what they have. Raises ConfigError in a process that is alone.
    """
    if served.parent == os.getpid():
        return served.read()
    try:
        return _usable(served)
    except (ConfigError, StoreUnavailable) as exc:
        log.error("a new worker waits until it can start:\n%s", exc)
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn's would wait for us
    while os.getppid() == served.parent:
        time.sleep(TICK)
        with contextlib.suppress(ConfigError, StoreUnavailable):
            found = _usable(served)
            signal.signal(signal.SIGTERM, handler)
            return found
    sys.exit(1)


def _usable(served: _Served) -> Config:
    found = served.read_anew()
    preflight.reached(found)
    return found


def _digest(url: str) -> str:
    """It may hold a password, which is nothing for the environment of a process. A relative path counts as the
    whole one, which workers read."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        url = f"sqlite:{Path(rest).absolute()}"
    return hashlib.sha256(url.encode()).hexdigest()


def _ignore_hup() -> None:
    """Until it means a reload: by default a SIGHUP ends a process, and one may come at its start."""
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
