"""`anygate check --live` and `anygate models`: what the providers answer now."""

import asyncio
from collections.abc import Iterator

from proxy.accounts import Account
from proxy.config import Config
from proxy.endpoints.models import is_silent, models_of
from proxy.errors import GatewayDown
from proxy.explain import offline
from proxy.runtime import Runtime
from translators.errors import MalformedReply

_TIMEOUT = 10.0


def check_live(config: Config) -> Iterator[tuple[str, str, bool]]:
    """Each provider's name, what it said, and whether that was good."""
    yield from asyncio.run(_check(config))


def list_models(config: Config) -> tuple[list[str], list[str]]:
    """The routes, then every provider's models as `provider/model`; and the providers that listed none."""
    models, silent = asyncio.run(_models(config))
    return [*config.models, *models], silent


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
    timeout, query = {**account.timeout, "read": _TIMEOUT}, account.row.queries[name]
    try:
        answer = await made.driver.ask(account, query.path, timeout=timeout)
    except GatewayDown as down:
        return account.name, str(down), False
    fault = account.row.refuse(answer)
    if fault is not None:
        return account.name, made.redactor.text(f"{answer.status}: {fault.message}"), False
    try:
        if answer.body is None:  # a page, or nothing
            raise MalformedReply("The gateway's answer is not JSON.")
        query.read(answer.body)
    except MalformedReply as exc:
        return account.name, f"{answer.status}: {exc} Is base_url right?", False
    return account.name, f"ok ({name})", True


async def _models(config: Config) -> tuple[list[str], list[str]]:
    made = offline(config)
    accounts = made.accounts.values()
    try:
        found = await asyncio.gather(*(models_of(one, made.driver) for one in accounts))
        silent = [one.name for one in accounts if is_silent(one, made.driver)]
    finally:
        await made.transports_closed()
    listed = zip(made.accounts, found, strict=True)
    return [f"{account}/{model}" for account, models in listed for model in models], silent
