"""`provider_options`: what a client says in a gateway's own words."""

from collections.abc import Mapping
from typing import Any

from translators.core import JSON
from translators.errors import InvalidType
from translators.spelling import spelt


def options_in(value: Any) -> JSON:
    """`provider_options` as a mapping; a form's texts there become what they spell."""
    said = spelt(value)
    if not isinstance(said, Mapping):
        raise InvalidType("provider_options", "object", said)
    return dict(said)
