"""`anygate check --live` and `anygate models`: what the providers answer now."""

import asyncio
from collections.abc import Iterator

from proxy.accounts import Account
from proxy.config import Config
from proxy.endpoints.models import models_of
from proxy.errors import GatewayDown
from proxy.explain import offline
from proxy.runtime import Runtime

_TIMEOUT = 10.0


def check_live(config: Config) -> Iterator[tuple[str, str, bool]]:
    """Each provider's name, what it said, and whether that was good."""
    yield from asyncio.run(_check(config))


def list_models(config: Config) -> list[str]:
    """The routes, then every provider's models as `provider/model`."""
    return [*config.models, *asyncio.run(_models(config))]


async def _check(config: Config) -> list[tuple[str, str, bool]]:
    made = offline(config)
    try:
        return await asyncio.gather(*(_one(made, one) for one in made.accounts.values()))
    finally:
        await made.transports_closed()


async def _one(made: Runtime, account: Account) -> tuple[str, str, bool]:
    """The cheapest question the row knows: the balance, the models, or the prices."""
    name = next((n for n in ("balance", "models", "prices") if n in account.row.queries), None)
    if name is None:
        return account.name, "has no question that costs nothing: not asked", True
    timeout = {**account.timeout, "read": _TIMEOUT}
    try:
        answer = await made.driver.ask(account, account.row.queries[name].path, timeout=timeout)
    except GatewayDown as down:
        return account.name, str(down), False
    fault = account.row.refuse(answer)
    if fault is not None:
        return account.name, made.redactor.text(f"{answer.status}: {fault.message}"), False
    return account.name, f"ok ({name})", True


async def _models(config: Config) -> list[str]:
    made = offline(config)
    try:
        found = await asyncio.gather(
            *(models_of(one, made.driver) for one in made.accounts.values())
        )
    finally:
        await made.transports_closed()
    return [
        f"{account}/{model}"
        for account, models in zip(made.accounts, found, strict=True)
        for model in models
    ]
