"""/v1/models: the routes of the config, and what the providers list, as `provider/model`."""

import asyncio
from weakref import WeakKeyDictionary

from cachetools import TLRUCache
from starlette.requests import Request
from starlette.responses import Response

from proxy.accounts import Account
from proxy.driver import Driver
from proxy.endpoints.common import json_response
from proxy.errors import GatewayDown, not_found
from proxy.service import Handled, exchange_of
from translators.core import JSON
from translators.errors import MalformedReply

LISTING = 3.0  # seconds that a provider may take to list its models
_FRESH = 300.0  # seconds that a listing is used again
_FAILED = 30.0  # seconds that a provider without a listing is not asked again
_CREATED = 0  # the configuration does not say when a model was made

Lists = TLRUCache[str, list[str] | None]
# By driver: a changed configuration has a new one, and asks again.
_lists: WeakKeyDictionary[Driver, Lists] = WeakKeyDictionary()


async def listed(request: Request) -> Response:
    exchange = exchange_of(request)
    routes = [_model(name, "anygate") for name in exchange.service.runtime.config.models]
    others = await _provided(exchange)
    shown = [one for one in (*routes, *others) if exchange.client.may_use(one["id"])]
    return json_response({"object": "list", "data": shown})


async def retrieve(request: Request) -> Response:
    exchange = exchange_of(request)
    name = request.path_params["id"]
    runtime = exchange.service.runtime
    if not exchange.client.may_use(name) or runtime.router.find(name) is None:
        raise not_found(
            f"The model {name[:100]!r} does not exist.", code="model_not_found", param="model"
        )
    owner = "anygate" if name in runtime.config.models else name.partition("/")[0]
    return json_response(_model(name, owner))


async def _provided(exchange: Handled) -> list[JSON]:
    runtime = exchange.service.runtime
    lists = await asyncio.gather(
        *(models_of(account, runtime.driver) for account in runtime.accounts.values())
    )
    return [
        _model(f"{account.name}/{name}", account.name)
        for account, names in zip(runtime.accounts.values(), lists, strict=True)
        for name in names
        if runtime.router.find(f"{account.name}/{name}") is not None
    ]


async def models_of(account: Account, driver: Driver, *, wait: float = LISTING) -> list[str]:
    """The models a provider lists, or that its row names; none of them where it does not answer."""
    lists = _lists.setdefault(driver, TLRUCache(maxsize=64, ttu=_until))
    if account.name not in lists:
        lists[account.name] = await _asked(account, driver, wait)
    return list(dict.fromkeys([*(lists.get(account.name) or ()), *_named(account)]))


def is_silent(account: Account, driver: Driver) -> bool:
    """Whether a provider that was asked for its models a moment ago has listed none that could be read."""
    return driver in _lists and _lists[driver].get(account.name, ()) is None


async def _asked(account: Account, driver: Driver, wait: float) -> list[str] | None:
    query = account.row.queries.get("models")
    if query is None:
        return []
    try:
        async with asyncio.timeout(wait):
            answer = await driver.ask(account, query.path, poll=wait)
        if account.row.refuse(answer) is not None:
            return None
        return [str(one["id"]) for one in query.read(answer.body)]
    except (GatewayDown, MalformedReply, TimeoutError):
        return None


def _until(account: str, models: list[str] | None, now: float) -> float:
    return now + (_FAILED if models is None else _FRESH)


def _named(account: Account) -> list[str]:
    """The models that a row names outright, without a pattern."""
    names = (
        name
        for table in account.row.operations.values()
        for globs in table
        for name in globs.split("|")
        if not set(name) & set("*?[")
    )
    return list(dict.fromkeys(names))


def _model(name: str, owner: str) -> JSON:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": owner}
