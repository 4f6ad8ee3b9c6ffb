"""kill -9 at any moment: what was taken is finished, what is in doubt is said to be, nothing is paid twice."""

import os
import random
import signal
import threading
from collections import Counter, deque
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.core import Double
from proxy.store.base import Job
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for
from tests.processes import both, stored

pytestmark = pytest.mark.slow

ROWS = {
    "sora-2": "onysoft",
    "sora-gate": "ai-gate.one",
    "kling": "apiin.one",
    "kling-shop": "aigate.shop",
}
QUICK = {"lease": 2}  # seconds; 20 unless the config says less


@pytest.mark.parametrize(("after", "workers"), [(1, 1), (12, 2), (32, 1)])
def test_eight_jobs_on_each_row_survive_a_kill(
    gateways: Sandbox, tmp_path: Path, after: int, workers: int
) -> None:
    """Killed once so many requests have come to the gateways, and started again."""
    doubles = [gateways[name] for name in ROWS.values()]
    for double in doubles:
        double.timing["video"] = 0.3
        double.fault("submit", match=_one_in(5), times=2, delay=60)  # heard, not taken
        double.fault("submit", match=_one_in(3), times=2, late=60)  # taken, not told
        double.fault("submit", times=None, late=0.05)
    config = config_for(gateways, jobs=QUICK)
    running = ProxyProcess(tmp_path, config, workers=workers)
    with running as proxy:
        told: list[str] = []
        ordering = _order(proxy, [f"{model} {n}" for n in range(8) for model in ROWS], told)
        eventually(lambda: sum(len(double.submits) for double in doubles) >= after)
        eventually(lambda: len(told) >= after // 4)
        running.kill()
        for thread in ordering:
            thread.join()
        for double in doubles:
            double.clear()
        again = running.start()
        with again.http() as http:
            eventually(lambda: _all_ended(http), timeout=30)
    _nothing_was_paid_twice(doubles)
    jobs = stored(tmp_path)
    for job in jobs:
        _ended_as_it_must(job, gateways[ROWS[job.model]])
    done = {job.request["prompt"] for job in jobs if job.status == "completed"}
    # One gateway's word takes as long as its work: there a client is told before it.
    surely = {one for one in told if not one.startswith("kling-shop")}
    assert done >= surely, "what a client was told of is in the store"


def test_the_other_worker_takes_over_and_a_new_one_comes(gateways: Sandbox, tmp_path: Path) -> None:
    double = gateways["onysoft"]
    double.timing["video"] = 3.0
    double.fault("poll", times=None, delay=0.05)
    running = ProxyProcess(tmp_path, config_for(gateways, jobs=QUICK), workers=2)
    with running as proxy:
        before = eventually(lambda: both(running))
        for thread in _order(proxy, [f"sora-2 {n}" for n in range(8)]):
            thread.join()
        os.kill(before[0], signal.SIGKILL)
        with proxy.http() as http:
            eventually(lambda: len(_finished(http)) == 8, timeout=30)
        after = eventually(lambda: both(running))
        assert before[0] not in after
        assert before[1] in after
    assert {job.status for job in stored(tmp_path)} == {"completed"}
    assert len(double.submits) == 8
    for task in double.tasks:
        for earlier, later in pairwise(double.polls(task)):
            assert earlier.ended is not None
            assert later.at >= earlier.ended, "two polls of one task at once"


def test_jobs_of_a_worker_killed_while_it_sends_are_settled_by_the_other(
    gateways: Sandbox, tmp_path: Path
) -> None:
    double = gateways["onysoft"]
    double.fault("submit", times=None, late=60)
    running = ProxyProcess(tmp_path, config_for(gateways, jobs=QUICK), workers=2)
    with running as proxy:
        workers = eventually(lambda: both(running))
        ordering = _order(proxy, [f"sora-2 {n}" for n in range(8)])
        double.wait(lambda double: len(double.tasks) == 8)
        os.kill(workers[0], signal.SIGKILL)
        with proxy.http() as http:
            # The double hears of the worker's connections one after the other.
            counts = deque([0] * 5, maxlen=5)
            eventually(lambda: counts.append(_gone(double)) or (counts[0] and len({*counts}) == 1))
            lost = counts[0]
            eventually(lambda: len(_finished(http)) >= lost, timeout=30)
            double.clear()  # the living worker's requests are answered now
            eventually(lambda: len(_finished(http)) == 8, timeout=30)
        for thread in ordering:
            thread.join()
    ends = Counter((job.error or {}).get("code", job.status) for job in stored(tmp_path))
    assert ends == Counter({"submission_ambiguous": lost, "completed": 8 - lost})
    assert len(double.submits) == 8


def _ended_as_it_must(job: Job, double: Double) -> None:
    if job.tasks[0].task_id is not None or job.status == "completed":
        assert job.status == "completed", job.error
        return
    assert job.error is not None
    in_doubt = {"submission_ambiguous"}
    sent = job.request["prompt"] in _prompts(double)
    assert job.error["code"] in (in_doubt if sent else {*in_doubt, "submission_lost"})


def _one_in(number: int) -> Any:
    chance = random.Random(number)
    return lambda seen: chance.randrange(number) == 0


def _order(
    proxy: Proxy, prompts: list[str], told: list[str] | None = None
) -> list[threading.Thread]:
    """Videos ordered at the same time by clients that do not mind a proxy that dies. `told`: gets the prompts
    of those whose client has heard that they were taken."""

    def order(prompt: str) -> None:
        body = {"model": prompt.split()[0], "prompt": prompt}
        try:
            with proxy.http() as http:
                if http.post("/v1/videos", json=body).status_code == 200 and told is not None:
                    told.append(prompt)
        except httpx.HTTPError:
            pass

    threads = [threading.Thread(target=order, args=(one,)) for one in prompts]
    for one in threads:
        one.start()
    return threads


def _list(http: httpx.Client) -> list[dict[str, Any]]:
    try:
        return list(http.get("/v1/videos", params={"limit": 100}).json()["data"])
    except httpx.TransportError:  # a connection of the worker that was killed
        return []


def _finished(http: httpx.Client) -> list[dict[str, Any]]:
    return [one for one in _list(http) if one["status"] in ("completed", "failed")]


def _all_ended(http: httpx.Client) -> bool:
    return len(_finished(http)) == len(_list(http))


def _prompts(double: Double) -> list[str]:
    return [seen.body["prompt"] for seen in double.submits if seen.body]


def _gone(double: Double) -> int:
    return sum(seen.disconnected for seen in double.submits)


def _nothing_was_paid_twice(doubles: list[Double]) -> None:
    for double in doubles:
        assert [p for p, times in Counter(_prompts(double)).items() if times > 1] == []
