"""`python -m bench.peers`: other gateways beside Anygate and nginx, under the same load, in one run.

Each is set up once in an environment of its own under .bench/; one that cannot be is left out, and why is
printed. One worker each, with keys, metrics and access log as Anygate where its documentation has them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import yaml

from bench import plot, report, servers
from bench.load import KEY, Spec
from bench.measure import PLAIN, STREAMS, Cost, Figure, Run, Turns, cost, in_turn, load
from bench.process import LOAD, ROOT, SERVER, BenchError, Process, free_port, serving

HOME = ROOT / ".bench"
_TARGETS = {"LiteLLM": 75, "Portkey": 5}  # times their throughput of plain chat


@dataclass(frozen=True)
class Peer:
    """`needs`: commands that set it up, `install`: that do; `version`: one that prints it; `start`: its command
    for (folder, port, upstream); `model` and `headers`: how it is asked for what is `m` at Anygate."""

    name: str
    needs: tuple[str, ...]
    install: Sequence[Sequence[str]]
    made: Path
    version: Sequence[str]
    start: Callable[[Path, int, int], list[str]]
    model: str = "m"
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Callable[[int], dict[str, str]] = lambda upstream: {"authorization": f"Bearer {KEY}"}


def _litellm(folder: Path, port: int, upstream: int) -> list[str]:
    model = {
        "model": "openai/m",
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "sk-bench-gateway",
    }
    path = folder / "litellm.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "model_list": [{"model_name": "m", "litellm_params": model}],
                "general_settings": {"master_key": KEY},
                "litellm_settings": {"telemetry": False, "callbacks": ["prometheus"]},
            }
        )
    )
    command = [f"{_LITELLM}/bin/litellm", "--config", str(path), "--host", "127.0.0.1"]
    return [*command, "--port", str(port)]


def _portkey(folder: Path, port: int, upstream: int) -> list[str]:
    return ["node", str(_PORTKEY), f"--port={port}", "--headless"]


def _portkey_headers(upstream: int) -> dict[str, str]:
    return {
        "authorization": f"Bearer {KEY}",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
    }


def _bifrost(folder: Path, port: int, upstream: int) -> list[str]:
    own = folder / "bifrost"
    own.mkdir(exist_ok=True)
    key = {"name": "bench", "value": "sk-bench-gateway", "models": ["*"], "weight": 1.0}
    network = {"base_url": f"http://127.0.0.1:{upstream}"}
    settings = {
        "providers": {"openai": {"keys": [key], "network_config": network}},
        "config_store": {"enabled": False},
    }
    (own / "config.json").write_bytes(orjson.dumps(settings))
    command = [str(HOME / "bin" / "bifrost-http"), "-app-dir", str(own), "-host", "127.0.0.1"]
    return [*command, "-port", str(port), "-log-level", "error"]


_PORTKEY = (
    HOME / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
)
_LITELLM = HOME / "litellm"
_LITELLM_VERSION = "from importlib.metadata import version; print(version('litellm'))"
_BIFROST_VERSION = f"go version -m {HOME}/bin/bifrost-http | awk '$1 == \"mod\" {{print $3}}'"
PEERS = (
    Peer(
        "LiteLLM",
        (sys.executable,),
        (
            (sys.executable, "-m", "venv", str(_LITELLM)),
            (f"{_LITELLM}/bin/pip", "install", "-q", "litellm[proxy]", "prometheus-client"),
        ),
        _LITELLM / "bin" / "litellm",
        (f"{_LITELLM}/bin/python", "-c", _LITELLM_VERSION),
        _litellm,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    ),
    Peer(
        "Portkey",
        ("node", "npm"),
        (("npm", "install", "--silent", "--prefix", str(HOME / "portkey"), "@portkey-ai/gateway"),),
        _PORTKEY,
        ("node", "-p", f"require('{_PORTKEY.parent.parent / 'package.json'}').version"),
        _portkey,
        headers=_portkey_headers,
    ),
    Peer(
        "Bifrost",
        ("go",),
        (("go", "install", "github.com/maximhq/bifrost/transports/bifrost-http@latest"),),
        HOME / "bin" / "bifrost-http",
        ("sh", "-c", _BIFROST_VERSION),
        _bifrost,
        model="openai/m",
        # the variables of the Go toolchain: everything of it stays below
        env={"GOPATH": str(HOME / "go"), "GOBIN": str(HOME / "bin"), "GOFLAGS": "-modcacherw"},
    ),
)


def main() -> int:
    os.environ["PATH"] += ":/usr/local/go/bin"  # where Go's own archive puts it
    HOME.mkdir(exist_ok=True)
    there = [peer for peer in PEERS if _set_up(peer)]
    if len(os.sched_getaffinity(0)) < 2:
        print("the benchmarks want two processors", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {LOAD})
    began = time.monotonic()
    quick = "--quick" in sys.argv
    with tempfile.TemporaryDirectory(dir=HOME, prefix="run-") as name, ExitStack() as stack:
        run = Run(Path(name), rounds=1 if quick else 7, seconds=1.0 if quick else 2.5)
        try:
            figures = compare(run, there, stack)
        except BenchError as exc:
            print(exc, file=sys.stderr)
            return 1
    print(f"\n{report.table(figures)}\n")
    if not quick:
        machine = servers.versions() | _versions(there)
        report.write("peers", figures, machine, time.monotonic() - began)
        plot.write()
    return 0


def _set_up(peer: Peer) -> bool:
    """Whether it is there, or can be made to be; prints why not."""
    if peer.made.exists():
        return True
    missing = [one for one in peer.needs if not shutil.which(one)]
    if missing:
        print(f"{peer.name} is left out: no {', '.join(missing)} here")
        return False
    print(f"setting {peer.name} up under .bench/ …", flush=True)
    for command in peer.install:
        env = {**os.environ, **peer.env}
        done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=HOME)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-3:]
            print(f"{peer.name} is left out: {' '.join(command[:3])} …:", *said, sep="\n  ")
            return False
    return peer.made.exists()


def _versions(there: Sequence[Peer]) -> dict[str, str]:
    return {
        peer.name: subprocess.run(peer.version, capture_output=True, text=True).stdout.strip()
        for peer in there
    }


def compare(run: Run, peers: Sequence[Peer], stack: ExitStack) -> list[Figure]:
    """Plain chat and streams of all that can be started, in turn."""
    up = stack.enter_context(servers.gateway(run.folder))
    asks: dict[str, Callable[[Spec], Spec]] = {}
    made: list[Process | None] = [
        stack.enter_context(servers.nginx(run.folder, up.port)),
        stack.enter_context(servers.anygate(run.folder, up.port)),
    ]
    for peer in peers:
        try:
            server = stack.enter_context(_started(run, peer, up.port))
            made.append(replace(server, foreign=True))
            asks[peer.name] = lambda spec, peer=peer: _asked(spec, peer, up.port)
        except BenchError as exc:
            print(f"left out: {exc}")
            continue
        # the first requests of some take seconds; whether they fail is seen when it is measured
        load(server, asks[peer.name](replace(PLAIN, number=20, connections=2)), failures=True)

    def measured(server: Process, spec: Spec, per: str) -> Cost:
        return cost(server, asks.get(server.name, lambda one: one)(spec), per)

    whole = replace(PLAIN, seconds=run.seconds)
    plain = in_turn(run, made, lambda one: measured(one, whole, "answers"))
    once = replace(run, rounds=1)  # the slowest takes half a minute for it
    streamed = in_turn(once, made, lambda one: measured(one, STREAMS, "chunks"))
    return [*_figures(plain), *_chunks(streamed)]


def _started(run: Run, peer: Peer, upstream: int) -> AbstractContextManager[Process]:
    port = free_port()
    command = peer.start(run.folder, port, upstream)
    return serving(peer.name, command, port, cpu=SERVER, folder=run.folder, env=peer.env)


def _asked(spec: Spec, peer: Peer, upstream: int) -> Spec:
    return replace(spec, headers=peer.headers(upstream), body={**spec.body, "model": peer.model})


def _figures(plain: Turns) -> list[Figure]:
    figures = [Figure("1", f"plain chat: {n}", c.cpu, "µs", _said(c)) for n, c in plain.items()]
    for name, factor in _TARGETS.items():
        if name in plain:
            rate = plain.ratio("anygate", name, lambda one: one.rate)
            times = Figure("1", f"throughput, times {name}'s", rate, "×")
            figures.append(times.at_least(factor))
    return figures


def _chunks(streamed: Mapping[str, Cost]) -> list[Figure]:
    return [
        Figure("2", f"streamed chunk: {name}", one.cpu, "µs", f"{one.memory:.0f} MB")
        for name, one in streamed.items()
    ]


def _said(one: Cost) -> str:
    return f"{one.rate:,.0f}/s, {one.memory:.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
