"""The one place that takes secrets out of what leaves the process: answers, logs, metrics, traces."""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

MASK = "[redacted]"
SHORTEST = 6  # characters of a secret: shorter ones ("none") would garble what is shown


class Redactor:
    """Replaces every known secret, plain or percent-encoded, wherever it stands in a text.

    `before`: one that this replaces, whose secrets stay: what was asked with them may still be answered.
    """

    def __init__(self, secrets: Iterable[str], before: "Redactor | None" = None) -> None:
        known = () if before is None else before._secrets
        self._secrets: frozenset[str] = frozenset(secrets).union(known)
        forms = {
            form for secret in self._secrets if secret for form in (secret, quote(secret, safe=""))
        }
        # The longest first: a key may begin with another.
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._only = ordered[0] if len(ordered) == 1 else None

    def text(self, value: str) -> str:
        if self._only is not None:  # found at a tenth of what the pattern takes
            return value.replace(self._only, MASK)
        return self._pattern.sub(MASK, value) if self._pattern else value

    def holds(self, value: str) -> bool:
        """Whether a secret stands in the text."""
        return bool(self._pattern and self._pattern.search(value))


def masked(data: bytes, key: str) -> bytes:
    """A gateway's bytes without its own key: for what passes through, where looking for all costs too much."""
    wanted = key.encode()
    return data.replace(wanted, MASK.encode()) if len(key) >= SHORTEST and wanted in data else data


def unkeyed(text: str, key: str) -> str:
    """A gateway's text without its own key."""
    return _of_one(key).text(text) if len(key) >= SHORTEST else text


@lru_cache(maxsize=256)
def _of_one(key: str) -> Redactor:
    return Redactor([key])
