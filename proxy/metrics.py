"""Prometheus metrics, all names beginning with `anygate_`. Their labels come from the config, never from
clients: what a request names beside the routes counts for its provider."""

import asyncio
import logging
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.accounts import Account
from proxy.circuit import STATES
from proxy.counters import Cells, Counter, Family, Gauge, Histogram, Snapshot, add, snapshot
from proxy.exchange import Exchange
from proxy.siblings import Siblings
from proxy.store.base import Job
from proxy.store.document import ENDED

log = logging.getLogger("anygate.metrics")

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_LAGS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_EVERY = 1.0  # seconds between two of the notes that workers write for one another


class Metrics:
    """What one worker counts. `accounts()`: the providers now; `siblings`: the other workers, if there are any."""

    def __init__(
        self,
        accounts: Callable[[], Mapping[str, Account]] = dict,
        siblings: Siblings | None = None,
    ) -> None:
        self.begun = 0  # requests, in this worker
        self._ended = 0
        self._accounts = accounts
        self._siblings = siblings
        self._writing: asyncio.Task[None] | None = None
        self._requests = Counter(
            "anygate_requests_total",
            "Requests by endpoint, provider and status.",
            ("endpoint", "provider", "status"),
        )
        self._seconds = Histogram(
            "anygate_request_seconds",
            "Time from a request to the end of its answer.",
            ("endpoint",),
            _SECONDS,
        )
        self._first_byte = Histogram(
            "anygate_first_byte_seconds",
            "Time from a request to the first byte of its answer.",
            ("endpoint", "stream"),
            _SECONDS,
        )
        self._in_flight = Gauge("anygate_requests_in_flight", "Requests being answered now.", ())
        self._tokens = Counter(
            "anygate_tokens_total",
            "Tokens that gateways say they counted, by kind: prompt or completion.",
            ("provider", "route", "kind"),
        )
        self._cost = Counter(
            "anygate_cost_usd_total",
            "US dollars, as far as they are known, by the provider that charges them.",
            ("provider", "route"),
        )
        self._finished = Counter(
            "anygate_jobs_finished_total",
            "Jobs that have ended.",
            ("provider", "kind", "status"),
        )
        self.fallbacks = Counter(
            "anygate_fallbacks_total",
            "Requests that went on to another target, by the provider that was left.",
            ("provider",),
        )
        self.retries = Counter(
            "anygate_retries_total", "Requests sent to the same target again.", ("provider",)
        )
        self._failures = Counter(
            "anygate_upstream_errors_total",
            "Requests that a provider gave no good answer to, by what was wrong.",
            ("provider", "kind"),
        )
        self.poll_lag = Histogram(
            "anygate_poll_lag_seconds", "How late polls of tasks begin.", ("provider",), _LAGS
        )
        self._upstream = Gauge(
            "anygate_upstream_requests",
            "Requests at a provider now, active or waiting for one of its max_concurrency places.",
            ("provider", "state"),
        )
        self._targets = Gauge(
            "anygate_target_state",
            "Workers in which a target's circuit is in a state; PROVIDER/* is the connection to it.",
            ("provider", "target", "state"),
        )
        # Not by way of `vars`, which makes every attribute here dear to read (see `OnLoop`).
        self._families: tuple[Family, ...] = (
            self._requests,
            self._seconds,
            self._first_byte,
            self._in_flight,
            self._tokens,
            self._cost,
            self._finished,
            self.fallbacks,
            self.retries,
            self._failures,
            self.poll_lag,
            self._upstream,
            self._targets,
        )

    def start(self) -> None:
        if self._siblings is not None:
            # Counters of a worker in whose place we are go on, so that none ever falls.
            data = self._siblings.inherited()
            cells: dict[str, Cells] = {}
            add(self._families, cells, data or {}, passing=False)
            for family in self._families:
                family.cells = cells[family.name]
            self._writing = asyncio.create_task(self._write(self._siblings))

    async def stop(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def answered(
        self, exchange: Exchange, status: int, seconds: float, routes: Container[str]
    ) -> None:
        """Count a request at its end. `seconds`: since it came."""
        self._ended += 1
        self._requests.add(exchange.endpoint, exchange.provider, str(status))
        self._seconds.observe(exchange.endpoint, value=seconds)
        if exchange.first_byte is not None:
            stream = "true" if exchange.streamed else "false"
            self._first_byte.observe(exchange.endpoint, stream, value=exchange.first_byte)
        tally = exchange.tally
        if tally is None or not exchange.provider:
            return
        route = exchange.route if exchange.route in routes else f"{exchange.provider}/*"
        if tally.prompt_tokens:
            self._tokens.add(exchange.provider, route, "prompt", by=tally.prompt_tokens)
        if tally.completion_tokens:
            self._tokens.add(exchange.provider, route, "completion", by=tally.completion_tokens)
        if cost := tally.cost:
            self._cost.add(exchange.provider, route, by=cost)

    def job_changed(self, before: Job, after: Job, routes: Container[str]) -> None:
        """Count a job that has ended, and what it costs, which may become known later."""
        counted = 0.0
        if before.status in ENDED:
            counted = before.cost or 0.0
        else:
            self._finished.add(after.provider, after.kind, after.status)
        cost = (after.cost or 0.0) - counted
        if cost > 0:
            route = after.model if after.model in routes else f"{after.provider}/*"
            self._cost.add(after.provider, route, by=cost)

    def upstream_failed(self, provider: str, kind: str) -> None:
        self._failures.add(provider, kind)

    def render(self, jobs: Mapping[tuple[str, str], int]) -> bytes:
        """The metrics of all workers in Prometheus' text format; `jobs`: the store's counts of jobs."""
        sums: dict[str, Cells] = {}
        for lives, numbers in self._everybody():
            add(self._families, sums, numbers, passing=lives)
        written = [family.written(sums[family.name]) for family in self._families]
        unfinished = Gauge(
            "anygate_jobs", "Unfinished jobs by provider and status.", ("provider", "status")
        )
        for labels, number in jobs.items():
            unfinished.set(*labels, to=number)
        registry = CollectorRegistry()
        registry.register(_Written([*written, unfinished.written(unfinished.cells)]))
        return generate_latest(registry)

    def _everybody(self) -> Iterable[tuple[bool, Any]]:
        """What each worker has counted, and whether it lives."""
        own = self._now()
        try:
            if self._siblings is not None:
                self._siblings.write(own)
                return self._siblings.read()
        except OSError as exc:  # the disk is full, or all of us are being stopped
            log.warning("metrics are of one worker alone: %s", exc)
        return [(True, own)]

    def _now(self) -> Snapshot:
        """What was counted, and how things are."""
        self._in_flight.set(to=self.begun - self._ended)
        self._upstream.cells, self._targets.cells = {}, {}
        for name, account in self._accounts().items():
            self._upstream.set(name, "active", to=account.slots.busy)
            self._upstream.set(name, "waiting", to=account.slots.waiting)
            for target, circuit in account.health.circuits():
                for state in STATES:
                    self._targets.set(name, f"{name}/{target}", state, to=circuit.state == state)
        return snapshot(self._families)

    async def _write(self, siblings: Siblings) -> None:
        while True:
            try:
                siblings.write(self._now())
            except OSError as exc:  # the disk is full: the next one may fit
                log.warning("metrics are not shared with the other workers: %s", exc)
            await asyncio.sleep(_EVERY)


class _Written(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)
