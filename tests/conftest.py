"""Fixtures for end-to-end tests: doubles for the whole session, a proxy for each test."""

import contextlib
import functools
import gc
import logging
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from proxy.sandbox import FileOptions, Sandbox, in_thread
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.publicly import public_proxy

# Each client of httpx, or of httpx2, as newer SDKs have it, would read all of this machine's certificates: 34 ms.
for _name in {"httpx", "httpx2"} & sys.modules.keys():
    _make = sys.modules[_name].create_ssl_context
    sys.modules[f"{_name}._transports.default"].create_ssl_context = functools.cache(_make)

# How long an example takes is the machine's affair; the same ones every time, so that a failure stays.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def all_gateways() -> Iterator[Sandbox]:
    with in_thread() as sandbox:
        yield sandbox


SETTING_TYPES = (str, int, float, set, dict, FileOptions, type(None))
NO_SETTINGS = {"active", "key", "loop", "origin", "tasks", "variants"}


@pytest.fixture(scope="session")
def usual_settings(all_gateways: Sandbox) -> dict[str, dict[str, Any]]:
    """How each double is set until a test says otherwise."""
    return {
        name: {
            setting: deepcopy(value)
            for setting, value in vars(double).items()
            if isinstance(value, SETTING_TYPES) and setting not in NO_SETTINGS
            if not setting.startswith("_")
        }
        for name, double in all_gateways.doubles.items()
    }


@pytest.fixture
def gateways(all_gateways: Sandbox, usual_settings: dict[str, dict[str, Any]]) -> Iterator[Sandbox]:
    """Doubles of every gateway, at once done with every task, and as their pages say."""
    for name, double in all_gateways.doubles.items():
        double.reset()
        double.fetched.clear()
        double.callbacks.clear()
        double.variants.clear()
        vars(double).update(deepcopy(usual_settings[name]))
        double.timing = dict.fromkeys(double.timing, 0.0)
    yield all_gateways
    for double in all_gateways.doubles.values():
        double.clear()


@pytest.fixture(scope="session")
def running_proxy(
    all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    with proxy_in_thread(folder, config_for(all_gateways)) as running:
        yield running


@pytest.fixture
def shared(gateways: Sandbox, running_proxy: Proxy) -> Iterator[Proxy]:
    """As `proxy`, but one for the whole session: for tests that look at answers only."""
    yield running_proxy
    settle(running_proxy, gateways)


@pytest.fixture(scope="session")
def public_for_all(
    all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("public")
    priced = {"apiin-one": {"usd_per_credit": 0.005}}
    with public_proxy(folder, config_for(all_gateways, providers=priced)) as running:
        yield running


@pytest.fixture
def public(gateways: Sandbox, public_for_all: Proxy) -> Iterator[Proxy]:
    """As `shared`, at an address that the doubles can reach, and with a price for credits."""
    yield public_for_all
    settle(public_for_all, gateways)


def settle(proxy: Proxy, gateways: Sandbox) -> None:
    """End a test's jobs: the proxy lives on, and would ask the next test's doubles after them."""
    for double in gateways.doubles.values():
        double.clear()
        for task in tuple(double.tasks.values()):
            if task.state in ("queued", "running"):
                double.finish(task.id)
    with contextlib.suppress(AssertionError):
        eventually(lambda: not proxy.unfinished(), timeout=5)


@pytest.fixture
def proxy(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """The proxy in front of all doubles, without client keys."""
    with proxy_in_thread(tmp_path, config_for(gateways)) as running:
        yield running


class Lines(logging.Handler):
    """Every line that is logged, but for the clients' own."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore", "openai")):
            self.lines.append(f"{record.name}: {self.format(record)}")


@pytest.fixture
def logged() -> Iterator[list[str]]:
    handler, root, own = Lines(), logging.getLogger(), logging.getLogger("anygate")
    levels = root.level, own.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    own.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: the collections that some of them ask for need not go through all."""
    gc.collect()
    gc.freeze()
