"""The servers of a benchmark: each pinned to a processor, measured by /proc, ended by its own id."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVER, LOAD = 0, 1  # processors
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_PATIENCE = 60.0  # seconds that the slowest peer may take to listen
_LAST = 10.0  # seconds to end in after SIGTERM


class BenchError(Exception):
    """What keeps a benchmark from being run; the message is for whoever runs it."""


@dataclass(frozen=True)
class Process:
    """A running server. CPU in seconds, memory in bytes, both of its whole process tree.

    `foreign`: not this project's own to mend where it fails.
    """

    name: str
    pid: int
    port: int
    foreign: bool = False

    def cpu(self) -> float:
        ticks = 0
        for one in tree(self.pid):
            fields = _read(one, "stat").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if fields else 0
        return ticks / TICK

    def memory(self) -> int:
        """Resident now."""
        sizes = (_read(one, "statm").split() for one in tree(self.pid))
        return sum(int(fields[1]) for fields in sizes if fields) * PAGE

    def peak(self) -> int:
        """The most that was resident since `reset_peak`."""
        found = 0
        for one in tree(self.pid):
            for line in _read(one, "status").splitlines():
                if line.startswith("VmHWM:"):
                    found += int(line.split()[1]) * 1024
        return found

    def reset_peak(self) -> None:
        for one in tree(self.pid):
            Path(f"/proc/{one}/clear_refs").write_text("5")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def tree(pid: int) -> list[int]:
    """A process and all that descend from it, without those that have just ended."""
    children = _read(pid, "task", str(pid), "children").split()
    return [pid, *(one for child in children for one in tree(int(child)))]


@contextmanager
def serving(
    name: str,
    command: Sequence[str],
    port: int,
    *,
    cpu: int,
    folder: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """A server, from the moment its port answers; its output is `{name}.log` in the folder.

    Raises BenchError where it ends or does not listen, with the last lines that it wrote.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        made = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            preexec_fn=lambda: _pinned(cpu),
        )
    try:
        _listening(made, name, port, log)
        yield Process(name, made.pid, port)
        if made.poll() is not None:
            raise BenchError(f"{name} ended with {made.returncode} meanwhile:\n{tail(log)}")
    finally:
        end(made)


def run_pinned(command: Sequence[str], *, cpu: int = LOAD, timeout: float = 600.0) -> str:
    """What a command prints; raises BenchError with its complaint where it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=ROOT,
            preexec_fn=lambda: _pinned(cpu),
        )
    except subprocess.TimeoutExpired as exc:
        raise BenchError(f"{' '.join(command[:6])} … took more than {timeout:g} s") from exc
    if done.returncode:
        raise BenchError(f"{' '.join(command[:6])} … failed:\n{done.stderr[-2000:]}")
    return done.stdout


def python(*arguments: str) -> list[str]:
    """A module of this project, run by this interpreter."""
    return [sys.executable, "-m", *arguments]


def end(made: "subprocess.Popen[bytes]") -> None:
    """Ends what we started, and what that has started, by their ids."""
    if made.poll() is not None:
        return
    family = tree(made.pid)
    made.terminate()
    try:
        made.wait(_LAST)
    except subprocess.TimeoutExpired:
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        made.wait()


def tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _listening(made: "subprocess.Popen[bytes]", name: str, port: int, log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        if made.poll() is not None:
            raise BenchError(f"{name} ended with {made.returncode}:\n{tail(log)}")
        if time.monotonic() > give_up:
            raise BenchError(f"{name} does not listen on {port}:\n{tail(log)}")
        time.sleep(0.005)
    if made.poll() is not None:
        raise BenchError(f"another server has {name}'s port {port}:\n{tail(log)}")


def _pinned(cpu: int) -> None:
    os.sched_setaffinity(0, {cpu})
    # whatever becomes of the benchmark, its servers do not outlive it
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)


def _read(pid: int, *names: str) -> str:
    try:
        return Path("/proc", str(pid), *names).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
