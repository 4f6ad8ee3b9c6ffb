"""What one configuration amounts to, made once and replaced as a whole when the file changes."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import httpx

from proxy.accounts import Account
from proxy.auth import Gate
from proxy.config import Config
from proxy.driver import Driver, Spend
from proxy.health import Told
from proxy.redact import Redactor
from proxy.routing import Router
from proxy.tracing import Tracer
from translators.core import Translator


@dataclass(frozen=True, slots=True)
class Runtime:
    """`max_body` (bytes) and what follows is the configuration's, for what asks for it with every request."""

    config: Config
    accounts: Mapping[str, Account]
    driver: Driver
    router: Router
    gate: Gate
    redactor: Redactor

    transports: "Transports"
    max_body: int
    public_url: str | None
    log_requests: bool
    job_timeout: float
    models: Container[str]

    async def transports_closed(self) -> None:
        await self.transports.aclose()


@dataclass(frozen=True)
class Transports:
    """The two ways out: to origins that the config names, and to the open internet only; and who traces them."""

    named: httpx.AsyncBaseTransport
    public: httpx.AsyncBaseTransport
    tracer: Tracer | None = None

    async def aclose(self) -> None:
        await self.named.aclose()
        await self.public.aclose()


def build(
    config: Config,
    rows: Mapping[str, Translator],
    transports: Transports,
    spend: Spend,
    *,
    before: Runtime | None = None,
    told: Told | None = None,
) -> Runtime:
    """`before`: what this replaces; `told`: who counts the providers' failures."""
    old = {} if before is None else before.accounts
    accounts = {}
    for name, provider in config.providers.items():
        # What has not changed is the same account: with its places taken, and its health.
        kept = old.get(name)
        if kept is None or kept.config != provider:
            kept = Account(name, provider, rows[provider.translator], told)
        targets = (one for route in config.models.values() for one in route.targets)
        kept.health.know(one.model for one in targets if one.provider == name)
        accounts[name] = kept
    return Runtime(
        config=config,
        accounts=accounts,
        driver=Driver(
            named=transports.named,
            public=transports.public,
            origins=config.origins(),
            spend=spend,
            tracer=transports.tracer,
        ),
        router=Router(config, accounts),
        gate=Gate(config),
        redactor=Redactor(config.secrets(), before.redactor if before else None),
        transports=transports,
        max_body=config.server.max_body_mb << 20,
        public_url=config.server.public_url,
        log_requests=config.server.log_requests,
        job_timeout=config.jobs.timeout,
        models=config.models,
    )
