"""A request on its way to a gateway: the place it holds there, and its answer until that is read."""

from typing import TYPE_CHECKING

import httpx

from proxy.accounts import Account, Seat

if TYPE_CHECKING:
    from proxy.driver import Driver


class Sending:
    """A request on its way, within its provider's limits. A class, since a generator costs three times as much.

    `seat`: its place, where it has one; it is given back with the others.
    """

    __slots__ = ("_account", "_answer", "_driver", "_poll", "_read", "_request", "_seat")

    def __init__(
        self,
        driver: "Driver",
        account: Account,
        request: httpx.Request,
        poll: bool,
        read: float | None,
        seat: Seat | None = None,
    ) -> None:
        self._driver = driver
        self._account = account
        self._request = request
        self._poll = poll
        self._read = read
        self._seat = seat
        self._answer: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        account = self._account
        # The usual case is spared a coroutine.
        if self._seat is None and not (account.config.rpm is None and account.slots.taken()):
            patience = account.config.timeout.queue
            await self._driver.enter(account, poll=self._poll, patience=patience)
        try:
            self._answer = await self._driver.send(account, self._request, self._read)
        except BaseException:
            self._leave()
            raise
        return self._answer

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the request, its answer read or not."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._leave()
            await answer.aclose()

    def _leave(self) -> None:
        (self._seat or self._account.slots).release()
