"""Goal 7: how soon it answers, what it takes while idle, and that it does not grow."""

import json
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import replace
from statistics import median

from bench import servers
from bench.load import CHAT, KEY
from bench.measure import MB, PLAIN, STREAM_BODY, Figure, Run, load
from bench.process import Process

_BROKEN = {**STREAM_BODY, "max_tokens": 20, "seed": 5}
_CUT = 3  # chunks after which a stream is broken off


def start(run: Run) -> list[Figure]:
    """From the start of the process to its first answer, and memory after that."""
    times, idle = [], []
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        for _ in range(run.sized(5, quick=2)):
            began = time.perf_counter()
            store = servers.sqlite(run.folder)
            with servers.anygate(run.folder, up.port, store=store) as proxy:
                _first(proxy)
                times.append(time.perf_counter() - began)
                time.sleep(0.5)
                idle.append(proxy.memory() / MB)
    beside = f"the fastest {min(times):.2f} s"
    return [
        Figure("7", "start to the first answer", median(times), "s", beside).at_most(0.7),
        Figure("7", "memory, idle", median(idle), "MB").at_most(70),
    ]


def growth(run: Run) -> list[Figure]:
    """Memory before and after many requests and broken-off streams."""
    requests = run.sized(100_000, long=500_000, quick=20_000)
    streams = run.sized(2_000, long=10_000, quick=500)
    whole = replace(PLAIN, number=requests)
    broken = replace(PLAIN, connections=100, body=_BROKEN, number=streams, cut=_CUT)
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        proxy = stack.enter_context(servers.anygate(run.folder, up.port))
        # In turn: connections that come while those of before are still being closed are the most there are.
        for _ in range(2):
            load(proxy, replace(whole, number=requests // 20))
            load(proxy, replace(broken, number=streams // 8))
        before = proxy.memory()
        load(proxy, replace(whole, number=requests * 9 // 10))
        between = proxy.memory()
        load(proxy, replace(broken, number=streams * 3 // 4))
        grown = (proxy.memory() - before) / MB
    name = f"growth over {requests:,} requests and {streams:,} broken-off streams"
    beside = (
        f"of {before / MB:.0f} MB after the first tenth; requests {(between - before) / MB:+.1f} MB"
    )
    return [Figure("7", name, grown, "MB", beside).at_most(2, "none (≤ 2 MB)")]


def _first(proxy: Process) -> None:
    """Ask until it answers: the socket listens before the application is ready."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{proxy.port}/v1/chat/completions",
        json.dumps(CHAT).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
