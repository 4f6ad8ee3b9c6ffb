"""How long what has come out of the queue may take, and how long it is ours."""

import time

from proxy.store.base import Due

_ENOUGH = 0.75  # of a lease: with less of it left when a poll begins, there is a new one
_ANSWERED = 0.75  # of its lease: by then a call is over, and its answer stored, or it is made again


def seconds_for(due: Due, lease: float) -> float | None:
    """Seconds for the whole of a call, whatever the clock says; None where too little of its lease is left for
    one: whoever finds it run out has time enough."""
    left = due.until - time.time()
    if left > lease:
        left = lease
    return None if left < lease / 8 else left * _ANSWERED


def leased_until(at: float, held: float, lease: float) -> float:
    """When the lease of a task that its worker polls `at` then ends (Unix seconds): the one that it has, `held`
    until then, or a new one where too little would be left of that."""
    new = time.time() + lease
    until = min(held, new)  # the clock may have been set back
    return new if until - at < lease * _ENOUGH else until
