"""Goal 4: requests that are translated and become jobs in SQLite, against a plain one of the same run."""

from contextlib import ExitStack
from dataclasses import replace

from bench import servers
from bench.chat import requests
from bench.load import CHAT
from bench.measure import PLAIN, Cost, Figure, Run, Turns, cost, in_turn
from bench.process import Process

VIDEO = {"model": "v", "prompt": "A lighthouse at dawn", "seconds": "8", "size": "1280x720"}
_TEXT = replace(PLAIN, body={**CHAT, "model": "t"})
# Seconds to the first poll: half of its time a client waits for that and for the disk.
_SOON = 0.02
# So it takes twice as many to keep the processor as busy as those of a plain chat do. As many leave a quarter of
# it idle, as those of a plain chat do with such pauses: then a request pays for waking it up, too.
_TEXTS = replace(_TEXT, connections=2 * _TEXT.connections)
_RESTED = replace(PLAIN, spread=0.014, pause=0.014)
# With the usual second to the first poll it takes so many. What they cost by themselves is seen beside.
_CROWD = replace(PLAIN, connections=1600)
_PATIENT = replace(_TEXT, connections=_CROWD.connections, spread=0.8)
_CHAT = f"chat by task ({_TEXTS.connections} clients), from create to answer"
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
        text, fewer = proxy("text", poll_min=_SOON), proxy("fewer", poll_min=_SOON)
        plain = proxy("plain")
        others = [proxy(name) for name in ("rested", "crowd", "patient")]
        found = in_turn(
            short,
            [plain, text, fewer, video, *others],
            lambda one: _measured(short, one, run.seconds),
        )
    return [
        _times(_CHAT, found, "text", "plain").at_most(3),
        _times(
            "… 64 clients, against a plain chat that leaves as much of the core idle",
            found,
            "fewer",
            "rested",
        ),
        _times("… 1,600 clients, who wait a second", found, "patient", "plain"),
        _times("… against as many of a plain chat", found, "patient", "crowd"),
        _times("video created", found, "video", "plain").at_most(3),
    ]


def _measured(run: Run, server: Process, long: float) -> Cost:
    """`long`: seconds of load for what takes more than one itself."""
    if server.name == "patient":
        cost(server, replace(_TEXT, connections=50, number=50))
        return cost(server, replace(_PATIENT, seconds=long))
    if server.name == "video":
        cost(server, replace(_CREATE, number=200))
        return cost(server, replace(_CREATE, seconds=run.seconds))
    if server.name == "plain":
        return requests(run, server)
    spec = {"text": _TEXTS, "fewer": _TEXT, "rested": _RESTED, "crowd": _CROWD}[server.name]
    return cost(server, replace(spec, seconds=run.seconds))


def _times(name: str, found: Turns, one: str, plain: str) -> Figure:
    beside = f"{_said(found[one])}; plain {_said(found[plain])}"
    return Figure("4", f"{name}: CPU, times plain", found.ratio(one, plain), "×", beside)


def _said(one: Cost) -> str:
    """A request's cost, how many there were, and how much of the processor that was."""
    return f"{one.cpu:.0f} µs, {one.rate:,.0f}/s, {one.cpu * one.rate / 1e4:.0f} %"
