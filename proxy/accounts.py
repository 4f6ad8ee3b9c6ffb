"""Configured providers with their rows, and how many requests each may have at once."""

import asyncio
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

from proxy.config import Provider
from proxy.errors import Throttled
from proxy.health import Health, Told
from proxy.messages import Prepared
from translators.core import Translator

Origin = tuple[str, str, int]
Timeout = Mapping[str, float]  # seconds


class Slots:
    """At most `limit` requests at once (`busy`), and as many again `waiting`, in their order; more are refused.

    A semaphore's work, without a coroutine for who need not wait.
    """

    def __init__(self, provider: str, limit: int) -> None:
        self._provider = provider
        self._limit = limit
        self.busy = 0
        self.early = 0  # of them, those that are held for what is not stored yet
        self._queue: deque[asyncio.Future[None]] = deque()

    def taken(self) -> bool:
        """Take a place, if there is one and nobody waits for it."""
        if self.busy >= self._limit or self._queue:
            return False
        self.busy += 1
        return True

    def seat(self) -> "Seat | None":
        """A place for what is still to be stored, if there is one. Half of them at most: a store that stands
        still must not keep out what needs none."""
        if self.early >= self._limit // 2 or not self.taken():
            return None
        self.early += 1
        return Seat(self, True)

    async def wait(self, patience: float | None, *, crowded: bool = False) -> None:
        """Take a place, waiting up to `patience` seconds for one; raises Throttled. `crowded`: however many
        wait already."""
        if self.waiting >= self._limit and not crowded:
            raise Throttled(self._provider, 1.0)
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as exc:
            if turn.done() and not turn.cancelled():
                self.release()  # the place came just as we left
            if isinstance(exc, TimeoutError):
                raise Throttled(self._provider, 1.0) from exc
            raise
        finally:
            if turn in self._queue:
                self._queue.remove(turn)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def release(self) -> None:
        """Give a place back: who waits longest has it."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1


class Seat:
    """A place of `slots` that is held for a request before it goes out. Giving it back twice does no harm."""

    __slots__ = ("_early", "_held", "_slots")

    def __init__(self, slots: Slots, early: bool = False) -> None:
        self._slots = slots
        self._early = early
        self._held = True

    def stored(self) -> None:
        """What it is for is stored now."""
        if self._early:
            self._early = False
            self._slots.early -= 1

    def release(self) -> None:
        if self._held:
            self._held = False
            self.stored()
            self._slots.release()


class Account:
    """A configured provider with its gateway's row.

    `title`: what it is called in messages; `timeout`: seconds to connect, and between two pieces of an answer, as
    httpx names them; `untimed`: … for who gives up by a clock of his own: one more timer would never ring;
    `prepared`: what its requests have in common, by path and what they accept, made once: it holds the key (see
    `gets`, too). What every request asks of `config` stands here once more: its sections are dear to read.
    """

    def __init__(
        self, name: str, config: Provider, row: Translator, told: Told | None = None
    ) -> None:
        """A fresh one, with nothing under way. `told`: who counts its failures."""
        self.name = name
        self.config = config
        self.row = row
        self.slots = Slots(name, config.max_concurrency)
        self.health = Health(name, config.breaker, told)
        self.title = f"provider '{name}'"
        self.key = config.api_key.get_secret_value()
        self.base_url = config.base_url
        self.untimed: Timeout = {"connect": config.timeout.connect}
        self.timeout: Timeout = {**self.untimed, "read": config.read_timeout}
        self.prepared: dict[tuple[str, str], Prepared] = {}
        self.rpm = config.rpm
        self.max_concurrency = config.max_concurrency
        self.usd_per_credit = config.usd_per_credit
        self.submit = config.submit
        self.prices = config.prices

    def __repr__(self) -> str:
        return f"Account({self.name!r})"

    @property
    def origin(self) -> Origin:
        return origin_of(self.base_url)


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a URL, as browsers compare them."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port
