"""The whole file, and how it is loaded."""

import os
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError

from proxy.config.document import read
from proxy.config.dotenv import dotenv
from proxy.config.sections import (
    Breaker,
    ClientKey,
    ClientTimeout,
    Defaults,
    Jobs,
    Limits,
    Media,
    Price,
    Provider,
    Retries,
    Route,
    Section,
    Server,
    Timeout,
    Webhooks,
)
from proxy.config.values import PORTS, ProviderName, Row, Scope, Some, Store, Text
from proxy.config.words import ConfigError, Where


class Config(Section):
    """The whole file. Equal configs are equal, wherever their lines stand."""

    server: Server = Server()
    providers: Mapping[ProviderName, Provider] = {}
    models: Mapping[Text, Route] = {}
    defaults: Defaults = Defaults()
    keys: Annotated[tuple[ClientKey, ...], Some] | None = None
    store: Store = Field(default="sqlite:anygate.db", validate_default=True, repr=False)
    jobs: Jobs = Jobs()
    media: Media
    webhooks: Webhooks = Webhooks()

    def check_binding(self, workers: int) -> list[str]:
        """Why it must not serve as it is told to, if so: open to the network, or a split store."""
        problems = []
        if not (self.keys or self.server.allow_anonymous or _loopback(self.server.host)):
            problems.append(
                f"server.host: {self.server.host} is open to the network: add keys, bind to "
                "127.0.0.1, or set server.allow_anonymous: true"
            )
        if workers > 1 and self.store == "memory:":
            problems.append(f"store: memory: is one process's own, not shared by {workers} workers")
        return problems

    def secrets(self) -> frozenset[str]:
        """Every string that must never be shown; too short ones would garble what is."""
        found = [provider.api_key for provider in self.providers.values()]
        found += [key.key for key in self.keys or ()]
        found += [one for one in (self.webhooks.secret, self.server.metrics_key) if one]
        texts = {secret.get_secret_value() for secret in found}
        texts |= {text for one in _passwords(self.store) for text in (one, unquote(one))}
        return frozenset(t for t in texts if len(t) >= 6 and not t.startswith("sha256:"))

    def store_shown(self) -> str:
        """The store without what may be secret of its URL."""
        parts = urlsplit(self.store)
        if not parts.hostname:
            return self.store
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{host}{port}{parts.path}"

    def origins(self) -> frozenset[tuple[str, str, int]]:
        """(scheme, host, port) of every URL in the file: those the proxy may fetch from."""
        urls = [provider.base_url for provider in self.providers.values()]
        parts = [urlsplit(url) for url in (*urls, self.server.public_url) if url]
        return frozenset((p.scheme, p.hostname or "", p.port or PORTS[p.scheme]) for p in parts)


SECTIONS: Final[Mapping[Where, type[Section]]] = {
    (): Config,
    ("server",): Server,
    ("server", "limits"): Limits,
    ("server", "timeout"): ClientTimeout,
    ("providers", "*"): Provider,
    ("providers", "*", "timeout"): Timeout,
    ("providers", "*", "prices", "*"): Price,
    ("providers", "*", "retries"): Retries,
    ("providers", "*", "breaker"): Breaker,
    ("models", "*"): Route,
    ("defaults",): Defaults,
    ("keys", "*"): ClientKey,
    ("jobs",): Jobs,
    ("media",): Media,
    ("webhooks",): Webhooks,
}


def load(
    path: Path, *, environ: Mapping[str, str] | None = None, rows: Mapping[str, Row]
) -> Config:
    """The config at `path`; the environment (the process's own by default) wins over `.env`.

    Raises `ConfigError`: unreadable, not UTF-8, or any problem of `parse`.
    """
    text = _text(path)
    if text is None:
        raise ConfigError(
            [
                f"{path}: no such file: copy the example config.yaml, or run `anygate serve --sandbox`"
            ]
        )
    beside = path.parent / ".env"
    variables = dotenv(_text(beside) or "", str(beside))
    return parse(
        text, str(path), {**variables, **(os.environ if environ is None else environ)}, rows
    )


def parse(text: str, name: str, environ: Mapping[str, str], rows: Mapping[str, Row]) -> Config:
    """The config in `text`; relative paths in it are relative to the folder of `name`.

    `rows` are the translators by name. Raises `ConfigError` with every problem found.
    """
    document = read(text, name, environ)
    data = {key: value for key, value in document.data.items() if value is not None}
    providers, models = (tuple(_mapping(data.get(key))) for key in ("providers", "models"))
    scope = Scope(rows, providers, models, Path(name).parent)
    config = None
    try:
        config = Config.model_validate({"media": {}, **data}, context=scope)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            document.explain(error, _known_keys)
    for at, message in _conflicts(config, rows) if config and not document.found else ():
        document.problem(at, message)
    document.check()  # raises outside the except clause: pydantic's error holds the values
    assert config is not None
    return config


def _text(path: Path) -> str | None:
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ConfigError([f"{path}:{line}: must be UTF-8 text"]) from exc


def _conflicts(config: Config, rows: Mapping[str, Row]) -> Iterator[tuple[Where, str]]:
    if not (config.providers or config.models):
        yield (
            (),
            (
                "nothing is configured: write providers: {NAME: {translator: ROW, api_key: "
                '"${NAME_API_KEY}"}} and models: {MODEL: NAME/MODEL}, where ROW is one of '
                + ", ".join(rows)
            ),
        )
    seen: set[str] = set()
    for index, key in enumerate(config.keys or ()):
        for field, value in (("name", f"name {key.name}"), ("key", key.digest)):
            if value in seen:
                yield ("keys", index, field), "is another key's, too"
            seen.add(value)


def _known_keys(at: Where) -> Iterable[str]:
    for pattern, section in SECTIONS.items():
        if len(pattern) == len(at) and all(p in ("*", a) for p, a in zip(pattern, at, strict=True)):
            return section.model_fields
    return ()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _passwords(store: str) -> Iterator[str]:
    """As they are written in the store's URL: before its host, or among its options."""
    parts = urlsplit(store)
    yield parts.password or ""
    for name, _, value in (one.partition("=") for one in parts.query.split("&")):
        if unquote(name).endswith("password"):  # also ssl_password
            yield value
            yield value.replace("+", " ")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
