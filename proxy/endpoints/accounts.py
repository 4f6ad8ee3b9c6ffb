"""/v1/providers: the configured accounts, what is left on them, and what their gateways charge.

A client whose key is restricted to some `models` sees the providers that it can spend money at: those
behind its routes, and those that one of its globs reaches as `provider/model`. The others are a 404
to it, like a provider that is not there.
"""

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proxy.accounts import Account
from proxy.auth import Client
from proxy.circuit import Circuit
from proxy.config import Target
from proxy.endpoints.common import json_response
from proxy.errors import GatewayFault, from_fault, gateway_error, not_found
from proxy.redact import Redactor
from proxy.runtime import Runtime
from proxy.service import Handled, exchange_of
from translators.core import JSON

_TIMEOUT = 15.0  # seconds that a gateway may take to answer such a question


async def listed(request: Request) -> Response:
    """GET /v1/providers: `{object: "list", data: [{id, object: "provider", translator, base_url, health, …}]}`."""
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    found = [one for one in runtime.accounts.values() if _reaches(exchange.client, one, runtime)]
    data = [{**_shown(one), "health": _health(exchange.client, one, runtime)} for one in found]
    return _answer(exchange, {"object": "list", "data": data})


async def balance(request: Request) -> Response:
    """GET /v1/providers/{name}/balance: `{object: "balance", provider, balance, currency}`.

    `balance` is null where the gateway cannot be asked, `currency` unless it says one. Raises ApiError
    404, GatewayDown, MalformedReply, and what the gateway refuses with.
    """
    exchange = exchange_of(request)
    account = _account(exchange, request.path_params["name"])
    said = await _asked(exchange, account, "balance") or {}
    shown = {
        "object": "balance",
        "provider": account.name,
        "balance": said.get("balance"),
        "currency": said.get("currency"),
    }
    return _answer(exchange, shown)


async def prices(request: Request) -> Response:
    """GET /v1/providers/{name}/prices: the gateway's own list, `{object: "list", data: [{id, …}]}`.

    `data` is empty where the gateway cannot be asked. Raises as `balance` does.
    """
    exchange = exchange_of(request)
    account = _account(exchange, request.path_params["name"])
    said = await _asked(exchange, account, "prices") or []
    data = [_priced(*one) for one in said.items()] if isinstance(said, Mapping) else said
    return _answer(exchange, {"object": "list", "data": data})


def _account(exchange: Handled, name: str) -> Account:
    runtime = exchange.service.runtime
    account = runtime.accounts.get(name)
    if account is None or not _reaches(exchange.client, account, runtime):
        raise not_found(f"No such provider: {name[:100]!r}.", param="name")
    return account


async def _asked(exchange: Handled, account: Account, name: str) -> Any:
    """The answer to a question that the row knows, else `None`."""
    query = account.row.queries.get(name)
    if query is None:
        return None
    driver = exchange.service.runtime.driver
    timeout = {**account.timeout, "read": _TIMEOUT}
    answer = await driver.ask(account, query.path, timeout=timeout)
    fault = account.row.refuse(answer)
    if fault is not None:
        error = from_fault(fault)
        # The client asked for nothing that it could have got wrong.
        raise gateway_error(fault.message) if error.status < 429 else GatewayFault(fault)
    return query.read(answer.body)


def _reaches(client: Client, account: Account, runtime: Runtime) -> bool:
    if client.models is None:
        return True
    routes = runtime.config.models
    routed = any(
        target.provider == account.name
        for name, route in routes.items()
        if client.may_use(name)
        for target in route.targets
    )
    return routed or any(may_begin(glob, f"{account.name}/") for glob in client.models)


def may_begin(glob: str, begin: str) -> bool:
    """Whether the glob matches some text that begins so, and goes on."""
    parts = (glob[:end] for end in range(1, len(glob) + 1))
    return any(fnmatchcase(begin, one) and (one != glob or one.endswith("*")) for one in parts)


def _shown(account: Account) -> JSON:
    config, row = account.config, account.row
    return {
        "id": account.name,
        "object": "provider",
        "translator": row.name,
        "base_url": account.base_url,
        "capabilities": sorted(row.modes.get(config.submit, row.operations)),
        "queries": sorted(row.queries),
        "rpm": config.rpm,
        "max_concurrency": config.max_concurrency,
    }


def _health(client: Client, account: Account, runtime: Runtime) -> JSON:
    """The connection's, and that of each target which a route names, as this worker has seen them."""
    connection, *targets = account.health.circuits()
    shown = [
        {"model": model, **_circuit(circuit)}
        for model, circuit in targets
        if _reaches_model(client, Target(account.name, model), runtime)
    ]
    return {**_circuit(connection[1]), "targets": shown}


def _circuit(circuit: Circuit) -> JSON:
    """`state`: closed, open or half_open; `next_probe_at` and `last_failure.at`: Unix seconds."""
    failure = None
    if circuit.failed_at is not None:
        failure = {"kind": circuit.failed_by, "at": int(circuit.failed_at)}
    probe = circuit.next_probe_at
    return {
        "state": circuit.state,
        "last_failure": failure,
        "next_probe_at": None if probe is None else math.ceil(probe),
    }


def _reaches_model(client: Client, target: Target, runtime: Runtime) -> bool:
    """Whether the client may use the target by a route, or by its own name."""
    routes = runtime.config.models.items()
    routed = (
        name for name, route in routes if any(str(one) == str(target) for one in route.targets)
    )
    return client.may_use(str(target)) or any(client.may_use(name) for name in routed)


def _priced(name: str, price: Any) -> JSON:
    return {**price, "id": name} if isinstance(price, Mapping) else {"id": name, "price": price}


def _answer(exchange: Handled, content: JSON) -> Response:
    return json_response(_redacted(content, exchange.service.runtime.redactor))


def _redacted(value: Any, redactor: Redactor) -> Any:
    """Without keys: a base URL may hold one, and a gateway may repeat the one in its path."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, Mapping):
        return {name: _redacted(one, redactor) for name, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, redactor) for one in value]
    return value
