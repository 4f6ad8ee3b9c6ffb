"""Requests leave no cycles: the collector is asked so seldom that what they left would pile up meanwhile."""

import gc
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.harness import Proxy, config_for, proxy_in_thread

SOURCES = str(Path(__file__).parents[2] / "proxy")
DOUBLES = str(Path(SOURCES) / "sandbox")
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def reaching(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """The proxy, with a provider that nobody answers for."""
    away = {"translator": "openai", "api_key": "sk-away", "base_url": NOWHERE}
    with proxy_in_thread(tmp_path, config_for(gateways, providers={"away": away})) as proxy:
        yield proxy


def ours(code: types.CodeType) -> bool:
    return code.co_filename.startswith(SOURCES) and not code.co_filename.startswith(DOUBLES)


def found(one: Any) -> str | None:
    """Where something of the proxy's own was left standing."""
    code = getattr(one, "f_code", None) or getattr(one, "cr_code", None)
    return code.co_qualname if isinstance(code, types.CodeType) and ours(code) else None


@pytest.fixture
def collected() -> Iterator[list[str]]:
    """After the test: what of the proxy's only the collector has found."""
    places: list[str] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield places
        gc.collect()
        places += [place for one in gc.garbage if (place := found(one))]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert places == []


REQUESTS = {
    "answered": (body("chat-openai"), 200),
    "streamed": (body("chat-openai", stream=True), 200),
    "by task": (body("chat-text"), 200),
    "by task, streamed": (body("chat-text", stream=True), 200),
    "unreachable": (body("away/m"), 502),
    "unreachable, streamed": (body("away/m", stream=True), 502),
    "unknown": (body("none"), 404),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_leaves_nothing_to_collect(
    reaching: Proxy, collected: list[str], name: str
) -> None:
    said, status = REQUESTS[name]
    with reaching.http() as client:
        for _ in range(3):
            assert client.post(CHAT, json=said).status_code == status


def test_a_client_that_leaves_leaves_nothing_to_collect(
    reaching: Proxy, gateways: Sandbox, collected: list[str]
) -> None:
    gateways["openai"].fault("chat", late=float("inf"))
    with reaching.http(timeout=0.2) as client, pytest.raises(httpx.ReadTimeout):
        client.post(CHAT, json=body("chat-openai"))
    gateways["openai"].clear()
