"""Goals 1, 2 and 8: what a chat request and a streamed chunk cost, and a thousand streams at once."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from bench import servers
from bench.measure import (
    MB,
    PLAIN,
    STREAM_BODY,
    STREAMS,
    Cost,
    Figure,
    Run,
    cost,
    in_turn,
    load,
)
from bench.process import BenchError, Process

PACED, PACE = 1000, 100  # streams, ms between chunks


def plain(run: Run) -> list[Figure]:
    """CPU a request and memory, against nginx and against what uvicorn and Starlette take alone."""
    run = run.shorter()
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        compared = [
            stack.enter_context(servers.nginx(run.folder, up.port)),
            stack.enter_context(servers.bare(run.folder)),
            stack.enter_context(servers.anygate(run.folder, up.port)),
        ]
        found = in_turn(run, compared, lambda one: requests(run, one))
    ours = found["anygate"]
    figures = [
        Figure("1", "plain chat: CPU a request", ours.cpu, "µs", _rate(ours)),
        Figure("1", "plain chat: memory", ours.memory, "MB"),
        Figure(
            "1",
            "… of which uvicorn and Starlette alone",
            found["uvicorn + Starlette"].cpu,
            "µs",
            _rate(found["uvicorn + Starlette"]),
        ),
    ]
    if "nginx" in found:
        theirs = found["nginx"]
        times = Figure("1", "plain chat: CPU, times nginx's", found.ratio("anygate", "nginx"), "×")
        figures.insert(0, replace(times.at_most(12), beside=f"nginx: {theirs.said('request')}"))
    return figures


def streams(run: Run) -> list[Figure]:
    """CPU a chunk of 200 streams at once, 100 chunks each, 20 ms apart."""
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        compared = [
            stack.enter_context(servers.nginx(run.folder, up.port)),
            stack.enter_context(servers.anygate(run.folder, up.port)),
        ]
        found = in_turn(run, compared, chunks)
    ours = found["anygate"]
    figures = [
        Figure("2", "streamed chunk: CPU", ours.cpu, "µs", f"{ours.memory:.0f} MB"),
    ]
    if "nginx" in found:
        theirs = found["nginx"]
        beside = f"nginx: {theirs.cpu:.1f} µs, {theirs.memory:.0f} MB"
        times = found.ratio("anygate", "nginx")
        figures.insert(
            0, Figure("2", "streamed chunk: CPU, times nginx's", times, "×", beside).at_most(2.5)
        )
    return figures


def paced(run: Run) -> list[Figure]:
    """1,000 streams at once, a chunk every 100 ms: none lost, and how late they come."""
    each = run.sized(100, quick=20)
    body = {**STREAM_BODY, "max_tokens": each, "seed": PACE}
    spec = replace(STREAMS, body=body, connections=PACED, spread=PACE / 1000)
    late, figures = {}, []
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        proxy = stack.enter_context(servers.anygate(run.folder, up.port))
        for one in (stack.enter_context(servers.nginx(run.folder, up.port)), proxy):
            if one is None:
                continue
            before = one.cpu()
            found = load(one, spec, failures=True)
            late[one.name] = found["late99"] * 1000
            share = (one.cpu() - before) / found["seconds"] * 100
            lost = PACED * each - found["due"] + found["failures"]
            if one is proxy:
                figures = [_lost(lost, found["failure"]), _memory(proxy)]
                beside = f"median {found['late50'] * 1000:.1f} ms, {share:.0f} % of the core"
            elif lost:
                raise BenchError(f"nginx lost {lost} chunks: the load is more than core 1 carries")
    beyond = late["anygate"] - late.get("nginx", 0.0)
    what = Figure("2", "… lateness, 99th percentile beyond nginx's", beyond, "ms", beside)
    return [*figures, what.at_most(50)]


# Seconds from an answer to a connection's next request: half of what the processor can do.
_PAUSE = 0.02


def workers(run: Run) -> list[Figure]:
    """CPU a request and a chunk with two workers, against one with the same store and as much to do as each.

    They have one processor here: what it costs that both want more of it than there is stands beside it.
    """
    run = run.shorter()

    def apart(one: Process) -> Cost:
        return requests(run, one, times=_workers(one), pause=_PAUSE)

    def competing(one: Process) -> Cost:
        return requests(run, one, times=_workers(one))

    def streaming(one: Process) -> Cost:
        return chunks(one, times=_workers(one))

    compared: tuple[tuple[str, Callable[[Process], Cost], bool], ...] = (
        ("request", apart, True),
        ("chunk", streaming, True),
        ("request while they compete for one processor", competing, False),
    )
    figures = []
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        made = {}
        for number in (1, 2):
            name = f"workers-{number}"
            store = servers.sqlite(run.folder, name)
            made[name] = stack.enter_context(
                servers.anygate(run.folder, up.port, name=name, workers=number, store=store)
            )
        for what, measure, goal in compared:
            found = in_turn(run, list(made.values()), measure)
            times = found.ratio("workers-2", "workers-1")
            beside = " against ".join(f"{found[name].cpu:.1f} µs" for name in reversed(made))
            one = Figure("8", f"two workers: CPU a {what}, times that of one", times, "×", beside)
            figures.append(one.at_most(1.1, "unchanged (≤ 1.1 ×)") if goal else one)
    return figures


def requests(run: Run, server: Process, times: int = 1, pause: float = 0.0) -> Cost:
    """Plain chat over 64 connections, or some times as many, after a moment to warm up."""
    load(server, replace(PLAIN, connections=8, seconds=0.3))
    many = replace(PLAIN, connections=times * PLAIN.connections, spread=pause, pause=pause)
    return cost(server, replace(many, seconds=run.seconds))


def chunks(server: Process, times: int = 1) -> Cost:
    many = replace(STREAMS, connections=times * STREAMS.connections, number=times * STREAMS.number)
    return cost(server, many, per="chunks")


def _workers(server: Process) -> int:
    return int(server.name.rpartition("-")[2])


def _rate(one: Cost) -> str:
    return f"{one.rate:,.0f}/s"


def _lost(lost: int, why: str) -> Figure:
    return Figure("2", "1,000 streams at once: lost chunks", lost, "", why).at_most(0, "0")


def _memory(server: Process) -> Figure:
    return Figure("2", "… memory", server.memory() / MB, "MB").at_most(150)
