"""A request on its way to a gateway: the place it holds there, and its answer until that is read."""

from collections.abc import Awaitable
from typing import Protocol

import httpx

from proxy.accounts import Account


class Sends(Protocol):
    """What a driver does for one."""

    async def let_in(self, account: Account) -> None: ...

    def send(self, account: Account, request: httpx.Request) -> Awaitable[httpx.Response]: ...


class Sending:
    """A request on its way, within its provider's limits. A class, since a generator costs three times as much."""

    __slots__ = ("_account", "_answer", "_driver", "_request")

    def __init__(self, driver: Sends, account: Account, request: httpx.Request) -> None:
        self._driver = driver
        self._account = account
        self._request = request
        self._answer: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        await self._driver.let_in(self._account)
        try:
            self._answer = await self._driver.send(self._account, self._request)
        except BaseException:
            self._account.slots.release()
            raise
        return self._answer

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the request, its answer read or not."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._account.slots.release()
            await answer.aclose()
