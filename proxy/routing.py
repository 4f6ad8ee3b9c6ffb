"""The one resolver: the model name of a request → the targets that may answer it, in order."""

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import groupby
from typing import Any

from proxy.accounts import Account
from proxy.auth import Client
from proxy.config import Config, Target
from proxy.errors import ApiError, invalid, not_found
from proxy.redact import Redactor
from translators.core import Call, Capability, Params
from translators.errors import TranslationError, UnsupportedParameter
from translators.options import options_in
from translators.plan import Plan, plan

# What a model at a gateway may be called: it goes into bodies, logs and headers.
_MODEL = re.compile(r"[A-Za-z0-9](?:[\w.:@+~-]|/(?!\.\.?(?:/|$)))*", re.ASCII)

# Where a request names no model, the next best default.
_DEFAULTS: Mapping[Capability, tuple[str, ...]] = {
    Capability.CHAT: ("chat",),
    Capability.IMAGE: ("image",),
    Capability.IMAGE_EDIT: ("image_edit", "image"),
    Capability.IMAGE_VARIATION: ("image_edit", "image"),
    Capability.VIDEO: ("video",),
    Capability.VIDEO_EDIT: ("video_edit", "video"),
    Capability.VIDEO_EXTENSION: ("video_edit", "video"),
    Capability.SPEECH: ("speech",),
    Capability.SOUND: ("sound", "speech"),
    Capability.MUSIC: ("music", "speech"),
    Capability.TRANSCRIPTION: ("transcription",),
    Capability.TRANSLATION: ("transcription",),
    Capability.EMBEDDING: ("embedding",),
    Capability.MODERATION: ("moderation",),
    Capability.RESPONSE: ("chat",),
    Capability.COMPLETION: ("chat",),
}


@dataclass(slots=True)
class Resolved:
    """A model name with what stands behind it. `name` is what the client sent, or the default."""

    name: str
    targets: tuple[Target, ...]
    params: Params = field(default_factory=dict)
    strict: bool = False

    def said(self, params: Params) -> Params:
        """The request's parameters over the route's: what an endpoint serves itself goes by these, too."""
        return {**self.params, **params} if self.params else params


@dataclass(slots=True)
class Ask:
    """A parsed request, before it is known who answers it.

    `params`: without `model` and `provider_options`; `defaults`: OpenAI's own, under everything else;
    `inherited`: names among `params` that an earlier order gave, left out where a table does not know them;
    `handled`: parameters that the endpoint itself serves; `alternatives`: further capabilities under
    which the target may offer what is asked (a music model asked to speak).
    """

    capability: Capability
    params: Params
    options: Params = field(default_factory=dict)
    defaults: Params = field(default_factory=dict)
    inherited: frozenset[str] = frozenset()
    handled: frozenset[str] = frozenset()
    alternatives: tuple[Capability, ...] = ()
    callback: str | None = None


@dataclass(slots=True)
class Candidate:
    """A target with the native request made for it."""

    account: Account
    target: Target
    capability: Capability
    plan: Plan = field(repr=False)


