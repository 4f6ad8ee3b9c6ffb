"""`make bench`: what a chat request and a streamed chunk cost, against nginx where it is installed.

Servers are pinned to the first processor, load and upstream to the second. The figures are CPU time a
request of the server's whole process tree, and its ratio to nginx's in the same run: throughput depends on the
machine, and is only printed beside them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")
SECONDS, ROUNDS, CONNECTIONS, STREAMS = 4.0, 3, 64, 200

CONFIG = """
server: {{port: {port}}}
providers: {{local: {{translator: openai, api_key: sk-bench-gateway, base_url: "http://127.0.0.1:{upstream}/v1"}}}}
models: {{m: local/m}}
keys: [{{name: bench, key: sk-bench-client}}]
store: "memory:"
"""
NGINX = """
{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 8192; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 10000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; keepalive_requests 10000000;
    location / {{ proxy_pass http://u; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; }} }} }}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(command: list[str], cpu: int, port: int) -> Iterator[int]:
    """A server on one processor, up as soon as its port answers; its process id."""
    made = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    try:
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        yield made.pid
    finally:
        made.terminate()
        made.wait()


def tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in tree(int(child)))]


def cpu_time(pid: int) -> float:
    """Seconds of user and system time of a process and its children."""
    ticks = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def memory(pid: int) -> float:
    """Resident MB of a process and its children."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def load(port: int, connections: int, seconds: float, kind: str) -> dict[str, float]:
    command = [
        sys.executable,
        str(HERE / "load.py"),
        str(port),
        str(connections),
        str(seconds),
        kind,
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        check=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {1}),
    )
    found: dict[str, float] = json.loads(done.stdout)
    if found["failures"]:
        raise SystemExit(f"{found['failures']} of {found['answers']} requests failed")
    return found


def measure(pid: int, port: int, kind: str) -> dict[str, float]:
    """µs of CPU an answer (or a chunk), answers a second, resident MB."""
    load(port, 8, 0.5, kind if kind == "whole" else "whole")
    before = cpu_time(pid)
    found = load(
        port, CONNECTIONS if kind == "whole" else STREAMS, SECONDS if kind == "whole" else 0.0, kind
    )
    spent = cpu_time(pid) - before
    number = found["answers"] if kind == "whole" else found["chunks"]
    return {"cpu": spent / number * 1e6, "rate": number / found["seconds"], "rss": memory(pid)}


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, tuple[int, int]]]:
    """Name → process id and port of everything that is compared."""
    with ExitStack() as stack:
        upstream = free_port()
        stack.enter_context(
            process([sys.executable, str(HERE / "upstream.py"), str(upstream)], 1, upstream)
        )
        found = {}
        if shutil.which("nginx"):
            port = free_port()
            path = folder / "nginx.conf"
            user = "user root;" if os.geteuid() == 0 else ""
            path.write_text(NGINX.format(folder=folder, upstream=upstream, port=port, user=user))
            found["nginx"] = stack.enter_context(process(["nginx", "-c", str(path)], 0, port)), port
        port = free_port()
        path = folder / "config.yaml"
        path.write_text(CONFIG.format(port=port, upstream=upstream))
        command = [sys.executable, "-m", "proxy", "serve", "--config", str(path)]
        found["anygate"] = stack.enter_context(process(command, 0, port)), port
        yield found


def main() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("the benchmark wants two processors")
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as found:
        for kind, unit in (("whole", "request"), ("stream", "chunk")):
            print(f"\n{kind}: CPU a {unit} (median of {ROUNDS} rounds, servers in turn)")
            results: dict[str, list[dict[str, float]]] = {server: [] for server in found}
            for _ in range(ROUNDS):
                for server, (pid, port) in found.items():
                    results[server].append(measure(pid, port, kind))
            middle = {
                server: sorted(rounds, key=lambda one: one["cpu"])[ROUNDS // 2]
                for server, rounds in results.items()
            }
            for server, one in middle.items():
                ratio = (
                    f"{one['cpu'] / middle['nginx']['cpu']:6.1f} x nginx"
                    if "nginx" in middle
                    else ""
                )
                print(
                    f"  {server:8} {one['cpu']:8.1f} µs {ratio:16} {one['rate']:9.0f}/s {one['rss']:7.1f} MB"
                )


if __name__ == "__main__":
    main()
