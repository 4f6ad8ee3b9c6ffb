"""Serving: one process or several on one socket, the sandbox beside them, reloads and signals."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from proxy.app import make_app
from proxy.config import Config, ConfigError, load
from proxy.service import Service
from translators import TRANSLATORS

log = logging.getLogger("anygate")

_CONFIG = "ANYGATE_CONFIG"  # how a worker process learns what it serves
_PARENT = "ANYGATE_PARENT"
_TICK = 1.0  # seconds between looks at the configuration's file and at the parent process


@dataclass(frozen=True)
class Place:
    """Where to listen, and with how many processes."""

    host: str
    port: int
    workers: int = 1


def read(path: Path) -> Config:
    """The configuration; raises ConfigError."""
    return load(path, rows=TRANSLATORS)


def run(path: Path, config: Config, place: Place, ready: Callable[[int], None]) -> None:
    """Serve until a signal ends it. `ready` is told the port once it is bound."""
    os.environ[_CONFIG] = str(path.absolute())
    os.environ[_PARENT] = str(os.getpid())
    settings = uvicorn.Config(
        "proxy.serve:worker",
        factory=True,
        host=place.host,
        port=place.port,
        workers=place.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        backlog=4096,
    )
    _log_to_stderr()
    listener = bind(place.host, place.port)
    ready(listener.getsockname()[1])
    if place.workers > 1:
        _Workers(settings, [listener]).run()
    else:
        uvicorn.Server(settings).run([listener])


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, made as TCP by name: only then does asyncio turn Nagle's delay off.

    Raises ConfigError where the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise ConfigError([f"{host}:{port} cannot be listened on: {exc}"]) from exc
    listener.set_inheritable(True)
    return listener


class _Workers(Multiprocess):
    """uvicorn's supervisor, whose SIGHUP tells the workers to read their configuration again."""

    def handle_hup(self) -> None:
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)


def worker() -> ASGIApp:
    """The application of one worker process."""
    _log_to_stderr()
    path = Path(os.environ[_CONFIG])
    service = Service(read(path), TRANSLATORS, load=lambda: read(path))
    return make_app(service, background=lambda: _attend(service, path))


async def _attend(service: Service, path: Path) -> None:
    """Reload on SIGHUP or a change of the file, and end when the process that started us is gone."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: no signals there
        loop.add_signal_handler(signal.SIGHUP, changed.set)
    parent = int(os.environ.get(_PARENT, "0"))
    watched = parent not in (0, os.getpid())
    seen = _stamp(path)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TICK):
                await changed.wait()
        if changed.is_set() or _stamp(path) != seen:
            changed.clear()
            seen = _stamp(path)
            _reload(service)
        if watched and os.getppid() != parent:
            signal.raise_signal(signal.SIGTERM)
            watched = False


def _reload(service: Service) -> None:
    try:
        service.reload()
    except ConfigError as exc:
        log.error("the changed configuration is not used:\n%s", exc)
    else:
        log.info("configuration reloaded")


def _stamp(path: Path) -> tuple[int, int] | None:
    """What tells that a file, or the .env beside it, has changed."""
    try:
        stat = path.stat()
        beside = path.with_name(".env")
        return stat.st_mtime_ns, beside.stat().st_mtime_ns if beside.exists() else 0
    except OSError:
        return None


def _log_to_stderr() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("anygate").setLevel(logging.INFO)


@contextlib.contextmanager
def sandbox(folder: Path, port: int) -> Iterator[Path]:
    """Doubles of every gateway in a thread of this process; yields the config that points at them."""
    from proxy.sandbox import in_thread
    from proxy.sandbox.settings import config_text

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with in_thread(state=folder / "gateways") as doubles:
        path = folder / "config.yaml"
        path.write_text(config_text(doubles.base_urls, doubles.keys, port))
        yield path
