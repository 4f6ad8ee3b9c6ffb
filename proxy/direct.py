"""The proxy inside a command: `--direct` serves the configuration on a free loopback port, and asks that."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import uvicorn

from proxy import preflight, serve
from proxy.app import make_app
from proxy.config import Config, ConfigError
from proxy.listening import bind
from proxy.service import Service
from translators import TRANSLATORS


class ThreadServer(uvicorn.Server):
    """A server in a thread: it tells when it is up, and leaves signals to the main thread."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        try:
            await super().startup(sockets)  # type: ignore[arg-type]
        finally:
            self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def direct(path: Path, key: str) -> Iterator[tuple[str, str]]:
    """URL and client key of a proxy that lives as long as the block; its store is the configuration's.

    `key`: as it was given; where it is none of the configuration's, one of those is taken. Raises ConfigError,
    and StoreUnavailable.
    """
    config = serve.read(path)
    key = _key(path, config, key)
    preflight.complete(config)
    preflight.reached(config)
    service = Service(config, TRANSLATORS)
    settings = uvicorn.Config(make_app(service), **serve.settings_for(config))
    server = ThreadServer(settings)
    listener = bind("127.0.0.1", 0)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        server.up.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", key
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _key(path: Path, config: Config, given: str) -> str:
    """A client key that the configuration knows, or none where none is needed: the one that was given, which may
    also be that of another proxy (ANYGATE_KEY), else one that is there in full."""
    if config.keys is None:
        return ""
    if sha256(given.encode(errors="replace")).hexdigest() in {one.digest for one in config.keys}:
        return given
    for one in config.keys:
        text = one.key.get_secret_value()
        if not text.startswith("sha256:"):
            return text
    raise ConfigError([f"{path}: keys: has digests only: --direct wants one of the keys as --key"])
