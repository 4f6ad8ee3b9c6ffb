"""Workers that count together, without the processes: numbers in a folder."""

import os
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.metrics import Metrics
from proxy.siblings import Siblings, mine, together


def told(metrics: Metrics, name: str) -> float:
    families = text_string_to_metric_families(metrics.render({}).decode())
    return sum(s.value for f in families for s in f.samples if s.name == name)


def files(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


@pytest.fixture
def dead() -> int:
    """The id of a process that has been."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


async def test_a_new_one_goes_on_with_the_counts_of_a_dead_one(tmp_path: Path, dead: int) -> None:
    last = Metrics(siblings=Siblings(tmp_path, dead))
    last.fallbacks.add("a", by=5)
    last.poll_lag.observe("a", value=0.2)
    last.begun = 3
    assert told(last, "anygate_fallbacks_total") == 5
    other = Metrics(siblings=Siblings(tmp_path, os.getppid()))
    other.fallbacks.add("a", by=2)
    assert told(other, "anygate_fallbacks_total") == 7
    assert told(other, "anygate_requests_in_flight") == 0, "with it went its requests"
    new = Metrics(siblings=Siblings(tmp_path, os.getpid()))
    new.start()
    try:
        assert files(tmp_path) == {f"{os.getpid()}.json", f"{os.getppid()}.json"}
        new.fallbacks.add("a")
        new.poll_lag.observe("a", value=50.0)
        assert told(new, "anygate_fallbacks_total") == told(other, "anygate_fallbacks_total") == 8
        assert told(new, "anygate_poll_lag_seconds_count") == 2
        assert told(new, "anygate_poll_lag_seconds_sum") == 50.2
    finally:
        await new.stop()


async def test_where_nothing_can_be_written_each_tells_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone = Metrics(siblings=Siblings(tmp_path / "gone", os.getpid()))
    alone.fallbacks.add("a")
    assert told(alone, "anygate_fallbacks_total") == 1
    assert "of one worker alone" in caplog.text


def test_the_folder_is_there_while_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYGATE_METRICS", "")
    with together():
        folder = Path(os.environ["ANYGATE_METRICS"])
        assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
        assert mine() is not None
    assert not folder.exists()


def test_without_a_folder_workers_start_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("ANYGATE_METRICS", raising=False)
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    with together():
        assert mine() is None
    assert "for itself" in caplog.text
