"""`provider_options`: what a client says in a gateway's own words."""

from collections.abc import Mapping
from typing import Any

from translators.core import JSON, FormText
from translators.errors import InvalidType
from translators.specs import from_text


def options_in(value: Any) -> JSON:
    """`provider_options` as a mapping; a form's texts there become what they spell."""
    if isinstance(value, FormText):
        value = from_text(value)
    if not isinstance(value, Mapping):
        raise InvalidType("provider_options", "object", value)
    return {name: _spelt(one) for name, one in value.items()}


def _spelt(value: Any) -> Any:
    """A form's texts at any depth as what they spell: no table knows their types."""
    if isinstance(value, FormText):
        return from_text(value)
    if isinstance(value, Mapping):
        return {name: _spelt(one) for name, one in value.items()}
    return [_spelt(one) for one in value] if isinstance(value, list) else value
