"""Configured providers with their rows, and how many requests each may have at once."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from proxy.config import Provider
from proxy.errors import Throttled
from proxy.health import Health, Told
from translators.core import Translator

Origin = tuple[str, str, int]


class Slots:
    """At most `limit` requests at once (`busy`), and as many again `waiting`; more are refused."""

    def __init__(self, provider: str, limit: int) -> None:
        self._provider = provider
        self._limit = limit
        self.waiting = 0
        self.busy = 0
        self._gate = asyncio.Semaphore(limit)

    async def acquire(self, patience: float | None) -> None:
        """Take a place, waiting up to `patience` seconds for one; raises Throttled."""
        if self._gate.locked():
            await self._wait(patience)
        else:
            await self._gate.acquire()
        self.busy += 1

    async def _wait(self, patience: float | None) -> None:
        if self.waiting >= self._limit:
            raise Throttled(self._provider, 1.0)
        self.waiting += 1
        try:
            async with asyncio.timeout(patience):
                await self._gate.acquire()
        except TimeoutError as exc:
            raise Throttled(self._provider, 1.0) from exc
        finally:
            self.waiting -= 1

    def release(self) -> None:
        self.busy -= 1
        self._gate.release()


@dataclass(frozen=True)
class Account:
    """A configured provider with its gateway's row."""

    name: str
    config: Provider
    row: Translator
    slots: Slots = field(repr=False)
    health: Health = field(repr=False, compare=False)
    # (path, accept) → the URL and headers of its requests, parsed once: they hold the key.
    prepared: dict[tuple[str, str], tuple[httpx.URL, httpx.Headers]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def timeout(self) -> dict[str, float]:
        """Seconds to connect, and between two pieces of an answer, as httpx names them."""
        return {"connect": self.config.timeout.connect, "read": self.config.read_timeout}

    @cached_property
    def key(self) -> str:
        return self.config.api_key.get_secret_value()

    @property
    def base_url(self) -> str:
        return self.config.base_url

    @property
    def origin(self) -> Origin:
        return origin_of(self.base_url)


def account(name: str, config: Provider, row: Translator, told: Told | None = None) -> Account:
    """A fresh one, with nothing under way. `told`: who counts its failures."""
    slots = Slots(name, config.max_concurrency)
    return Account(name, config, row, slots, Health(name, config.breaker, told))


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a URL, as browsers compare them."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port
