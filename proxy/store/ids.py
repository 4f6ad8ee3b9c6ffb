"""Ids that sort by time and cannot be guessed."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as its numbers do
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]


_TIME_CHARACTERS = 11


_RANDOM_CHARACTERS = 18  # 90 bits


def new_id(prefix: str, now: float | None = None) -> str:
    """An id that sorts by time and cannot be guessed: "video_" + 11 characters of µs + 90 random bits."""
    micros = int((time.time() if now is None else now) * 1_000_000)
    return f"{prefix}_{_base32(micros, _TIME_CHARACTERS)}{_base32(secrets.randbits(90), _RANDOM_CHARACTERS)}"


def sort_key(job_id: str) -> str:
    """The part of an id that sorts by time, whatever its prefix."""
    return job_id.rpartition("_")[2]


def _base32(number: int, width: int) -> str:
    pairs = range((width - 1) // 2 * 10, -1, -10)
    return "".join([_PAIRS[number >> place & 1023] for place in pairs])[-width:]
