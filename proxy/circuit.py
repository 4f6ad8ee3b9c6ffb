"""Whether one thing that fails is asked again: a target, or the connection to a provider.

A circuit is closed while all is well. So many failures in a row open it: it is passed over until a pause is
over. Then it is half open: one request at a time may try, the first that succeeds closes it, and each that
fails doubles the pause. Where a gateway itself says when to come back, that is when.
"""

import random
import time
from collections.abc import Callable

from proxy.config import Breaker
from proxy.failures import Failure

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
STATES = (CLOSED, OPEN, HALF_OPEN)

_JITTER = 0.1  # of a pause: workers and replicas do not come back together
_LONGEST_WAIT = 3600.0  # seconds that a Retry-After is believed, and the end of a probe waited for


class Circuit:
    """`clock()`: seconds, never going back; `chance()`: from 0 to 1."""

    __slots__ = (
        "_chance",
        "_clock",
        "_config",
        "_failures",
        "_generation",
        "_last",
        "_pause",
        "_probe",
        "_probe_until",
        "_until",
        "failed_at",
        "failed_by",
    )

    def __init__(
        self,
        config: Breaker | None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._clock = clock
        self._chance = chance
        self._failures = 0
        # Counts openings and probes: what began before the last says nothing of what is now.
        self._generation = 0
        self._last = 0.0  # when it failed, by the clock
        self._pause = 0.0
        self._probe = -1  # the generation of the probe that is under way
        self._probe_until = 0.0
        self._until: float | None = None  # while it is not closed: when it may be probed
        self.failed_at: float | None = None  # Unix seconds
        self.failed_by: str | None = None

    @property
    def state(self) -> str:
        if self._until is None:
            return CLOSED
        return OPEN if self._clock() < self._until else HALF_OPEN

    @property
    def next_probe_at(self) -> float | None:
        """Unix seconds, while it is open."""
        return None if self._until is None else time.time() + self._until - self._clock()

    def admits(self) -> bool:
        """Whether its target should be asked while there is another."""
        if self._until is None:
            return True
        now = self._clock()
        return now >= self._until and not self._probed(now)

    def begin(self) -> int:
        """Its target is asked now, probe or not; gives what the end is told with."""
        if self._config is None or self._until is None:
            return self._generation
        now = self._clock()
        if self._probed(now):
            return self._generation - 1  # not the probe: there was nothing else to ask
        if now >= self._until:
            self._generation += 1
            self._probe = self._generation
            # Should its end never be told, another may try after that.
            self._probe_until = now + _LONGEST_WAIT
        return self._generation

    def good(self, began: int) -> None:
        """It answered: that closes the circuit, unless it was asked before what opened that."""
        if self._until is None:
            self._failures = 0
        elif began == self._generation:
            self._until, self._failures, self._pause, self._probe = None, 0, 0.0, -1

    def answers(self, began: int) -> None:
        """It has begun to answer: a probe is good by that, others by their end."""
        if began == self._probe:
            self.good(began)

    def left(self, began: int) -> None:
        """The end says nothing of the target: its client went away, or our own limit was met."""
        if began == self._probe:
            self._probe = -1

    def failed(self, began: int, failure: Failure) -> None:
        """It did not answer, or not well."""
        self.failed_by, self.failed_at = failure.kind, time.time()
        config, now = self._config, self._clock()
        streak = config is not None and now - self._last <= config.window
        self._last = now
        if config is None:
            return
        if failure.wait is not None:
            self._open(max(self._until or 0.0, now + min(failure.wait, _LONGEST_WAIT)))
        elif self._until is None:
            self._failures = self._failures + 1 if streak else 1
            if self._failures >= config.failures:
                self._pause = config.pause
                self._open(now + self._jittered())
        elif began == self._generation and now >= self._until:
            self._pause = min(2 * self._pause or config.pause, config.max_pause)
            self._open(now + self._jittered())

    def _open(self, until: float) -> None:
        self._until = until
        self._generation += 1
        self._failures, self._probe = 0, -1

    def _jittered(self) -> float:
        return self._pause * (1.0 - _JITTER * self._chance())

    def _probed(self, now: float) -> bool:
        return self._probe >= 0 and now < self._probe_until
