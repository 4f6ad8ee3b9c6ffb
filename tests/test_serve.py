"""How the processes of `anygate serve` begin and end."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from proxy.config import ConfigError
from proxy.reloads import attend, stamp
from proxy.serve import _Served, _Workers


class Ended:
    """A worker process that has ended."""

    pid = 1

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode

    def is_alive(self, timeout: float) -> bool:
        return False

    def kill(self) -> None: ...

    def join(self) -> None: ...


@pytest.fixture
def workers() -> Iterator[Any]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.getsignal(signal.SIGHUP)
    yield _Workers(uvicorn.Config("proxy.serve:worker", workers=2), [])
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_worker_that_cannot_start_is_a_failure_of_all(workers: Any) -> None:
    workers.processes = [Ended(3)]
    workers.keep_subprocess_alive()
    assert workers.should_exit.is_set()
    assert workers.failed


def test_a_stop_is_none(workers: Any) -> None:
    workers.processes = [Ended(3)]
    workers.handle_term()
    workers.keep_subprocess_alive()
    assert not workers.failed


def test_a_file_that_is_read_again_is_asked_for_what_a_start_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a reload takes it, and a worker that comes in place of another ends as it begins, again and again."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    path = tmp_path / "config.yaml"
    path.write_text(
        "server: {traces: true}\n"
        "providers: {local: {translator: openai, api_key: none, base_url: http://127.0.0.1:9/v1}}\n"
    )
    served = _Served(str(path), "127.0.0.1", workers=1, parent=0, store="", media="")
    with pytest.raises(ConfigError, match=r"pip install 'anygate\[otel\]'"):
        served.read()


async def test_a_change_since_the_file_was_read_for_the_start_is_noticed(tmp_path: Path) -> None:
    """A start may wait for the store meanwhile, and whoever edits the file does not know."""
    path = tmp_path / "config.yaml"
    path.write_text("models: {}\n")
    seen = stamp(path)
    path.write_text("models: {new: local/m}\n")
    os.utime(path, ns=(0, 0))
    read = asyncio.Event()

    class Started:
        def reload(self) -> list[str]:
            read.set()
            raise ConfigError(["only looking"])

    service: Any = Started()
    attending = asyncio.create_task(attend(service, path, os.getpid(), seen))
    async with asyncio.timeout(10):
        await read.wait()
    attending.cancel()
    await asyncio.gather(attending, return_exceptions=True)