class Router:
    def __init__(self, config: Config, accounts: Mapping[str, Account]) -> None:
        self._routes = {
            name: Resolved(name, route.targets, route.params, route.strict)
            for name, route in config.models.items()
        }
        self._weighted = frozenset(
            name
            for name, route in config.models.items()
            if any(one.weight for one in route.targets)
        )
        self._defaults = config.defaults
        self._accounts = accounts
        self._secrets = Redactor(config.secrets())

    def resolve(self, name: Any, capability: Capability, client: Client) -> Resolved:
        """What stands behind a name, for one request: where its targets are weighted, chance has ordered them.

        Raises ApiError: 400 without a name and a default, 403 for a model not allowed, 404.
        """
        if name is None or name == "":
            name = self._default(capability)
        if not isinstance(name, str):
            raise invalid("'model' must be a string.", code="invalid_type", param="model")
        found = self.find(name)
        if not client.may_use(name):
            raise ApiError(
                403,
                "permission_error",
                "model_not_allowed",
                f"This key may not use the model {name[:100]!r}.",
                param="model",
            )
        if found is None:
            raise self._unknown(name)
        if name in self._weighted:
            return replace(found, targets=tuple(drawn(found.targets)))
        return found

    def find(self, name: str) -> Resolved | None:
        """A route, as the config orders it, or `provider/model` at a configured provider."""
        route = self._routes.get(name)
        if route is not None:
            return route
        provider, slash, model = name.partition("/")
        usable = _MODEL.fullmatch(model) and not self._secrets.holds(model)  # it is logged
        if slash and provider in self._accounts and usable:
            return Resolved(name, (Target(provider, model),))
        return None

    def candidates(self, resolved: Resolved, ask: Ask) -> list[Candidate]:
        """The targets that can express the request, each with its native request.

        Raises the first target's TranslationError where none can.
        """
        found: list[Candidate] = []
        first: TranslationError | None = None
        for target in resolved.targets:
            account = self._accounts.get(target.provider)
            if account is None:
                continue
            try:
                found.append(_candidate(account, target, resolved, ask))
            except TranslationError as exc:
                first = first or exc
        if not found:
            raise first or self._unknown(resolved.name)
        return found

    def _default(self, capability: Capability) -> str:
        for name in _DEFAULTS[capability]:
            if value := getattr(self._defaults, name, None):
                return str(value)
        raise invalid(
            "Missing required parameter: 'model' (and the config names no default for this endpoint).",
            code="missing_required_parameter",
            param="model",
        )

    def _unknown(self, name: str) -> ApiError:
        close = get_close_matches(name[:200], self._routes, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return not_found(
            f"The model {name[:100]!r} does not exist{hint}.", code="model_not_found", param="model"
        )


def drawn(targets: Iterable[Target]) -> Iterator[Target]:
    """The targets in order, but weighted neighbours in one that chance makes: each comes first among those
    left as often as its weight says."""
    for weighted, group in groupby(targets, key=lambda one: one.weight is not None):
        if weighted:  # by whose bell rings first, if each rings at the rate of its weight
            yield from sorted(group, key=lambda one: random.expovariate(one.weight or 1.0))
        else:
            yield from group


def take_next(left: list[Candidate]) -> Candidate:
    """Remove the one to ask next: the first that no breaker keeps back, else the first of all."""
    if len(left) > 1:
        for place, one in enumerate(left):
            if one.account.health.admits(one.target.model):
                return left.pop(place)
    return left.pop(0)


def _candidate(account: Account, target: Target, resolved: Resolved, ask: Ask) -> Candidate:
    params, options = ask.params, ask.options
    given: Set[str] = params.keys() - ask.inherited if ask.inherited else params.keys()
    if resolved.params:
        given = resolved.params.keys() | given
        params = dict(resolved.said(params))
        own = params.pop("provider_options", None)
        options = {**options_in(own), **options} if own is not None else options
    call = Call(
        capability=ask.capability,
        model=target.model,
        params={**ask.defaults, **params} if ask.defaults else params,
        given=given,
        options=options,
        key=account.key,
        callback=ask.callback,
    )
    made, capability = _plan(account, call, ask)
    if resolved.strict and made.dropped:
        raise UnsupportedParameter(made.dropped[0], "the route is strict and this would be dropped")
    return Candidate(account, target, capability, made)


def _plan(account: Account, call: Call, ask: Ask) -> tuple[Plan, Capability]:
    """The plan under the first of the capabilities that the target offers."""
    offered = account.row.operations
    mode = account.submit
    failure: TranslationError | None = None
    for capability in (ask.capability, *ask.alternatives):
        if capability is not ask.capability and capability not in offered:
            continue
        try:
            other = call if capability is call.capability else replace(call, capability=capability)
            made = plan(account.row, other, handled=ask.handled, mode=mode)
        except TranslationError as exc:
            if failure is None or failure.code == "unsupported_endpoint":
                failure = exc
            if exc.code != "unsupported_endpoint":
                break
        else:
            return made, capability
    assert failure is not None
    raise failure
