"""Goal 4: requests that are translated and become jobs in SQLite, against a plain one of the same run."""

from contextlib import ExitStack
from dataclasses import replace

from bench import servers
from bench.chat import requests
from bench.load import CHAT
from bench.measure import PLAIN, Cost, Figure, Run, cost, in_turn
from bench.process import Process

VIDEO = {"model": "v", "prompt": "A lighthouse at dawn", "seconds": "8", "size": "1280x720"}
_TEXT = replace(PLAIN, body={**CHAT, "model": "t"})
# Seconds to the first poll: for it and for the disk as many clients as of a plain chat wait half of their time.
_SOON = 0.02
# With twice as many the core is as busy as with those of a plain chat.
_TWICE = replace(_TEXT, connections=2 * _TEXT.connections)
# With the usual second it takes so many more; what they cost by themselves is seen beside.
_CROWD = replace(PLAIN, connections=1600)
_TEXTS = replace(_TEXT, connections=_CROWD.connections, spread=0.8)
_CREATE = replace(PLAIN, path="/v1/videos", body=VIDEO)


def translated(run: Run) -> list[Figure]:
    """Chat by task (ai-gate.one: create, poll, answer) and creating a video (Onysoft), both with SQLite."""
    short = run.shorter()
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))

        def proxy(name: str, **jobs: float) -> Process:
            store = servers.sqlite(run.folder, name)
            made = servers.anygate(run.folder, up.port, name=name, store=store, jobs=jobs)
            return stack.enter_context(made)

        # No poll falls into the time of measuring: creating alone is what the second is asked for.
        video = proxy("video", poll_min=300, poll_max=300)
        text, twice = proxy("text", poll_min=_SOON), proxy("twice", poll_min=_SOON)
        compared = [proxy("plain"), text, twice, video, proxy("crowd"), proxy("texts")]
        found = in_turn(short, compared, lambda one: _measured(short, one, run.seconds))
    plain, texts = found["plain"], found["texts"]
    return [
        _times("chat by task, from create to answer", found["text"], plain).at_most(3),
        _times("… 128 clients, who keep the core as busy", found["twice"], plain),
        _times("… 1,600 clients, who wait a second", texts, plain),
        _times("… against as many of a plain chat", texts, found["crowd"]),
        _times("video created", found["video"], plain).at_most(3),
    ]


def _measured(run: Run, server: Process, long: float) -> Cost:
    """`long`: seconds of load for what takes more than one itself."""
    if server.name == "text":
        return cost(server, replace(_TEXT, seconds=run.seconds))
    if server.name == "twice":
        return cost(server, replace(_TWICE, seconds=run.seconds))
    if server.name == "texts":
        cost(server, replace(_TEXT, connections=50, number=50))
        return cost(server, replace(_TEXTS, seconds=long))
    if server.name == "crowd":
        return cost(server, replace(_CROWD, seconds=run.seconds))
    if server.name == "video":
        cost(server, replace(_CREATE, number=200))
        return cost(server, replace(_CREATE, seconds=run.seconds))
    return requests(run, server)


def _times(name: str, one: Cost, plain: Cost) -> Figure:
    beside = f"{one.cpu:.0f} µs, {one.rate:,.0f}/s; plain {plain.cpu:.0f} µs"
    return Figure("4", f"{name}: CPU, times plain", one.cpu / plain.cpu, "×", beside)
