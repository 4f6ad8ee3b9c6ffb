"""The values of a config: durations, URLs, keys, targets, each checked as it is read."""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import (
    AfterValidator,
    BeforeValidator,
    InstanceOf,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from proxy.config.numbers import MOST, Share
from proxy.config.words import Bad, suggest

T = TypeVar("T")


PORTS: Final = {"http": 80, "https": 443}
_WEIGHT: Final = TypeAdapter[float](Share)


class Row(Protocol):
    """What a translator's row tells the configuration about its gateway."""

    @property
    def base_url(self) -> str: ...
    @property
    def rpm(self) -> int | None: ...
    @property
    def min_read_timeout(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider; the model is the gateway's own name for it.

    `weight`: its share of the requests among its neighbours that have one, too.
    """

    provider: str
    model: str
    weight: float | None = None

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True)
class Scope:
    """What one part of the file must know about the rest."""

    rows: Mapping[str, Row]
    providers: tuple[str, ...]
    routes: tuple[str, ...]
    folder: Path


def scope_of(info: ValidationInfo) -> Scope:
    scope = info.context
    assert isinstance(scope, Scope), "configs are made by parse()"
    return scope


def switched(value: object) -> object:
    """A section that may also be switched: true or on for its defaults, false or off for none."""
    if value in ("on", "off"):
        value = value == "on"
    return value if not isinstance(value, bool) else ({} if value else None)


def _url(value: str) -> str:
    """An http(s) URL without its trailing slash; without a login, query or fragment."""
    try:
        parts = urlsplit(value)
        usable = bool(PORTS.get(parts.scheme) and parts.hostname and parts.port != 0)
        httpx.URL(value)  # which every request to it becomes
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or re.search(r"[\s?#@]", value):  # not quoted: it may hold a key
        raise Bad("must be an http:// or https:// URL without login, query and fragment")
    return value.rstrip("/")


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text:
        raise Bad("must not be empty (is its variable set to nothing?)")
    if not re.fullmatch(r"[!-~]+", text):  # it becomes a header
        raise Bad("must be printable ASCII without spaces")
    return SecretStr(text)


def _hook_secret(value: SecretStr | None) -> SecretStr | None:
    """What starts with whsec_ goes on in base64 (Standard Webhooks); any other text is taken as it is.

    Strictly: what decoders make of stray characters or of missing padding differs, and with it the signature.
    """
    coded = value.get_secret_value().strip() if value else ""
    if value is None or not coded.startswith("whsec_"):
        return value
    try:
        digits = coded.removeprefix("whsec_")
        good = len(digits) % 4 == 0 and b64decode(digits, validate=True)
    except ValueError:
        good = False
    if not good:
        raise Bad("must have base64 with its padding after whsec_, or be text without whsec_")
    return SecretStr(coded)


def _client_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.startswith("sha256:"):
        return value
    if not re.fullmatch(r"sha256:[0-9a-fA-F]{64}", text):
        raise Bad("must be sha256: and 64 hexadecimal digits")
    return SecretStr(text.lower())


def _target(value: object, info: ValidationInfo) -> Target:
    """ "provider/model", or {target: that, weight: 3} → Target; the model is all after the first slash."""
    weight = None
    if isinstance(value, dict):
        value, weight = _weighted(value)
    if not isinstance(value, str):
        raise Bad("a target must be text such as provider/model")
    target = Target(*value.partition("/")[::2], weight)
    if not (target.provider and target.model):
        raise Bad("target {} must read provider/model", value)
    if target.provider not in (known := scope_of(info).providers):
        raise Bad(f"unknown provider {{}}{suggest(target.provider, known)}", target.provider)
    return target


def _weighted(value: dict[str, object]) -> tuple[object, float]:
    if value.keys() != {"target", "weight"}:
        raise Bad("a target with a weight must read {target: provider/model, weight: 3}")
    try:
        return value["target"], _WEIGHT.validate_python(value["weight"])
    except ValidationError as exc:
        raise Bad(f"a target's weight must be a number above 0, {MOST} at most") from exc


def _route_name(value: str, info: ValidationInfo) -> str:
    routes, (provider, _, model) = scope_of(info).routes, value.partition("/")
    if value not in routes and not (provider in scope_of(info).providers and model):
        raise Bad(f"{{}} is neither a model here nor provider/model{suggest(value, routes)}", value)
    return value


def _translator(value: str, info: ValidationInfo) -> str:
    if value not in (rows := scope_of(info).rows):
        hint = suggest(value, rows) or f" (known: {', '.join(rows)})"
        raise Bad(f"unknown translator {{}}{hint}", value)
    return value


def _provider_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", value):  # it stands in URLs, headers and targets
        raise Bad("a provider's name is made of letters, digits, '.', '_' and '-'")
    return value


def _keep(value: object) -> object:
    words = {"auto": "auto", "true": True, "false": False}
    if str(value).lower() not in words:
        raise Bad("must be auto, true or false")
    return words[str(value).lower()]


def _store(value: str, info: ValidationInfo) -> str:
    """A relative SQLite path is made relative to the config's folder."""
    scheme, _, rest = value.partition(":")
    if scheme == "sqlite" and rest and not rest.startswith(("//", ":")):
        return f"sqlite:{scope_of(info).folder / rest}"
    try:
        parts = urlsplit(value)
        redis = scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
        redis = redis and bool(re.fullmatch(r"/?[0-9]{0,9}", parts.path))  # a word would mean 0
    except ValueError:
        redis = False
    if not redis and value not in ("memory:", "memory"):  # YAML wants the colon quoted
        raise Bad('must be "memory:", sqlite:PATH or redis://host:6379/0')
    return value if redis else "memory:"


def _one_or_many(value: object) -> object:
    if not isinstance(value, (str, list)):
        raise Bad("must be provider/model, a list of them, or a mapping with targets")
    return [value] if isinstance(value, str) else value


def _filled(value: object) -> object:
    if value in ("", None):
        raise Bad("must not be empty")
    return value


def _in_folder(value: Path, info: ValidationInfo) -> Path:
    return scope_of(info).folder / value


def _some(value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:
        raise Bad("must not be empty")
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


Text = Annotated[str, StringConstraints(min_length=1)]
Url = Annotated[str, AfterValidator(_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
ClientSecret = Annotated[Secret, AfterValidator(_client_key)]
Targets = Annotated[
    tuple[Annotated[InstanceOf[Target], BeforeValidator(_target)], ...],
    BeforeValidator(_one_or_many),
    AfterValidator(_some),
]
RouteName = Annotated[str, AfterValidator(_route_name)]
ProviderName = Annotated[str, AfterValidator(_provider_name)]
TranslatorName = Annotated[str, AfterValidator(_translator)]
WebUrl = Annotated[Url | None, BeforeValidator(_none_if_empty)]
Folder = Annotated[Path, BeforeValidator(_filled), AfterValidator(_in_folder)]
Keep = Annotated[Literal["auto"] | bool, BeforeValidator(_keep)]
Store = Annotated[str, AfterValidator(_store)]
HookSecret = Annotated[
    SecretStr | None, BeforeValidator(_none_if_empty), AfterValidator(_hook_secret)
]
OptionalSecret = Annotated[Secret | None, BeforeValidator(_none_if_empty)]
Some = AfterValidator(_some)
