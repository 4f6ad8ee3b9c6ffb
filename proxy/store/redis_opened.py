"""The part of a Redis store that opens and closes it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from proxy.store import redis_scripts as scripts
from proxy.store.base import StoreUnavailable
from proxy.store.redis_lane import Lane
from proxy.store.redis_server import Server, weaknesses

T = TypeVar("T")

log = logging.getLogger("anygate.store")


class Opened:
    def __init__(self, server: Server, clock: Callable[[], float], prefix: str) -> None:
        self._server = server
        self._clock = clock
        self._prefix = prefix
        self._opened: Lane | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        self._opened = Lane(self._server, self._prefix)
        try:
            await self.ping()
            for weakness in weaknesses(await self._lane.settings()):
                log.warning("the store: %s", weakness)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is under way, then disconnect."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        if self._opened is not None:
            await self._opened.close()

    async def ping(self) -> None:
        version = int(await self._lane.call(scripts.TOUCH, scripts.VERSION))
        if version > scripts.VERSION:
            raise StoreUnavailable(
                f"the store was written by a newer Anygate: its layout is version {version}, "
                f"this Anygate knows up to {scripts.VERSION}"
            )

    @property
    def _lane(self) -> Lane:
        if self._opened is None:
            raise StoreUnavailable("the store is not open")
        return self._opened

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Several steps that go on even if the caller is cancelled."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)
