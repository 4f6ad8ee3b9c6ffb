"""How the processes of `anygate serve` end."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from proxy.serve import _Workers


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
