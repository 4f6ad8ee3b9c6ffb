"""Prometheus metrics of this process, all names beginning with `anygate_`; label sets are bounded."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "anygate_requests_total",
            "Requests by endpoint, provider and status.",
            ("endpoint", "provider", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "anygate_request_seconds",
            "Time from a request to the end of its answer.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "anygate_fallbacks_total",
            "Requests that went on to another target, by the provider that was left.",
            ("provider",),
            registry=self.registry,
        )
        self.jobs = Gauge(
            "anygate_jobs",
            "Unfinished jobs by provider and status.",
            ("provider", "status"),
            registry=self.registry,
        )

    def render(self, jobs: dict[tuple[str, str], int]) -> bytes:
        """The metrics in Prometheus' text format, with the store's counts of jobs."""
        self.jobs.clear()
        for (provider, status), number in jobs.items():
            self.jobs.labels(provider, status).set(number)
        return generate_latest(self.registry)
