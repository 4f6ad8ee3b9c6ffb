"""Jobs as documents: what is written is read, also by an older version of this program."""

import orjson
import pytest

from proxy.store.base import Entry, Job

JOB = Job(
    id="video_1",
    kind="video",
    capability="video",
    owner="web",
    model="sora-2",
    provider="p",
    target="p/m",
    native="m",
    created_at=1.5,
    deadline=9.0,
    request={"prompt": "A cat"},
    tasks=[Entry(), Entry(state="accepted", task_id="t", at=2.0, assets=[{"url": "https://x"}])],
)


def test_what_is_written_is_read() -> None:
    assert Job.decode(JOB.encode()) == JOB


def test_what_a_newer_version_adds_is_passed_over() -> None:
    """Workers of two versions share a store while an update rolls out."""
    document = orjson.loads(JOB.encode())
    document["colour"] = "blue"
    document["tasks"][1]["mood"] = "good"
    assert Job.decode(orjson.dumps(document)) == JOB


def test_what_an_older_version_had_not_is_filled_in() -> None:
    document = orjson.loads(JOB.encode())
    del document["notifications"], document["tasks"][0]["polls"]
    assert Job.decode(orjson.dumps(document)) == JOB


def test_a_change_leaves_the_job_before_as_it_was() -> None:
    before = JOB.encode()
    moved = JOB.with_task(1, state="running").but(progress=5)
    assert (moved.tasks[1].state, moved.tasks[0], moved.progress) == ("running", JOB.tasks[0], 5)
    assert JOB.encode() == before
    assert Job.decode(moved.encode()) == moved
    with pytest.raises(TypeError, match="colour"):
        JOB.but(colour="blue")
