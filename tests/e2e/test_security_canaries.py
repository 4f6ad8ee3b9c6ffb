"""Keys that stand out, in every place where the config takes one, and then searched for wherever anything is
written: the whole process at its most talkative, through success and every kind of failure."""

import contextlib
import os
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, PASSING, ROWS, body
from tests.e2e.test_secrets import echoes
from tests.eventually import eventually
from tests.harness import ProxyProcess, config_for, write
from tests.wire import PNG, ended

CLIENT, METRICS = "sk-canary-client/+=", "sk-canary-metrics"
HOOK = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk="
DEAD, STORE = "sk-canary-dead", "canary-of-the-store"
OURS = (CLIENT, METRICS, HOOK, DEAD, STORE)


def found(text: str, keys: tuple[str, ...]) -> list[str]:
    """The keys that stand in a text, plain or percent-encoded."""
    return [key for key in keys if key in text or quote(key, safe="") in text]


@pytest.fixture
def canaries(gateways: Sandbox) -> Iterator[tuple[str, ...]]:
    """Each double wants a key that stands out."""
    before = gateways.keys
    for name, double in gateways.doubles.items():
        double.key = f"sk-canary-{name}/+="
    yield (*gateways.keys.values(), *OURS)
    for name, double in gateways.doubles.items():
        double.key = before[name]


def config(gateways: Sandbox, **more: Any) -> dict[str, Any]:
    dead = {"translator": "openai", "api_key": DEAD, "base_url": f"http://127.0.0.1:1/{DEAD}/v1"}
    return config_for(
        gateways,
        server={"log_level": "debug", "metrics_key": METRICS},
        providers={"dead": dead},
        keys=[{"name": "web", "key": CLIENT, "rpm": 10_000, "budget_usd": 1000}],
        webhooks={"secret": HOOK, "allow_private": True},
        **more,
    )


def chats(http: httpx.Client, gateways: Sandbox) -> Iterator[httpx.Response]:
    for route, row in ROWS.items():
        yield http.post(CHAT, json=body(route))
        for fault in echoes(gateways.keys[row]).values() if route in PASSING else ():
            gateways[row].fault("chat", **fault)
            yield http.post(CHAT, json=body(route, stream=True))
        for wrong in ({"cut": "before"}, {"cut": "after"}, {"truncate": 20}):
            gateways[row].fault("*", **wrong)
            yield http.post(CHAT, json=body(route))
            gateways[row].clear()
    for model in (f"dead/{DEAD}", f"openai/{CLIENT}", CLIENT, "dead/x"):
        yield http.post(CHAT, json=body(model))


VIDEOS = {
    "sora-2": "onysoft",
    "sora-gate": "ai-gate.one",
    "kling": "apiin.one",
    "dead/sora-2": "openai",
}


def jobs(http: httpx.Client, gateways: Sandbox) -> Iterator[httpx.Response]:
    hook = {"webhook_url": f"{http.base_url}nowhere"}
    for model, row in VIDEOS.items():
        double = gateways[row]
        faults = [echoes(double.key)[name] for name in ("error", "plain", "no json")]
        for number, fault in enumerate(faults):
            double.fault("submit", **fault)
            yield http.post(
                "/v1/videos", json={"model": model, "prompt": f"A cat {number}", **hook}
            )
            double.clear()
        for prompt in ("A dog", "A bird"):
            yield (made := http.post("/v1/videos", json={"model": model, "prompt": prompt, **hook}))
            if job := made.headers.get("x-anygate-job"):
                ended(http, job)
                yield http.get(f"/v1/jobs/{job}/content", headers={"range": "bytes=0-9"})
            double.fail_next(f"could not bill {double.key}")
        double.clear()


def others(http: httpx.Client) -> Iterator[httpx.Response]:
    yield http.post("/v1/embeddings", json={"model": "dead/x", "input": CLIENT})
    files = {"image": ("a.png", PNG, "image/png"), "prompt": (None, "A cat")}
    yield http.post("/v1/images/edits", files=files, data={"model": "openai/gpt-image-1"})
    for path in ("models", "videos", "jobs", "providers", "usage", "providers/dead/balance",
                 "providers/ai-gate-one/balance", "providers/ai-gate-one/prices", "nothing"):  # fmt: skip
        yield http.get(f"/v1/{path}")
    for key in ("wrong", CLIENT + "x", DEAD):
        yield http.get(f"/v1/models?key={CLIENT}", headers={"authorization": f"Bearer {key}"})
    for key in ("wrong", METRICS):
        yield http.get("/metrics", headers={"authorization": f"Bearer {key}"})
    yield http.post(CHAT, content=CLIENT.encode())


def reloaded(process: ProxyProcess, broken: str) -> None:
    """A file that cannot be used, and then the good one again."""
    good = process.path.read_text()
    assert process.process is not None
    for text, word in ((broken, "is not used"), (good, "configuration reloaded")):
        process.path.write_text(text)
        os.kill(process.process.pid, signal.SIGHUP)
        eventually(lambda word=word: word in process.log.read_text())  # type: ignore[misc]


@pytest.mark.slow
def test_no_key_is_written_anywhere(
    gateways: Sandbox, canaries: tuple[str, ...], tmp_path: Path
) -> None:
    process = ProxyProcess(tmp_path, config(gateways), key=CLIENT)
    with process as proxy:
        with proxy.http() as http:
            answers = [*chats(http, gateways), *jobs(http, gateways), *others(http)]
        reloaded(
            process, f"providers: {{x: {{api_key: {DEAD}}}}}\nkeys: [{CLIENT}]\nserver: {METRICS}\n"
        )
        assert process.stop() in (0, -signal.SIGTERM)  # uvicorn hands the signal on at its end
    assert {200, 400, 401, 404, 429, 502} <= {answer.status_code for answer in answers}
    for answer in answers:
        said = f"{answer.headers.multi_items()}\n{answer.text}"
        assert not found(said, canaries), (answer.request.url.path, said)
    log = process.log.read_text()
    assert "Using selector" in log or "Started server process" in log  # others speak too
    assert log.count('"status":502') > 10
    assert not found(log, canaries), [line for line in log.splitlines() if found(line, canaries)]
    kept = [one for one in tmp_path.rglob("*") if one.is_file() and one.name.startswith("jobs.db")]
    assert kept
    for path in kept:
        assert not found(path.read_bytes().decode("latin-1"), canaries), path


class Echo(socketserver.ThreadingTCPServer):
    """A store that quotes what it is told, as its error."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Quoting)
        self.told = b""


class _Quoting(socketserver.StreamRequestHandler):
    server: Echo

    def handle(self) -> None:
        while data := self.request.recv(65_536):
            self.server.told += data
            quoted = data.replace(b"\r", b" ").replace(b"\n", b" ")
            self.request.sendall((b"-WRONGPASS " + quoted + b"\r\n") * data.count(b"*"))


@pytest.mark.slow
def test_the_store_s_password_is_not_told_when_it_fails(gateways: Sandbox, tmp_path: Path) -> None:
    pytest.importorskip("redis")
    with Echo() as server, contextlib.ExitStack() as stack:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        url = f"redis://canary:{STORE}@127.0.0.1:{server.server_address[1]}/0"
        path = write(tmp_path, config(gateways, store=url))
        command = [sys.executable, "-m", "proxy", "serve", "--config", str(path), "--port", "0"]
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=30, cwd=tmp_path, check=False
        )
    assert STORE.encode() in server.told
    assert ran.returncode != 0
    assert not found(ran.stdout + ran.stderr, OURS), ran.stderr
