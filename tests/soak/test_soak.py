"""The short form of `make soak`, and that its books notice what does not add up."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.sandbox import Sandbox, Seen
from proxy.store.base import Job
from tests.harness import Proxy
from tests.processes import stored
from tests.soak.books import audited
from tests.soak.ledger import Ledger
from tests.soak.soak import soak


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="memory and files are read in /proc")
def test_after_trouble_it_is_as_before(tmp_path: Path) -> None:
    report = soak(tmp_path, 5.0, grows=40.0)
    assert not report.problems, report
    assert len(report.ledger.done) == 11, "every kind of work"
    assert report.jobs > 20


Change = Callable[[list[Job], list[Seen], Sandbox], Sequence[object]]


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("has a task of no job", lambda jobs, submits, sandbox: jobs.clear()),
        ("is 2 jobs", lambda jobs, submits, sandbox: jobs.append(replace(jobs[0], id="image_2"))),
        ("was told of", lambda jobs, submits, sandbox: jobs.append(replace(jobs.pop(), id="x"))),
        ("sent 2 times", lambda jobs, submits, sandbox: submits.extend(submits)),
        ("its tasks", lambda jobs, submits, sandbox: jobs.append(replace(jobs.pop(), cost=9.0))),
        (
            "its tasks",
            lambda jobs, submits, sandbox: jobs.append(replace(jobs.pop(), status="failed")),
        ),
        (
            "does not know: other",
            lambda jobs, submits, sandbox: jobs[0].tasks.append(_task(jobs[0])),
        ),
        (
            "goes on",
            lambda jobs, submits, sandbox: jobs[0].tasks.append(_task(jobs[0], state="running")),
        ),
        ("its task failed", lambda jobs, submits, sandbox: _fail(sandbox)),
    ],
)
def test_the_books_notice(
    words: str, change: Change, proxy: Proxy, gateways: Sandbox, tmp_path: Path
) -> None:
    ledger = Ledger()
    tag = ledger.tag("image")
    with proxy.http() as http:
        answer = http.post("/v1/images/generations", json={"model": "flux", "prompt": tag})
    ledger.asked[tag].jobs.add(answer.headers["x-anygate-job"])
    jobs, submits = stored(tmp_path), list(gateways["apiin.one"].submits)
    assert not list(audited(jobs, gateways, submits, ledger))
    change(jobs, submits, gateways)
    assert any(words in one for one in audited(jobs, gateways, submits, ledger))


def _task(job: Job, state: str = "completed") -> object:
    return replace(job.tasks[0], task_id="other", state=state)


def _fail(sandbox: Sandbox) -> None:
    for task in list(sandbox["apiin.one"].tasks):
        sandbox["apiin.one"].fail(task)
