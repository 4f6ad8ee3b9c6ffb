"""How long what has come out of the queue may take."""

import time

from proxy.store.base import Due

_ANSWERED = 0.75  # of its lease: by then a call is over, and its answer stored, or it is made again


def seconds_for(due: Due, lease: float) -> float | None:
    """Seconds for the whole of a call, whatever the clock says; None where too little of its lease is left for
    one: whoever finds it run out has time enough."""
    left = due.until - time.time()
    if left > lease:
        left = lease
    return None if left < lease / 8 else left * _ANSWERED
