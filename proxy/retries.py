"""Whether a request is sent to the same target once more, and after how long.

Only where nothing can be paid twice, and only at the last target left: another target is better than
waiting. The pauses have full jitter, so that those who failed together do not come back together.
"""

import random

from proxy.config import Retries
from proxy.failures import Failure

_FIRST = 0.2  # seconds: the longest first pause, which doubles
_LONGEST = 2.0
_SHORTLY = (
    5.0  # seconds of a Retry-After that are waited for here; longer ones are the client's affair
)


def pause_before(failure: Failure, retries: Retries, tried: int) -> float | None:
    """Seconds until the next attempt, after so many; None where there is to be none."""
    jitter = random.uniform(0.0, min(_FIRST * 2 ** (tried - 1), _LONGEST))
    if failure.refused:
        return jitter if tried <= retries.connect else None
    if not failure.busy or tried > retries.busy or (failure.wait or 0.0) > _SHORTLY:
        return None
    return (failure.wait or 0.0) + jitter
