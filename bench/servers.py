"""What is compared: Anygate with everything on, nginx, the bare framework, and the gateway behind them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.load import KEY
from bench.process import LOAD, SERVER, Process, free_port, python, serving

_NGINX = """
{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 8192; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 10000000; }}
  upstream f {{ server 127.0.0.1:{files}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; keepalive_requests 10000000;
    proxy_http_version 1.1; proxy_set_header Connection "";
    location / {{ proxy_pass http://u; proxy_buffering off; }}
    location /file/ {{ proxy_pass http://f; proxy_max_temp_file_size 0;
      proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k; }} }} }}
"""


@contextmanager
def gateway(folder: Path) -> Iterator[Process]:
    """The gateway of `bench.upstream`."""
    port = free_port()
    with serving(
        "upstream", python("bench.upstream", str(port)), port, cpu=LOAD, folder=folder
    ) as up:
        yield up


@contextmanager
def files(folder: Path) -> Iterator[Process]:
    """The server of large files, `bench.files`."""
    port = free_port()
    with serving("files", python("bench.files", str(port)), port, cpu=LOAD, folder=folder) as up:
        yield up


@contextmanager
def anygate(folder: Path, upstream: int, **settings: Any) -> Iterator[Process]:
    """Anygate on the first processor, as `config` makes it; its files are kept in a folder of its own.

    `name`, `workers` and `files` (a port) aside, the settings are sections of the configuration.
    """
    port = free_port()
    name = settings.pop("name", "anygate")
    workers = settings.pop("workers", 1)
    own = folder / name
    own.mkdir(exist_ok=True)
    path = own / "config.yaml"
    path.write_text(yaml.safe_dump(config(port, upstream, **settings)))
    command = python("proxy", "serve", "--config", str(path), "--workers", str(workers))
    with serving(name, command, port, cpu=SERVER, folder=folder) as made:
        yield made


def config(port: int, upstream: int, files: int | None = None, **sections: Any) -> dict[str, Any]:
    """A configuration with client keys. The routes: `m` passes through, `t` is chat by task, `v` videos,
    `i` pictures; `f` and `fi` are videos and pictures whose results lie at the server of large files.
    """
    base = f"http://127.0.0.1:{upstream}"
    many = {"api_key": "sk-bench-gateway", "max_concurrency": 2000}  # none waits for another
    onysoft = {"translator": "onysoft", **many}
    providers = {
        "local": {"translator": "openai", **many, "base_url": f"{base}/v1"},
        "tasks": {"translator": "ai-gate.one", **many, "base_url": base},
        "videos": {**onysoft, "base_url": base},
    }
    models = {"m": "local/m", "i": "local/i", "t": "tasks/text", "v": "videos/sora-2"}
    if files is not None:
        providers["files"] = {**onysoft, "base_url": f"http://127.0.0.1:{files}"}
        models |= {"f": "files/sora-2", "fi": "files/google/nano-banana-2"}
    return {
        "server": {"port": port, "max_body_mb": 64},
        "providers": providers,
        "models": models,
        "keys": [{"name": "bench", "key": KEY}],
        "store": "memory:",
        "media": {"dir": "media", "keep": False},
        **sections,
    }


def sqlite(folder: Path, name: str = "jobs") -> str:
    """The `store` setting of a file in the folder."""
    return f"sqlite:{folder / name}.db"


@contextmanager
def nginx(folder: Path, upstream: int, files: int = 9) -> Iterator[Process | None]:
    """nginx, proxying the same gateway; None where it is not installed."""
    if not shutil.which("nginx"):
        yield None
        return
    port = free_port()
    path = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(
        _NGINX.format(folder=folder, upstream=upstream, files=files, port=port, user=user)
    )
    command = ["nginx", "-c", str(path)]
    with serving("nginx", command, port, cpu=SERVER, folder=folder) as made:
        yield made


@contextmanager
def bare(folder: Path) -> Iterator[Process]:
    """uvicorn and Starlette alone, answering by themselves: what no proxy on them can undercut."""
    port = free_port()
    command = python("bench.bare", str(port))
    with serving("uvicorn + Starlette", command, port, cpu=SERVER, folder=folder) as made:
        yield made


def versions() -> dict[str, str]:
    """What the figures were measured with: kind of processor, Python, nginx."""
    import platform

    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    found = {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }
    if shutil.which("nginx"):
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
        found["nginx"] = said.strip().rpartition("/")[2]
    return found
