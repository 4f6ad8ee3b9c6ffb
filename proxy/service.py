"""One worker's parts, put together: store, connections, media, jobs, and the configuration in force."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from proxy import runtime
from proxy.access import AccessLog
from proxy.config import Config, ConfigError
from proxy.exchange import Exchange
from proxy.jobs.engine import Jobs
from proxy.limits import Limiter
from proxy.media import Media
from proxy.metrics import Metrics
from proxy.runtime import Runtime, Transports
from proxy.siblings import Siblings
from proxy.store import open_store
from proxy.tracing import Tracer
from proxy.transport import Http1Transport
from proxy.usage import Usage
from translators.core import Translator

KEEP_ALIVE = 15.0  # seconds of silence after which a stream gets a comment
STORE_IS_FIXED = "store: cannot change while serving; start anew"
# What is read at the start alone.
_FIXED: Mapping[str, Callable[[Config], object]] = {
    "server.host": lambda config: config.server.host,
    "server.port": lambda config: config.server.port,
    "server.traces": lambda config: config.server.traces,
    "media.dir": lambda config: config.media.dir,
}


@dataclass
class Service:
    """`rows`: the translator table; `load`: reads the configuration again, for a reload; `siblings`: the other
    workers of a proxy that has several."""

    config: Config
    rows: Mapping[str, Translator]
    load: Callable[[], Config] | None = None
    keep_alive: float = KEEP_ALIVE
    siblings: Siblings | None = None
    runtime: Runtime = field(init=False, repr=False)
    jobs: Jobs = field(init=False, repr=False)  # from its start on

    def __post_init__(self) -> None:
        self._started = self.config
        self.store = open_store(self.config.store)
        self.tracer = Tracer() if self.config.server.traces else None
        public = Http1Transport(public_only=True)
        self.transports = Transports(Http1Transport(), public, self.tracer)
        self.media = Media(self.config.media.dir, self.config.media.max_mb << 20)
        self.metrics = Metrics(lambda: self.runtime.accounts, self.siblings)
        self.usage = Usage(self.store)
        self.limiter = Limiter(self.store, lambda: self.runtime.config, self.usage.doubt)
        self.runtime = self._build(self.config)
        self.access = AccessLog()

    async def start(self) -> None:
        """On the event loop that it then lives on."""
        await self.store.open()
        try:
            self.jobs = Jobs(self.store, self.media, self.runtime, self.metrics)
            self.jobs.start()
            self.limiter.start()
            self.usage.start()
            self.metrics.start()
        except BaseException:
            await self.store.close()  # its thread would keep the process from ending
            raise

    async def stop(self) -> None:
        await self.jobs.stop(self.runtime.config.jobs.drain)
        await self.limiter.stop()
        await self.usage.stop()
        await self.metrics.stop()
        self.access.flush()
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)
        await self.transports.aclose()
        await self.store.close()

    def reload(self) -> list[str]:
        """Put a changed configuration in force for requests that come from now on.

        Returns the keys that have changed since the start, and that only a start puts in force. Raises
        ConfigError, and then nothing has changed: so it is with another store.
        """
        if self.load is None:
            return []
        changed = self.load()
        if changed.store != self.config.store:
            raise ConfigError([STORE_IS_FIXED])
        self.runtime = self._build(changed, self.runtime)
        self.jobs.use(self.runtime)
        self.config = changed
        self.media.allow(changed.media.max_mb << 20)
        before = self._started
        return [name for name, value in _FIXED.items() if value(changed) != value(before)]

    def _build(self, config: Config, before: Runtime | None = None) -> Runtime:
        return runtime.build(
            config,
            self.rows,
            self.transports,
            self.limiter.spend,
            before=before,
            told=self.metrics.upstream_failed,
        )


@dataclass(slots=True, kw_only=True)
class Handled(Exchange):
    """A request, and the service that answers it."""

    service: Service


def exchange_of(request: Request) -> Handled:
    exchange: Handled = request.scope["anygate"]
    return exchange
