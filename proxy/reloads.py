"""What a worker does about its configuration while it serves: it notices a change, and puts it in force."""

import asyncio
import contextlib
import logging
import math
import os
import signal
from pathlib import Path
from typing import ClassVar, Final

import uvicorn

from proxy import logs
from proxy.config import Config, ConfigError
from proxy.service import Service

log = logging.getLogger("anygate")

TICK: Final = 1.0  # seconds between looks at the configuration's file and at the parent process

Stamp = tuple[int, int] | None


class Settings(uvicorn.Config):
    """uvicorn's own; those that this process is served by are at hand, since a reload changes one of them."""

    serving: ClassVar["Settings | None"] = None

    def load(self) -> None:
        Settings.serving = self
        super().load()


def patience(config: Config) -> int:
    """Seconds that a stop waits for what its clients wait for, as uvicorn takes them."""
    return max(1, math.ceil(config.jobs.drain))


async def attend(service: Service, path: Path, parent: int, seen: Stamp) -> None:
    """Reload on SIGHUP or a change of the file, and end when the process that started us is gone.

    `seen`: the file's stamp before it was read for the start, which may have waited for the store since.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: no signals there
        loop.add_signal_handler(signal.SIGHUP, changed.set)
    log.info("process %d is ready", os.getpid())
    watched = parent != os.getpid()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await changed.wait()
        if changed.is_set() or stamp(path) != seen:
            changed.clear()
            seen = stamp(path)
            _reload(service)
        if watched and os.getppid() != parent:
            signal.raise_signal(signal.SIGTERM)
            watched = False


def _reload(service: Service) -> None:
    try:
        waiting = service.reload()
    except ConfigError as exc:
        log.error("the changed configuration is not used:\n%s", exc)
    except Exception:  # our own fault: what is served goes on being served
        log.exception("the changed configuration is not used")
    else:
        logs.to_stderr(service.config.server.log_level, service.runtime.redactor)
        if Settings.serving is not None:
            Settings.serving.timeout_graceful_shutdown = patience(service.config)
        log.info("configuration reloaded")
        if waiting:
            log.warning("a new start is needed for: %s", ", ".join(waiting))


def stamp(path: Path) -> Stamp:
    """What tells that a file, or the .env beside it, has changed."""
    try:
        stat = path.stat()
        beside = path.with_name(".env")
        return stat.st_mtime_ns, beside.stat().st_mtime_ns if beside.exists() else 0
    except OSError:
        return None
