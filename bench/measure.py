"""How a figure comes about: load on a server, its CPU time meanwhile, the middle of rounds in turn."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import CHAT, Spec
from bench.process import BenchError, Process, python, run_pinned

MB = 1e6


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks. `folder`: for logs and stores; `rounds`: of which a figure is the middle one;
    `seconds`: of load in each; `long`: the full numbers instead of shorter ones; `quick`: only to see it work.
    """

    folder: Path
    rounds: int = 5
    seconds: float = 3.0
    long: bool = False
    quick: bool = False

    def shorter(self) -> "Run":
        """Three rounds for each, a third as long: what else runs on a machine comes and goes."""
        return replace(self, rounds=3 * self.rounds, seconds=self.seconds / 3)

    def sized(self, usual: int, *, long: int | None = None, quick: int | None = None) -> int:
        """How many of something in this form of the run."""
        if self.quick:
            return usual // 20 if quick is None else quick
        return long if self.long and long is not None else usual


@dataclass(frozen=True)
class Figure:
    """One measured value. `goal`: its number in the list of targets; `good`: None where there is no target."""

    goal: str
    name: str
    value: float
    unit: str
    beside: str = ""
    target: str = ""
    good: bool | None = None

    def at_most(self, most: float, said: str = "") -> "Figure":
        return replace(self, target=said or f"≤ {most:g} {self.unit}", good=self.value <= most)

    def at_least(self, least: float, said: str = "") -> "Figure":
        return replace(self, target=said or f"≥ {least:g} {self.unit}", good=self.value >= least)


@dataclass(frozen=True)
class Cost:
    """What a server spent. `cpu`: µs each; `rate`: a second; `memory`: MB resident after it."""

    cpu: float
    rate: float
    memory: float

    def said(self, unit: str) -> str:
        return f"{self.cpu:.1f} µs a {unit}, {self.rate:,.0f}/s, {self.memory:.0f} MB"


Load = Callable[[Process], tuple[float, Cost]]
_JSON = {"authorization": "Bearer sk-bench-client"}

PLAIN = Spec(0, connections=64)
STREAM_BODY = {**CHAT, "stream": True, "max_tokens": 100, "seed": 20}
STREAMS = Spec(0, connections=200, body=STREAM_BODY, spread=0.02)


def load(server: Process, spec: Spec, *, failures: bool = False) -> dict[str, Any]:
    """What the clients saw; raises BenchError for a failed request unless `failures` may be."""
    said = json.dumps(asdict(replace(spec, port=server.port)))
    found: dict[str, Any] = json.loads(run_pinned(python("bench.load", said)))
    if found["failures"] and not failures:
        raise BenchError(
            f"{server.name}: {found['failures']} of {found['answers']} requests failed; the first: "
            f"{found['failure']}"
        )
    return found


def cost(server: Process, spec: Spec, per: str = "answers") -> Cost:
    """CPU time of the server an answer, or a chunk (`chunks`), under this load."""
    before = server.cpu()
    found = load(server, spec)
    spent = server.cpu() - before
    number = found[per]
    if not number:
        raise BenchError(f"{server.name} gave no {per}")
    return Cost(spent / number * 1e6, number / found["seconds"], server.memory() / MB)


class Turns(Mapping[str, Cost]):
    """What servers spent in rounds that went through all of them: of each, the round in the middle.

    A shared machine is a quarter faster in some seconds than in others: the fastest of each would compare their
    luck. So a ratio is of what two spent in the same round, and the middle one of these.
    """

    def __init__(self, rounds: Mapping[str, Sequence[Cost]]) -> None:
        self._rounds = rounds

    def __getitem__(self, name: str) -> Cost:
        costs = sorted(self._rounds[name], key=lambda one: one.cpu)
        return replace(costs[len(costs) // 2], memory=median(one.memory for one in costs))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rounds)

    def __len__(self) -> int:
        return len(self._rounds)

    def ratio(
        self, name: str, other: str, of: Callable[[Cost], float] = lambda one: one.cpu
    ) -> float:
        """How many times as much CPU, or what else is asked for; NaN where the other was not measured."""
        pairs = zip(self._rounds[name], self._rounds.get(other, ()), strict=False)
        found = [of(one) / of(theirs) for one, theirs in pairs if of(theirs)]
        return median(found) if found else math.nan


def in_turn(
    run: Run, servers: Sequence[Process | None], measure: Callable[[Process], Cost]
) -> Turns:
    """Each round goes through all servers, by their names.

    A server of others that fails is left out, and why is printed; of ours it is a BenchError.
    """
    there = [one for one in servers if one is not None]
    rounds: dict[str, list[Cost]] = {one.name: [] for one in there}
    for _ in range(run.rounds):
        for one in tuple(there):
            try:
                rounds[one.name].append(measure(one))
            except BenchError as exc:
                if not one.foreign:
                    raise
                there.remove(one)
                del rounds[one.name]
                print(f"left out: {exc}")
    return Turns(rounds)
