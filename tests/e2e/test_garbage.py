"""Requests leave no cycles: the collector is asked so seldom that what they left would pile up meanwhile."""

import gc
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.faults import What
from tests.chatting import CHAT, body
from tests.harness import Proxy, config_for, proxy_in_thread

SOURCES = str(Path(__file__).parents[2] / "proxy")
DOUBLES = str(Path(SOURCES) / "sandbox")
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def reaching(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """The proxy, with a provider that nobody answers for."""
    away = {"translator": "openai", "api_key": "sk-away", "base_url": NOWHERE}
    late = {"timeout": {"read": 0.3}, "breaker": False}
    config = config_for(gateways, providers={"away": away, "openai": late})
    with proxy_in_thread(tmp_path, config) as proxy:
        yield proxy


def ours(code: types.CodeType) -> bool:
    return code.co_filename.startswith(SOURCES) and not code.co_filename.startswith(DOUBLES)


def found(one: Any) -> str | None:
    """What of the proxy's own this is, if anything: a call that was left standing, or an object."""
    code = getattr(one, "f_code", None) or getattr(one, "cr_code", None)
    if isinstance(code, types.CodeType):
        return code.co_qualname if ours(code) else None
    kind = type(one)
    own = kind.__module__.startswith("proxy.") and not kind.__module__.startswith("proxy.sandbox")
    return kind.__qualname__ if own else None


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


FAULTS: dict[str, tuple[What, int]] = {
    "cut": ({"cut": "before"}, 502),
    "late": ({"late": float("inf")}, 504),
    "failed": ({"status": 500}, 502),
    "busy": ({"status": 429}, 429),
    "no JSON": ({"body": b"<html>"}, 502),
    "cut in its midst": ({"truncate": 20}, 502),
}
BREAKING: dict[str, What] = {
    "cut": {"cut_after": 2},
    "said to have failed": {"error_after": 2},
    "unfinished": {"no_done": True, "no_finish": True},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAULTS)
def test_a_gateway_that_fails_leaves_nothing_to_collect(
    reaching: Proxy, gateways: Sandbox, collected: list[str], name: str, stream: bool
) -> None:
    """Not the request's body, above all: it may have many megabytes."""
    fault, status = FAULTS[name]
    gateways["openai"].fault("chat", times=None, **fault)
    with reaching.http() as client:
        answer = client.post(CHAT, json=body("chat-openai", stream=stream))
    assert answer.status_code == status or stream
    gateways["openai"].clear()


@pytest.mark.parametrize("name", BREAKING)
def test_a_stream_that_breaks_off_leaves_nothing_to_collect(
    reaching: Proxy, gateways: Sandbox, collected: list[str], name: str
) -> None:
    gateways["openai"].fault("chat", **BREAKING[name])
    with reaching.http() as client:
        answer = client.post(CHAT, json=body("chat-openai", stream=True))
    assert '"error"' in answer.text


def test_a_submit_in_doubt_leaves_nothing_to_collect(
    reaching: Proxy, gateways: Sandbox, collected: list[str]
) -> None:
    gateways["ai-gate.one"].fault("submit", cut="after")
    with reaching.http() as client:
        assert client.post(CHAT, json=body("chat-text")).status_code == 502


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
