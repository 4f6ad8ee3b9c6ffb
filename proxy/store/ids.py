"""Ids that sort by time and cannot be guessed."""

import os
import time
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as its numbers do
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
_FAST = 20  # bits of µs that change all the time: the others do each second
_RANDOM = 12  # bytes
_POOL = 256  # ids for which randomness is drawn at once: a call lets go of the interpreter, which costs more

_drawn: list[str] = []  # what is left of that, each used once


def new_id(prefix: str, now: float | None = None) -> str:
    """An id that sorts by time and cannot be guessed: "video_" + 11 characters of µs + 96 random bits."""
    micros = int((time.time() if now is None else now) * 1_000_000)
    high, low = _slow(micros >> _FAST), micros & (1 << _FAST) - 1
    return f"{prefix}_{high}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}{_random()}"


@lru_cache(maxsize=2)
def _slow(bits: int) -> str:
    """What an id begins with for a second."""
    return "".join([_PAIRS[bits >> place & 1023] for place in (30, 20, 10, 0)])[1:]


def _random() -> str:
    if not _drawn:
        drawn = os.urandom(_RANDOM * _POOL).hex()
        size = 2 * _RANDOM
        _drawn.extend([drawn[at : at + size] for at in range(0, len(drawn), size)])
    return _drawn.pop()


def sort_key(job_id: str) -> str:
    """The part of an id that sorts by time, whatever its prefix."""
    return job_id.rpartition("_")[2]


# Two processes must not have the same.
os.register_at_fork(after_in_child=_drawn.clear)
