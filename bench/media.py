"""Goal 6: large results, which must pass through in constant memory."""

import base64
import json
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import servers
from bench.load import CHAT, KEY
from bench.measure import MB, Figure, Run
from bench.process import BenchError, Process, python, run_pinned

_BASE64 = 20_000_000  # characters of the picture that travels as JSON


@dataclass(frozen=True)
class Passed:
    """What downloads at once came to: MB a second, ms of CPU a GB, MB above idle at the most."""

    speed: float
    cpu: float
    above: float


def media(run: Run) -> list[Figure]:
    """A video of 1 GB through /content, alone and against nginx, and 50 of 64 MB at once."""
    whole, part = run.sized(1 << 30, quick=1 << 28), run.sized(64 << 20, quick=4 << 20)
    with ExitStack() as stack:
        store = stack.enter_context(servers.files(run.folder))
        proxy = stack.enter_context(
            servers.anygate(run.folder, store.port, files=store.port, jobs={"poll_min": 0.1})
        )
        nginx = stack.enter_context(servers.nginx(run.folder, store.port, store.port))
        small, one, many = (_video(proxy, size) for size in (1 << 20, whole, part))
        _download(proxy, small)
        ours, theirs = [], []
        for _ in range(run.rounds):
            ours.append(_download(proxy, one))
            if nginx is not None:
                theirs.append(_download(nginx, f"/file/{whole}.mp4"))
        fifty = _download(proxy, many, 50)
    speed = median(each.speed for each in ours)
    above = max(each.above for each in ours)
    beside = f"{speed:,.0f} MB/s, {median(each.cpu for each in ours):,.0f} ms of CPU a GB"
    name = f"video of {whole / (1 << 30):g} GB"
    figures = [Figure("6", f"{name}: memory above idle", above, "MB", beside).at_most(16)]
    if theirs:
        other = median(each.speed for each in theirs)
        cpu = median(each.cpu for each in theirs)
        beside = f"nginx: {other:,.0f} MB/s, {cpu:,.0f} ms of CPU a GB"
        share = Figure("6", f"{name}: throughput, of nginx's", speed / other * 100, "%", beside)
        figures.append(share.at_least(40))
    name = f"50 videos of {part >> 20} MB at once: memory above idle"
    beside = f"{fifty.speed:,.0f} MB/s together"
    return [*figures, Figure("6", name, fifty.above, "MB", beside).at_most(100)]


def images(run: Run) -> list[Figure]:
    """A picture of 20 MB in base64: returned by the gateway, made of its link, and sent in a message."""
    url = "data:image/png;base64," + base64.b64encode(bytes(_BASE64 * 3 // 4)).decode()
    picture = {"type": "image_url", "image_url": {"url": url}}
    said = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}]
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "passed through": ("images/generations", {"model": "i", "prompt": f"{_BASE64} bytes"}),
        "made of a link": (
            "images/generations",
            {"model": "fi", "prompt": f"{_BASE64 * 3 // 4} bytes", "response_format": "b64_json"},
        ),
        "sent in a message": ("chat/completions", {**CHAT, "messages": said}),
    }
    figures = []
    for name, (path, body) in ways.items():
        with ExitStack() as stack:
            up = stack.enter_context(servers.gateway(run.folder))
            store = stack.enter_context(servers.files(run.folder))
            made = servers.anygate(run.folder, up.port, files=store.port, jobs={"poll_min": 0.1})
            proxy = stack.enter_context(made)
            small = {"model": body["model"], "prompt": "20000 bytes"} if "prompt" in body else CHAT
            for _ in range(5):
                _ask(proxy, path, small)
            idle = proxy.memory()
            proxy.reset_peak()
            _ask(proxy, path, body)
            times = (proxy.peak() - idle) / _BASE64
        figures.append(
            Figure(
                "6", f"base64 image of 20 MB {name}: memory, times its size", times, "×"
            ).at_most(3)
        )
    return figures


def _video(proxy: Process, size: int) -> str:
    """The path of a finished video's content."""
    body = {"model": "f", "prompt": f"{size} bytes", "seconds": "8", "size": "1280x720"}
    made = _ask(proxy, "videos", body)
    give_up = time.monotonic() + 20
    while made["status"] != "completed":
        if made["status"] == "failed" or time.monotonic() > give_up:
            raise BenchError(f"the video is {made['status']}: {made.get('error')}")
        time.sleep(0.05)
        made = _ask(proxy, f"videos/{made['id']}")
    return f"/v1/videos/{made['id']}/content"


def _download(server: Process, path: str, at_once: int = 1) -> Passed:
    idle, before = server.memory(), server.cpu()
    server.reset_peak()
    command = python("bench.fetch", str(server.port), path, str(at_once))
    found = json.loads(run_pinned(command))
    if found["failures"]:
        raise BenchError(f"{server.name}: {found['failures']} failed: {found['failure']}")
    size = found["bytes"]
    cpu = (server.cpu() - before) / (size / 1e9) * 1000
    return Passed(size / found["seconds"] / MB, cpu, (server.peak() - idle) / MB)


def _ask(proxy: Process, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{proxy.port}/v1/{path}",
        None if body is None else json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        raise BenchError(f"{path}: {exc.code}: {exc.read()[:300]!r}") from exc
