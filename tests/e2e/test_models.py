"""/v1/models: the routes, and what the providers list, whatever state those are in."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.accounts import Account
from proxy.config import parse
from proxy.driver import Driver
from proxy.endpoints.models import models_of
from proxy.sandbox import Sandbox
from tests import openapi
from tests.chatting import refused
from tests.harness import Proxy, config_for, proxy_in_thread
from translators import TRANSLATORS


def listed(proxy: Proxy) -> list[str]:
    with proxy.http() as client:
        answer = client.get("/v1/models")
    openapi.check("GET", "/v1/models", 200, answer.json())
    return [one["id"] for one in answer.json()["data"]]


def test_routes_and_the_providers_models_are_listed(proxy: Proxy) -> None:
    names = listed(proxy)
    assert names[0] == "gpt-4o-mini"
    assert {"chat-text", "flux", "sora-2", "kling-shop"} <= set(names)
    assert {
        "openai/gpt-4o",
        "aigate-shop/openai/gpt-4o-mini",
        "onysoft/gpt-4o-mini",
        "apiin-one/suno",
        "ai-gate-one/text",
    } <= set(names)
    assert len(names) == len(set(names))


def test_the_sdk_pages_and_retrieves_every_one(proxy: Proxy) -> None:
    with proxy.sdk() as client:
        names = [one.id for one in client.models.list()]
        for name in names:
            one = client.models.retrieve(name)
            assert (one.id, one.object) == (name, "model")
            assert one.owned_by == ("anygate" if "/" not in name else name.partition("/")[0])


@pytest.mark.parametrize(
    "name", ["openai%2Fgpt-4o", "openai/gpt-4o", "aigate-shop%2Fklingai%2Fkling-v3.0-t2v", "flux"]
)
def test_a_model_is_retrieved_however_it_is_written(shared: Proxy, name: str) -> None:
    with shared.http() as client:
        answer = client.get(f"/v1/models/{name}")
    assert answer.status_code == 200
    assert answer.json()["id"] == name.replace("%2F", "/")
    openapi.check("GET", "/v1/models/x", 200, answer.json())


def test_a_model_that_is_not_there(shared: Proxy) -> None:
    with shared.http() as client:
        refused(client.get("/v1/models/gpt-9"), 404, "model_not_found", "model")
    with shared.sdk() as sdk, pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("nobody/gpt-9")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 401},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": {"data": "x"}},
        {"status": 200, "body": {"data": [{"name": 5}, None]}},
        {"cut": "before"},
        {"cut": "after"},
        {"truncate": 20},
    ],
)
def test_a_provider_in_trouble_does_not_break_the_list(
    proxy: Proxy, gateways: Sandbox, fault: Any
) -> None:
    # A GET that is cut off is repeated once by the transport.
    gateways["openai"].fault("models", times=None, **fault)
    names = listed(proxy)
    assert "chat-openai" in names
    assert "onysoft/gpt-4o-mini" in names
    assert "openai/gpt-4o" not in names


def test_a_dead_provider_does_not_break_the_list(gateways: Sandbox, tmp_path: Path) -> None:
    dead = {"translator": "openai", "api_key": "none", "base_url": "http://127.0.0.1:9/v1"}
    config = config_for(gateways, providers={"dead": dead}, models={"x": "dead/x"})
    with proxy_in_thread(tmp_path, config) as proxy:
        names = listed(proxy)
    assert {"x", "openai/gpt-4o"} <= set(names)
    assert not [name for name in names if name.startswith("dead/")]


def test_a_list_is_asked_for_once(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("list", times=None, status=500)
    gateways["onysoft"].fault("models", times=None, status=500)
    assert listed(proxy) == listed(proxy)
    for name in ("openai", "onysoft", "aigate.shop"):
        assert len(gateways[name].log) == 1, name


def test_a_name_that_could_not_be_used_is_not_listed(proxy: Proxy, gateways: Sandbox) -> None:
    odd = {"data": [{"id": "fine"}, {"id": "not fine"}, {"id": "a/../b"}, {"id": "x\r\ny"}]}
    gateways["openai"].fault("models", status=200, body=odd)
    assert [name for name in listed(proxy) if name.startswith("openai/")] == ["openai/fine"]


class Silent(httpx.AsyncBaseTransport):
    """A gateway that never answers, and is asked once at most."""

    def __init__(self) -> None:
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_silent_provider_is_waited_for_once() -> None:
    async def spend(*args: Any, **options: Any) -> float:
        return 0.0

    transport = Silent()
    driver = Driver(named=transport, public=transport, origins=frozenset(), spend=spend)
    text = "providers: {silent: {translator: openai, api_key: none, base_url: 'http://gateway/v1'}}"
    config = parse(text, "config.yaml", {}, TRANSLATORS)
    one = Account("silent", config.providers["silent"], TRANSLATORS["openai"])
    assert await models_of(one, driver, wait=0.01) == []
    assert await models_of(one, driver, wait=60) == []
    assert transport.asked == 1
