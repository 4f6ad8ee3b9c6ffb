"""What end-to-end tests stand on: the gateways' doubles, the proxy in a thread or a process, real SDKs."""

import asyncio
import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import uvicorn

from proxy.app import make_app
from proxy.config import load
from proxy.direct import ThreadServer
from proxy.listening import bind
from proxy.sandbox import Sandbox
from proxy.serve import settings_for
from proxy.service import Service
from translators import TRANSLATORS

FAST = {"poll_min": 0.02, "poll_max": 0.1, "timeout": 60, "drain": 5}


def config_for(sandbox: Sandbox, **sections: Any) -> dict[str, Any]:
    """A configuration with one provider a double (named as its row, dots as dashes), and common routes."""
    providers = {
        row.replace(".", "-"): {
            "translator": row,
            "api_key": sandbox.keys[row],
            "base_url": url,
            # A row's own limit is for real gateways; the others have none, as in most configurations.
            **({"rpm": 100_000} if TRANSLATORS[row].rpm else {}),
        }
        for row, url in sandbox.base_urls.items()
    }
    base: dict[str, Any] = {
        "server": {"port": 0},
        "providers": providers,
        "models": {
            "gpt-4o-mini": "apiin-one/gemini",
            "chat-openai": "openai/gpt-4o-mini",
            "chat-onysoft": "onysoft/gpt-4o-mini",
            "chat-shop": "aigate-shop/openai/gpt-4o-mini",
            "chat-text": "ai-gate-one/text",
            "flux": "apiin-one/flux-2",
            "nano-banana": "ai-gate-one/NanoBanana",
            "imagen": "onysoft/google/imagen4",
            "sora-2": "onysoft/sora-2",
            "sora-gate": "ai-gate-one/Sora2",
            "kling": "apiin-one/kling-3",
            "kling-shop": "aigate-shop/klingai/kling-v3.0-t2v",
        },
        "defaults": {"chat": "gpt-4o-mini", "image": "flux", "video": "sora-2"},
        "store": "sqlite:jobs.db",
        "jobs": dict(FAST),
        "media": {"dir": "media", "keep": False},
    }
    return merged(base, sections)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(dict(base))
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(made.get(key), Mapping)
        made[key] = merged(made[key], value) if both else value
    return made


@dataclass
class Proxy:
    """A running proxy. `url` has no /v1."""

    url: str
    folder: Path
    key: str = "no-key"
    service: Service | None = field(default=None, repr=False)
    loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)

    def unfinished(self) -> int:
        """Jobs that have not ended, of a proxy in a thread of this process."""
        assert self.service is not None and self.loop is not None
        counted = asyncio.run_coroutine_threadsafe(self.service.store.counts(), self.loop)
        return sum(counted.result(5).values())

    def http(self, **options: Any) -> httpx.Client:
        return httpx.Client(**self._http(options))

    def async_http(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self._http(options))

    def _http(self, options: dict[str, Any]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        usual = {"base_url": self.url, "headers": headers, "timeout": 30, "trust_env": False}
        return usual | options

    def sdk(self, **options: Any) -> openai.OpenAI:
        """The real SDK, strict about every answer. Close it, or use it as a context manager."""
        return openai.OpenAI(**self._sdk(options))

    def async_sdk(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(**self._sdk(options))

    def _sdk(self, options: dict[str, Any]) -> dict[str, Any]:
        usual = {"base_url": self.url + "/v1", "api_key": self.key, "max_retries": 0, "timeout": 30}
        return {**usual, "_strict_response_validation": True, **options}


def write(folder: Path, config: Mapping[str, Any]) -> Path:
    """The configuration as a file: JSON is YAML."""
    path = folder / "config.yaml"
    path.write_text(json.dumps(config, indent=1))
    return path


@contextlib.contextmanager
def proxy_in_thread(
    folder: Path, config: Mapping[str, Any], key: str = "no-key"
) -> Iterator[Proxy]:
    """The proxy on a free port in a thread of this process."""
    path = write(folder, config)
    loaded = load(path, rows=TRANSLATORS)
    service = Service(loaded, TRANSLATORS, load=lambda: load(path, rows=TRANSLATORS))
    settings = uvicorn.Config(make_app(service), **settings_for(loaded))
    server = ThreadServer(settings)
    socket = bind("127.0.0.1", 0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop, server.serve([socket])), name="proxy")
    thread.start()
    try:
        server.up.wait(10)
        assert server.started, "the proxy did not start"
        yield Proxy(f"http://127.0.0.1:{socket.getsockname()[1]}", folder, key, service, loop)
    finally:
        server.should_exit = True
        thread.join(20)
        socket.close()
        assert not thread.is_alive(), "the proxy did not stop"


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


class ProxyProcess:
    """`anygate serve` as a process of its own, to be killed and started again."""

    entry: tuple[str, ...] = ("-m", "proxy")  # what Python is to run

    def __init__(
        self, folder: Path, config: Mapping[str, Any], *, workers: int = 1, key: str = "no-key"
    ):
        self.folder = folder
        self.path = write(folder, config)
        self.workers = workers
        self.key = key
        self.process: subprocess.Popen[bytes] | None = None
        self.proxy: Proxy | None = None
        self.log = folder / "proxy.log"

    def start(self) -> Proxy:
        port = self.proxy.url.rpartition(":")[2] if self.proxy else "0"
        command = [
            sys.executable,
            *self.entry,
            "serve",
            "--config",
            str(self.path),
            "--port",
            port,
        ]
        command += ["--workers", str(self.workers)]
        with self.log.open("ab") as log:
            begin = self.log.stat().st_size
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env=os.environ.copy(),
            )
        url = self._announced(begin)
        self.proxy = Proxy(url, self.folder, self.key)
        self._answers(url)
        return self.proxy

    def kill(self) -> None:
        """kill -9 of it and its workers, at once."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout)

    def __enter__(self) -> Proxy:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def _announced(self, begin: int) -> str:
        """The URL in what it printed since it was started."""
        for _ in range(2000):
            said = self.log.read_bytes()[begin:].decode()
            if " at http://" in said:
                return "http://" + said.partition(" at http://")[2].split("/")[0].strip()
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(said)
            time.sleep(0.01)
        raise AssertionError("the proxy said nothing")

    def _answers(self, url: str) -> None:
        for _ in range(2000):
            try:
                if httpx.get(url + "/readyz", trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.01)
        raise AssertionError("the proxy did not become ready")
