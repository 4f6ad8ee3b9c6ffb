"""Who is asking: client keys, and what keeps web pages away from a proxy without keys."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from urllib.parse import urlsplit

from proxy.addresses import is_loopback
from proxy.config import ClientKey, Config
from proxy.errors import ApiError
from proxy.store.money import Budget, Rates


@dataclass(frozen=True, slots=True)
class Client:
    """The holder of a client key; `name` owns jobs ("" where the proxy has no keys).

    `rates` and `budget`: its limits, None where it has none of these.
    """

    name: str
    models: tuple[str, ...] | None = None
    rates: Rates | None = None
    budget: Budget | None = None

    def may_use(self, model: str) -> bool:
        return self.models is None or any(fnmatchcase(model, one) for one in self.models)


ANONYMOUS = Client("")


class Gate:
    """Lets a request in, or says why not."""

    def __init__(self, config: Config) -> None:
        self._keys = (
            None
            if config.keys is None
            else {bytes.fromhex(key.digest): _client(key) for key in config.keys}
        )
        self._hosts = None if self._keys is not None else _own_hosts(config)
        self._public = _hostname(config.server.public_url or "") or None
        self._metrics_key = config.server.metrics_key

    def client(self, headers: Mapping[bytes, bytes]) -> Client:
        """The client of a request by its headers, named in lower case; raises ApiError 401."""
        if self._keys is None:
            return ANONYMOUS
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not key:
            raise _unauthenticated("You didn't provide an API key in an Authorization header.")
        # What is looked up is a digest, which nobody can steer towards another's: how long that
        # takes tells nothing of a key.
        client = self._keys.get(sha256(key.strip()).digest())
        if client is None:
            raise _unauthenticated("Incorrect API key provided.")
        return client

    def check_metrics(self, headers: Mapping[bytes, bytes]) -> None:
        """Whether the metrics may be read; raises ApiError 401."""
        if self._metrics_key is not None:
            wanted = f"Bearer {self._metrics_key.get_secret_value()}"
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, wanted.encode()):
                raise _unauthenticated("The metrics want server.metrics_key as their Bearer token.")

    def check_page(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse what a web page sends through a browser to a proxy without keys: ApiError 403.

        A page's request carries its Origin; one that got a name of its own to point here (DNS
        rebinding) carries that name as Host.
        """
        if self._hosts is None:
            return
        said = headers.get(b"host", b"").decode("latin-1")
        host = _hostname("//" + said)
        anyone = not self._hosts
        if not anyone and host not in self._hosts and not is_loopback(host):
            raise _foreign("Host", said)
        if (given := headers.get(b"origin")) is not None:
            origin = given.decode("latin-1")
            name = _hostname(origin)
            # A server in front may have put its own Host in the place of the public one.
            same = name and name in (host, self._public)
            if not same and not (is_loopback(name) and is_loopback(host)):
                raise _foreign("Origin", origin)


def _client(key: ClientKey) -> Client:
    limited = (key.rpm, key.concurrency, key.tpm) != (None, None, None)
    rates = Rates(key.rpm, key.concurrency, key.tpm) if limited else None
    budget = None if key.budget_usd is None else Budget(key.budget_usd, key.budget_window)
    return Client(key.name, key.models, rates, budget)


def _own_hosts(config: Config) -> frozenset[str]:
    """The names this proxy answers to without keys; empty: any, since the config allows anyone."""
    if config.server.allow_anonymous:
        return frozenset()
    names = {config.server.host.lower(), "localhost"}
    if config.server.public_url:
        names.add(_hostname(config.server.public_url))
    return frozenset(names)


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _unauthenticated(message: str) -> ApiError:
    return ApiError(401, "authentication_error", "invalid_api_key", message)


def _foreign(what: str, value: str) -> ApiError:
    return ApiError(
        403,
        "permission_error",
        "foreign_origin",
        f"{what} {value[:100]!r} is not this proxy's: without client keys it serves only its own machine.",
    )
