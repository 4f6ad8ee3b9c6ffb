"""Ids that sort by time and cannot be guessed."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as its numbers do
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
_PLACES = range(50, -1, -10)  # bits of two characters each
_RANDOM = 12  # bytes


def new_id(prefix: str, now: float | None = None) -> str:
    """An id that sorts by time and cannot be guessed: "video_" + 11 characters of µs + 96 random bits."""
    micros = int((time.time() if now is None else now) * 1_000_000)
    time_of_it = "".join([_PAIRS[micros >> place & 1023] for place in _PLACES])[1:]
    return f"{prefix}_{time_of_it}{os.urandom(_RANDOM).hex()}"


def sort_key(job_id: str) -> str:
    """The part of an id that sorts by time, whatever its prefix."""
    return job_id.rpartition("_")[2]
