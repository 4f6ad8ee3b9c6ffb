"""What goes wrong upstream while it soaks: resets, stalls, truncated JSON, bursts of 500, slow drips."""

import random
import time
from collections.abc import Callable

from proxy.sandbox import Sandbox, Seen
from proxy.sandbox.core import Double

READ = 2.0  # seconds that the proxy waits for a piece of an answer (`timeout.read`)
_STALL = READ + 1.0
_BURST, _EVERY = 0.5, 6.0  # seconds of nothing but 500, each so many seconds
# A long answer has no read timeout that a stall could run into within a soak.
_PATIENT = "aigate.shop"


def unleash(sandbox: Sandbox, seed: int) -> None:
    """Rules that go on until `Double.clear`, each for a share of the requests."""
    for place, (name, double) in enumerate(sandbox.doubles.items()):
        chance = random.Random(f"{seed}{name}")
        double.fault("*", times=None, status=500, match=_in_bursts(place * 1.3))
        for kind in ("submit", "chat", "poll", "file"):
            _lines(double, kind, chance)
        _bodies(double, chance)
        if name != _PATIENT:
            double.fault("submit", times=None, late=_STALL, match=_one_in(chance, 150))
        double.fault("chat", times=None, stall_after=1, stall=_STALL, match=_one_in(chance, 120))
        double.fault("chat", times=None, delay=_STALL, match=_one_in(chance, 200))


def _lines(double: Double, kind: str, chance: random.Random) -> None:
    """The connection: cut before and after the work, truncated, dripping."""
    double.fault(kind, times=None, cut="before", match=_one_in(chance, 60))
    double.fault(kind, times=None, cut="after", match=_one_in(chance, 60))
    double.fault(kind, times=None, truncate=20, match=_one_in(chance, 60))
    double.fault(kind, times=None, drip=0.02, match=_one_in(chance, 40))


def _bodies(double: Double, chance: random.Random) -> None:
    """What is said: errors, pages, streams that break off or come in pieces."""
    double.fault("submit", times=None, status=429, match=_one_in(chance, 80))
    double.fault("poll", times=None, status=503, match=_one_in(chance, 30))
    double.fault("poll", times=None, body="<html>", match=_one_in(chance, 40))
    for what in ({"cut_after": 2}, {"error_after": 1}, {"no_done": True}, {"no_finish": True}):
        double.fault("chat", times=None, match=_one_in(chance, 50), **what)  # type: ignore[arg-type]
    double.fault("chat", times=None, split=7, crlf=True, match=_one_in(chance, 30))


def _one_in(chance: random.Random, many: int) -> Callable[[Seen], bool]:
    return lambda seen: chance.randrange(many) == 0


def _in_bursts(offset: float) -> Callable[[Seen], bool]:
    return lambda seen: (time.monotonic() + offset) % _EVERY < _BURST and seen.kind != "other"
