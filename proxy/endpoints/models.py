"""/v1/models: the routes of the config, and what the providers list, as `provider/model`."""

import asyncio

from cachetools import TTLCache
from starlette.requests import Request
from starlette.responses import Response

from proxy.accounts import Account
from proxy.driver import Driver
from proxy.endpoints.common import json_response
from proxy.errors import GatewayDown, not_found
from proxy.exchange import Exchange, exchange_of
from translators.core import JSON
from translators.core import Request as Native
from translators.errors import MalformedReply

_LISTING = 5.0  # seconds that a provider may take to list its models
_FRESH = 300.0  # seconds that a listing is used again
_CREATED = 0  # the configuration does not say when a model was made

_cache: TTLCache[tuple[str, str], list[str]] = TTLCache(maxsize=64, ttl=_FRESH)


async def listed(request: Request) -> Response:
    exchange = exchange_of(request)
    exchange.endpoint = "models"
    routes = [_model(name, "anygate") for name in exchange.service.runtime.config.models]
    others = await _provided(exchange)
    shown = [one for one in (*routes, *others) if exchange.client.may_use(one["id"])]
    return json_response({"object": "list", "data": shown})


async def retrieve(request: Request) -> Response:
    exchange = exchange_of(request)
    exchange.endpoint = "models"
    name = request.path_params["id"]
    runtime = exchange.service.runtime
    if not exchange.client.may_use(name) or runtime.router.find(name) is None:
        raise not_found(
            f"The model {name[:100]!r} does not exist.", code="model_not_found", param="model"
        )
    owner = "anygate" if name in runtime.config.models else name.partition("/")[0]
    return json_response(_model(name, owner))


async def _provided(exchange: Exchange) -> list[JSON]:
    runtime = exchange.service.runtime
    lists = await asyncio.gather(
        *(models_of(account, runtime.driver) for account in runtime.accounts.values())
    )
    return [
        _model(f"{account.name}/{name}", account.name)
        for account, names in zip(runtime.accounts.values(), lists, strict=True)
        for name in names
    ]


async def models_of(account: Account, driver: Driver) -> list[str]:
    """The models a provider lists, or that its row names; none of them where it does not answer."""
    query = account.row.queries.get("models")
    named = _named(account)
    if query is None:
        return named
    place = (account.name, account.base_url)
    if place not in _cache:
        try:
            async with asyncio.timeout(_LISTING):
                answer = await driver.ask(account, Native("GET", query.path))
            if account.row.refuse(answer) is not None:
                return named
            _cache[place] = [str(one["id"]) for one in query.read(answer.body)]
        except (GatewayDown, MalformedReply, TimeoutError):
            return named
    return list(dict.fromkeys([*_cache[place], *named]))


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
