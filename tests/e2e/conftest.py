"""Fixtures of the tests with a Redis store: one server for the session, and two replicas on it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.valkey import RedisServer

Pair = Callable[..., tuple[Proxy, Proxy]]


@pytest.fixture(scope="session")
def one_valkey() -> Iterator[RedisServer]:
    with TemporaryDirectory(prefix="anygate") as folder:  # pytest's own are too long for a socket
        server = RedisServer(Path(folder), tcp=True)
        yield server
        server.stop()


@pytest.fixture
def valkey(one_valkey: RedisServer) -> RedisServer:
    """The session's server, empty."""
    one_valkey.tell("FLUSHALL")
    return one_valkey


@pytest.fixture
def replicas(valkey: RedisServer, gateways: Sandbox, tmp_path: Path) -> Iterator[Pair]:
    """Starts two proxies that share nothing but their store, a service each."""
    with contextlib.ExitStack() as stack:

        def start(key: str = "no-key", **sections: Any) -> tuple[Proxy, Proxy]:
            config = config_for(gateways, **{"store": valkey.url, **sections})
            folders = tmp_path / "one", tmp_path / "other"
            for folder in folders:
                folder.mkdir()
            one, other = (
                stack.enter_context(proxy_in_thread(folder, config, key)) for folder in folders
            )
            return one, other

        yield start
