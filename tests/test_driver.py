"""What the driver asks of its transport."""

from typing import Any

import httpx

from proxy.accounts import Account
from proxy.config import parse
from proxy.driver import Driver
from translators import TRANSLATORS
from translators.core import Request

CONFIG = "providers: {a: {translator: openai, api_key: sk-secret, base_url: 'http://gate/v1'}}"


async def test_a_submit_takes_no_connection_that_was_idle_for_long() -> None:
    """One that the gateway is just closing would leave a paid order in doubt; a poll is asked again."""
    asked: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    async def spend(*_: Any, **__: Any) -> float:
        return 0.0

    transport = httpx.MockTransport(serve)
    driver = Driver(named=transport, public=transport, origins=frozenset(), spend=spend)
    gateway = Account(
        "a", parse(CONFIG, "c.yaml", {}, TRANSLATORS).providers["a"], TRANSLATORS["openai"]
    )
    request = Request("POST", "/videos", {"model": "sora-2"})
    seat = await driver.seat(gateway)
    await driver.answer(gateway, driver.native(gateway, request), seat=seat)
    await driver.ask(gateway, request.path)
    assert [one.extensions.get("fresh") for one in asked] == [1.0, None]
