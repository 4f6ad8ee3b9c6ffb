"""`anygate explain`: the native request that a call would become."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from proxy import runtime
from proxy.auth import ANONYMOUS
from proxy.config import Config
from proxy.endpoints.audio import SPOKEN
from proxy.endpoints.common import HANDLED, without_own
from proxy.endpoints.videos import DEFAULTS
from proxy.errors import ApiError
from proxy.pricing import ordered_price
from proxy.routing import Ask, Candidate
from proxy.runtime import Runtime, Transports
from proxy.transport import Http1Transport
from translators import TRANSLATORS
from translators.core import Capability, FormText, Hosted, Params, Source
from translators.options import options_in
from translators.spelling import from_text

_SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hello"}]},
    "image": {"prompt": "A lighthouse at dawn"},
    "video": {"prompt": "A lighthouse at dawn"},
    "speech": {"input": "Hello", "voice": "alloy"},
}
_ALTERNATIVES = {"speech": (Capability.SOUND, Capability.MUSIC)}
_HANDLED = {"image": HANDLED, "speech": SPOKEN}  # by the endpoint itself
_WORDS = {"image": "prompt", "speech": "input"}  # what is asked: text, whatever it spells


def offline(config: Config) -> Runtime:
    """A runtime that has no limits to count; connections are made only if something is sent."""

    async def unlimited(bucket: str, limit: int, *, keep: int = 0) -> float:
        return 0.0

    transports = Transports(Http1Transport(), Http1Transport(public_only=True))
    return runtime.build(config, TRANSLATORS, transports, unlimited)


def explained(config: Config, model: str, kind: str, given: list[str]) -> Iterator[str]:
    """Method, URL and body for each target of a model, keys masked. Raises ValueError in plain words."""
    made = offline(config)
    params = {**_SAMPLES[kind], **dict(_pair(one, kind) for one in given)}
    options = options_in(params.get("provider_options", {}))
    capability = Capability(kind)
    defaults = DEFAULTS if kind == "video" else {}
    ask = Ask(
        capability,
        without_own(params),
        options,
        defaults=defaults,
        handled=_HANDLED.get(kind, frozenset()),
        alternatives=_ALTERNATIVES.get(kind, ()),
        callback=f"{config.server.public_url}/callbacks/…" if config.server.public_url else None,
    )
    try:
        resolved = made.router.resolve(model, capability, ANONYMOUS)
        # In the config's order, whatever chance has made of it.
        candidates = made.router.candidates(made.router.find(resolved.name) or resolved, ask)
    except ApiError as exc:
        raise ValueError(exc.message) from exc
    for candidate in candidates:
        yield made.redactor.text(_shown(candidate))


def _shown(candidate: Candidate) -> str:
    sent = candidate.plan.request
    lines = [f"# {candidate.target}", f"{sent.method} {candidate.account.base_url}{sent.path}"]
    lines += [f"{name}: {value}" for name, value in candidate.account.row.auth("***").items()]
    body = _masked(candidate, sent.body)
    lines.append(orjson.dumps(body, option=orjson.OPT_INDENT_2, default=_file).decode())
    if candidate.plan.dropped:
        lines.append(f"# dropped: {', '.join(candidate.plan.dropped)}")
    if (price := ordered_price(candidate)) is not None:
        lines.append(f"# price: ${price:g}")
    return "\n".join(lines) + "\n"


def _masked(candidate: Candidate, body: Params) -> Params:
    """The body without its key, however short that is."""
    key = candidate.account.key
    return {name: "***" if value == key else value for name, value in body.items()}


def _file(value: Any) -> str:
    if isinstance(value, Hosted):
        return "<URL of your file under server.public_url>"
    if isinstance(value, Source):
        return f"<{len(value.data or b'')} bytes of {value.mime}>"
    raise TypeError(type(value).__name__)


def _pair(text: str, kind: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"-p takes name=value, not {text!r}")
    if name == _WORDS.get(kind):
        return name, value
    # The SDKs send videos as forms: there the table says which type a text has.
    return name, FormText(value) if kind == "video" else from_text(value)
