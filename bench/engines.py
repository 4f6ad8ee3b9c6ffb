"""`python -m bench.engines`: client engines behind httpx's transport interface, compared.

httpx's own, httpx-aiohttp and pyreqwest's stand in an environment of their own, .bench/engines; ours is
measured there too. Engine on processor 0, gateway on processor 1, medians of rounds in turn.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import report, servers
from bench.process import LOAD, ROOT, SERVER, BenchError, free_port, python, run_pinned, serving

HOME = ROOT / ".bench" / "engines"
_NEEDS = ("httpx", "uvloop", "httptools", "orjson", "httpx-aiohttp", "pyreqwest")
_ENGINES = ("own", "httpx", "httpx-aiohttp", "pyreqwest")
_TITLES = {"own": "`Http1Transport`", "httpx": "httpx's own"}

Found = Mapping[str, Mapping[str, Any]]  # task → what it found


def main() -> int:
    if len(os.sched_getaffinity(0)) < 2:
        print("the benchmarks want two processors", file=sys.stderr)
        return 2
    quick = "--quick" in sys.argv
    if quick:
        os.environ["BENCH_REQUESTS"] = "1000"
    try:
        _set_up()
        os.sched_setaffinity(0, {LOAD})
        found = measured(rounds=1 if quick else 3)
    except BenchError as exc:
        print(exc, file=sys.stderr)
        return 1
    text = table(found)
    print(text)
    if not quick:
        report.RESULTS.mkdir(exist_ok=True)
        path = report.RESULTS / "engines.json"
        path.write_text(json.dumps(found, indent=1) + "\n")
        report.into_page("engines", text)
    return 0


def _set_up() -> None:
    if (HOME / ".made").exists():
        return
    print("setting the engines up under .bench/ …", flush=True)
    HOME.parent.mkdir(exist_ok=True)
    pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", *_NEEDS]
    for command in ([sys.executable, "-m", "venv", str(HOME)], pip):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"{' '.join(command[:4])} … failed:\n{done.stderr[-2000:]}")
    (HOME / ".made").touch()


def measured(rounds: int) -> dict[str, Found]:
    """Engine → task → its medians; what an engine does when things go wrong is looked at once."""
    seen: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in _ENGINES}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        up = stack.enter_context(servers.gateway(Path(name)))
        port = free_port()
        files = [
            str(ROOT / "tests" / "certificates" / f"localhost.{end}") for end in ("pem", "key")
        ]
        command = python("bench.upstream", str(port), *files)
        stack.enter_context(serving("tls", command, port, cpu=LOAD, folder=Path(name)))
        for turn in range(rounds):
            for task in ("plain", "tls", "streams", "idle", "behaviour"):
                if task == "behaviour" and turn:
                    continue
                for engine in _ENGINES:
                    at = port if task == "tls" else up.port
                    seen[engine].setdefault(task, []).append(_one(engine, task, at))
    return {
        engine: {task: _middle(found) for task, found in tasks.items()}
        for engine, tasks in seen.items()
    }


def _one(engine: str, task: str, port: int) -> dict[str, Any]:
    command = [str(HOME / "bin" / "python"), "-m", "bench.engine", engine, task, str(port)]
    found: dict[str, Any] = json.loads(run_pinned(command, cpu=SERVER, timeout=120))
    return found


def _middle(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: round(median(one[name] for one in found), 1)
        if len(found) > 1 or isinstance(value, float)
        else value
        for name, value in found[0].items()
    }


def _in_time(value: float | None) -> str:
    return "not within 2 s" if value is None else f"{value:.0f} ms"


_LINES: Sequence[tuple[str, Callable[[Found], str]]] = (
    ("plain request, 64 at once: CPU", lambda one: f"{one['plain']['cpu']:.0f} µs"),
    ("… memory of the process", lambda one: f"{one['plain']['memory']:.0f} MB"),
    ("the same over TLS: CPU", lambda one: f"{one['tls']['cpu']:.0f} µs"),
    ("streamed chunk, 200 streams: CPU", lambda one: f"{one['streams']['cpu']:.1f} µs"),
    ("… memory of the process", lambda one: f"{one['streams']['memory']:.0f} MB"),
    ("an open, silent stream: memory", lambda one: f"{one['idle']['each']:.1f} KB"),
    (
        "first of 10 chunks, 100 ms apart, after ¹",
        lambda one: f"{one['behaviour']['first']:.0f} ms",
    ),
    ("connections for 1,000 requests in turn", lambda one: str(one["behaviour"]["connections"])),
    (
        "a stream closed: the gateway sees it after",
        lambda one: _in_time(one["behaviour"]["closed"]),
    ),
    ("its reader cancelled: … after", lambda one: _in_time(one["behaviour"]["cancelled"])),
    ("read timeout before the answer", lambda one: f"`{one['behaviour']['silent']}`"),
    ("read timeout within the body", lambda one: f"`{one['behaviour']['stalled']}`"),
    ("connection refused", lambda one: f"`{one['behaviour']['refused']}`"),
    ("cut after the request was sent", lambda one: f"`{one['behaviour']['unanswered']}`"),
    ("cut within the body", lambda one: f"`{one['behaviour']['cut']}`"),
    (
        "proxy from the environment, by itself",
        lambda one: "yes" if one["behaviour"]["proxy"] else "no",
    ),
)


_NOTE = (
    "¹ of the transport as it is. pyreqwest's holds a stream back until its end or 64 KiB: for the other lines"
    " it was changed to hand on each piece. Its TLS was measured without checking the certificate."
)


def table(found: Mapping[str, Found]) -> str:
    """Markdown, a column an engine."""
    names = [_TITLES.get(engine, engine) for engine in found]
    lines = [f"| | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    lines += [
        f"| {title} | {' | '.join(cell(one) for one in found.values())} |" for title, cell in _LINES
    ]
    return "\n".join([*lines, "", _NOTE])


if __name__ == "__main__":
    sys.exit(main())
