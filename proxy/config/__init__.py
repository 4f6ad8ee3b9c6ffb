"""The configuration: config.yaml, validated once, immutable, and in the end plain attributes.

`load` reads the file and the `.env` beside it; `parse` is the same without a disk. Every problem is
a line `config.yaml:12: models.sora-2: message` of one `ConfigError`, and no message quotes a secret.
"""

from proxy.config.config import SECTIONS, Config, load, parse
from proxy.config.sections import Breaker, ClientKey, ClientTimeout, Provider, Retries, Route
from proxy.config.values import Row, Target
from proxy.config.words import ConfigError

__all__ = [
    "SECTIONS",
    "Breaker",
    "ClientKey",
    "ClientTimeout",
    "Config",
    "ConfigError",
    "Provider",
    "Retries",
    "Route",
    "Row",
    "Target",
    "load",
    "parse",
]
