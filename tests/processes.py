"""The proxy's processes, as the operating system lists them, and what they left in their store."""

import sqlite3
import subprocess
from pathlib import Path

from proxy.store.base import Job
from tests.harness import ProxyProcess


def workers_of(pid: int) -> list[int]:
    """The worker processes of `anygate serve --workers N`."""
    columns = ("-o", "pid=", "-o", "ppid=", "-o", "args=")
    listed = subprocess.run(
        ["ps", "-A", "-ww", *columns], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [
        int(row[0])
        for row in rows
        if len(row) == 3 and int(row[1]) == pid and "spawn_main" in row[2]
    ]


def both(process: ProxyProcess) -> list[int]:
    """Its two workers, once they both serve."""
    assert process.process is not None
    said = process.log.read_text()
    ready = [one for one in workers_of(process.process.pid) if f"process {one} is ready" in said]
    return ready if len(ready) == 2 else []


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and was not waited for does not count."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def stored(folder: Path) -> list[Job]:
    """Every job in the store of a proxy that has ended."""
    with sqlite3.connect(folder / "jobs.db") as db:
        found = [Job.decode(doc) for (doc,) in db.execute("SELECT doc FROM jobs")]
    db.close()
    return found
