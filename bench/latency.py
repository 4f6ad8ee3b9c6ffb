"""Goal 3: what the proxy adds to a request that has it to itself."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from bench import servers
from bench.measure import PLAIN, STREAM_BODY, Figure, Run, load
from bench.process import Process

_SHORT = {**STREAM_BODY, "max_tokens": 3, "seed": 0}


def latency(run: Run) -> list[Figure]:
    """Median of requests one after the other: to the whole answer, and to a stream's first event."""
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        compared = [
            up,
            stack.enter_context(servers.nginx(run.folder, up.port)),
            stack.enter_context(servers.anygate(run.folder, up.port)),
        ]
        there = [one for one in compared if one is not None]
        whole = _medians(run, there, "median", {})
        first = _medians(run, there, "first", {"body": _SHORT})
    return [
        _added("plain chat: added latency, median", whole),
        _added("stream: added to the first byte, median", first),
    ]


def _medians(
    run: Run, there: list[Process], what: str, body: Mapping[str, object]
) -> Mapping[str, float]:
    """ms by the server's name."""
    spec = replace(PLAIN, connections=1, number=run.sized(1500), **body)
    rounds: dict[str, list[float]] = {one.name: [] for one in there}
    for _ in range(run.rounds):
        for one in there:
            rounds[one.name].append(load(one, spec)[what] * 1000)
    return {name: min(medians) for name, medians in rounds.items()}


def _added(name: str, found: Mapping[str, float]) -> Figure:
    direct = found["upstream"]
    beside = f"directly {direct:.3f} ms"
    if "nginx" in found:
        beside += f"; nginx adds {found['nginx'] - direct:.3f} ms"
    return Figure("3", name, found["anygate"] - direct, "ms", beside).at_most(0.35)
