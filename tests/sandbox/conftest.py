"""Doubles to talk to, each test its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from proxy.sandbox import Double, running


class Api:
    """A client of one double, with its key."""

    def __init__(self, double: Double, client: httpx.AsyncClient) -> None:
        self.double = double
        self.client = client
        self.headers = {"authorization": f"Bearer {double.key}"}

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        if self.double.NAME == "ai-gate.one" and isinstance(body, dict):
            body = {"apiKey": self.double.key} | body
        headers = self.headers | more.pop("headers", {})
        return await self.client.post(
            self.double.base_url + path, json=body, headers=headers, **more
        )

    async def form(self, path: str, fields: Any, files: Any) -> httpx.Response:
        url = self.double.base_url + path
        return await self.client.post(url, data=fields, files=files, headers=self.headers)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        url = path if path.startswith("http") else self.double.base_url + path
        headers = self.headers | more.pop("headers", {})
        return await self.client.get(url, headers=headers, **more)


Opener = Callable[..., Any]


@pytest.fixture
async def double() -> AsyncIterator[Opener]:
    """Start a double by name, with options; everything is instant unless they say otherwise."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(trust_env=False, verify=False, timeout=10)
        )

        async def start(name: str, **options: Any) -> Api:
            sandbox = await stack.enter_async_context(running(name, **{"timing": 0} | options))
            return Api(sandbox[name], client)

        yield start
