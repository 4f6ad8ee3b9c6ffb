"""Configured providers with their rows, and how many requests each may have at once."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from proxy.config import Provider
from proxy.errors import Throttled
from translators.core import Translator

Origin = tuple[str, str, int]


class Slots:
    """At most `limit` requests at once, and as many again waiting; more are refused."""

    def __init__(self, provider: str, limit: int) -> None:
        self._provider = provider
        self._limit = limit
        self._waiting = 0
        self._gate = asyncio.Semaphore(limit)

    async def acquire(self) -> None:
        if not self._gate.locked():
            await self._gate.acquire()
            return
        if self._waiting >= self._limit:
            raise Throttled(self._provider, 1.0)
        self._waiting += 1
        try:
            await self._gate.acquire()
        finally:
            self._waiting -= 1

    def release(self) -> None:
        self._gate.release()


@dataclass(frozen=True)
class Account:
    """A configured provider with its gateway's row."""

    name: str
    config: Provider
    row: Translator
    slots: Slots = field(repr=False)
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


def account(name: str, config: Provider, row: Translator) -> Account:
    return Account(name, config, row, Slots(name, config.max_concurrency))


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a URL, as browsers compare them."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port
