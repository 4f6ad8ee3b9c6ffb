"""The numbers of a config: counts, dollars and durations, each with the most that it may be."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from proxy.config.words import Bad

UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# What no setting needs more of, and what every store and clock can still hold.
MOST: Final = 10**9
LONGEST: Final = 36_500 * int(UNITS["d"])


def as_number(value: object) -> object:
    if isinstance(value, bool):  # pydantic would take true as 1
        raise Bad("must be a number, not true or false")
    return value


def _seconds(value: object) -> object:
    """ "90s", "15m", "12h", "7d" → seconds; numbers, also as text, are seconds already."""
    if isinstance(value, str) and (match := re.fullmatch(r"([0-9.]+)\s*([smhd]?)", value.strip())):
        try:
            return float(match[1]) * UNITS[match[2] or "s"]
        except ValueError:
            pass
    if isinstance(value, str):
        raise Bad("must be seconds, or a number with s, m, h or d as in 90s; not {}", value)
    return as_number(value)


Count = Annotated[int, BeforeValidator(as_number), Field(ge=1, le=MOST)]
Money = Annotated[float, BeforeValidator(as_number), Field(ge=0, le=MOST)]  # USD
Share = Annotated[float, BeforeValidator(as_number), Field(gt=0, le=MOST)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=LONGEST)]
Delay = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=LONGEST)]
