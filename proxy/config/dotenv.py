"""A `.env` file: comments, `export`, quotes; no interpolation."""

import re
from typing import Final

from proxy.config.words import ConfigError

_DOTENV: Final = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*=(?P<value>.*)", re.A)


_QUOTED: Final = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")


_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def dotenv(text: str, name: str) -> dict[str, str]:
    """A `.env` file's variables: comments, `export`, single and double quotes, no interpolation.

    Raises `ConfigError` with the line, never its content.
    """
    found, problems = {}, []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        match = _DOTENV.fullmatch(line)
        if match:
            value = _unquoted(match["value"])
            if value is not None:
                found[match["name"]] = value
                continue
            problems.append(f"{name}:{number}: {match['name']}: the quotes do not match")
        elif line and not line.startswith("#"):
            problems.append(f"{name}:{number}: must be NAME=value")
    if problems:
        raise ConfigError(problems)
    return found


def _unquoted(raw: str) -> str | None:
    value = raw.strip()
    if value[:1] not in ("'", '"'):
        return re.sub(r"\s#.*", "", raw).strip()
    match = _QUOTED.fullmatch(value)
    if match is None or match[2] is None:
        return match and match[1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match[2])
