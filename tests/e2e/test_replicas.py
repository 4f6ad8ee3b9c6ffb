"""Two replicas on one Valkey: what one begins the other goes on with, and what they count they count together."""

import asyncio
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.core import Double
from tests.chatting import CHAT, body, refused
from tests.e2e.conftest import Pair
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for
from tests.storm import Storm
from tests.valkey import RedisServer

SECRET = "sk-replicas-123456"
VIDEO = {"model": "sora-2", "prompt": "A cat"}
IMAGE = {"model": "flux", "prompt": "A red square"}
ONCE = {"Idempotency-Key": "order-1"}
PRICES: dict[str, Any] = {
    "apiin-one": {"usd_per_credit": None, "prices": {"flux-2": {"per_image": 0.1}}},
    "openai": {"prices": {"gpt-4o-mini": {"per_request": 0.1}}},
}


def limited(**limits: Any) -> dict[str, Any]:
    return {"key": SECRET, "keys": [{"name": "web", "key": SECRET, **limits}]}


def in_turn(one: Proxy, other: Proxy, times: int) -> list[Proxy]:
    return [one, other] * (times // 2)


# Jobs


def test_a_job_of_one_is_the_others_too(replicas: Pair, gateways: Sandbox) -> None:
    one, other = replicas()
    with one.sdk() as here, other.sdk() as there:
        made = here.videos.create(**VIDEO)
        assert there.videos.retrieve(made.id).prompt == "A cat"
        assert there.videos.poll(made.id, poll_interval_ms=20).status == "completed"
        assert there.videos.download_content(made.id).read()[4:8] == b"ftyp"
        assert [video.id for video in there.videos.list()] == [made.id]
        assert there.videos.delete(made.id).deleted
        with pytest.raises(openai.NotFoundError):
            here.videos.retrieve(made.id)
        assert list(here.videos.list()) == []
    assert len(gateways["onysoft"].submits) == 1


def test_who_waits_at_one_is_told_what_the_other_found(replicas: Pair, gateways: Sandbox) -> None:
    """Both wait for one picture, of which one replica alone hears."""
    one, other = replicas()
    double = gateways["apiin.one"]
    double.ready_after_polls = 10_000
    found: list[httpx.Response] = []

    def order(proxy: Proxy) -> None:
        with proxy.http(headers=ONCE) as http:
            found.append(http.post("/v1/images/generations", json=IMAGE))

    waiting = [threading.Thread(target=order, args=(proxy,)) for proxy in (one, other)]
    for thread in waiting:
        thread.start()
    double.wait(lambda double: len(double.polls()) > 2)
    finish_all(double)
    for thread in waiting:
        thread.join()
    assert [answer.status_code for answer in found] == [200, 200]
    assert found[0].json()["data"] == found[1].json()["data"]
    assert len({answer.headers["x-anygate-job"] for answer in found}) == 1
    assert len(double.submits) == 1


def test_twenty_duplicates_at_both_are_one(replicas: Pair, gateways: Sandbox) -> None:
    one, other = replicas()
    gateways["onysoft"].fault("submit", late=0.3)
    jobs: list[str] = []

    def order(proxy: Proxy) -> None:
        with proxy.http(headers=ONCE) as http:
            jobs.append(http.post("/v1/videos", json=VIDEO).json()["id"])

    threads = [threading.Thread(target=order, args=(at,)) for at in in_turn(one, other, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(jobs), len(set(jobs))) == (20, 1)
    assert len(gateways["onysoft"].submits) == 1


def test_another_body_is_refused_at_the_other(replicas: Pair) -> None:
    one, other = replicas()
    with one.http(headers=ONCE) as here, other.http(headers=ONCE) as there:
        assert here.post("/v1/videos", json=VIDEO).status_code == 200
        refused(
            there.post("/v1/videos", json={**VIDEO, "prompt": "A dog"}),
            400,
            "idempotency_key_reused",
        )


def test_a_retry_by_the_sdk_at_the_other_joins(replicas: Pair, gateways: Sandbox) -> None:
    """The first replica is cut off before it has answered: a load balancer sends the retry elsewhere."""
    one, other = replicas()
    gateways["apiin.one"].fault("submit", late=0.8)
    with one.http() as here, other.http(headers={"x-stainless-retry-count": "1"}) as there:
        with pytest.raises(httpx.ReadTimeout):
            here.post("/v1/images/generations", json=IMAGE, timeout=0.3)
        answer = there.post("/v1/images/generations", json=IMAGE)
    assert answer.status_code == 200
    assert len(gateways["apiin.one"].submits) == 1


def test_a_task_is_polled_by_one_at_a_time(replicas: Pair, gateways: Sandbox) -> None:
    one, other = replicas()
    double = gateways["onysoft"]
    double.ready_after_polls = 5
    double.fault("poll", times=None, delay=0.05)
    with one.http() as here, other.http() as there:
        made = [
            http.post("/v1/videos", json={**VIDEO, "prompt": str(n)}).json()["id"]
            for n, http in enumerate([here, there] * 5)
        ]
        eventually(
            lambda: all(
                there.get(f"/v1/videos/{one}").json()["status"] == "completed" for one in made
            )
        )
    for task in double.tasks:
        assert_one_by_one(double, task)
        assert len(double.polls(task)) == 6  # five that were too early, and the one that told
    assert len(double.tasks) == 10


def assert_one_by_one(double: Double, task: str) -> None:
    for earlier, later in pairwise(double.polls(task)):
        assert earlier.ended is not None
        assert later.at >= earlier.ended, "two polls of one task at once"


# Limits, budgets, usage


def test_requests_of_a_minute_are_counted_together(replicas: Pair, gateways: Sandbox) -> None:
    pair = replicas(**limited(rpm=7))
    with pair[0].http() as here, pair[1].http() as there:
        said = [http.post(CHAT, json=body("chat-openai")) for http in [here, there] * 5]
    left = [one.headers["x-ratelimit-remaining-requests"] for one in said]
    assert left == ["6", "5", "4", "3", "2", "1", "0", "0", "0", "0"]
    assert [one.status_code for one in said] == [200] * 7 + [429] * 3
    assert len(gateways["openai"].log) == 7


async def test_requests_at_once_are_counted_together(replicas: Pair, gateways: Sandbox) -> None:
    one, other = replicas(**limited(concurrency=2))
    double = gateways["openai"]
    double.fault("chat", times=2, hang=True)
    async with one.async_http() as here, other.async_http() as there:
        held = [
            asyncio.create_task(http.post(CHAT, json=body("chat-openai"))) for http in (here, there)
        ]
        await double.until(lambda double: len(double.active) == 2)
        for http in (here, there):
            refused(await http.post(CHAT, json=body("chat-openai")), 429, "rate_limit_exceeded")
        double.release()
        assert [answer.status_code for answer in await asyncio.gather(*held)] == [200, 200]
        assert (await there.post(CHAT, json=body("chat-openai"))).status_code == 200


@pytest.mark.parametrize("path", ["/v1/images/generations", CHAT])
async def test_twenty_on_a_budget_for_five(replicas: Pair, gateways: Sandbox, path: str) -> None:
    one, other = replicas(providers=PRICES, **limited(budget_usd=0.5))
    order = body("chat-openai") if path == CHAT else IMAGE
    async with one.async_http() as here, other.async_http() as there:
        asked = (http.post(path, json=order) for http in [here, there] * 10)
        answers = await asyncio.gather(*asked)
    assert Counter(one.status_code for one in answers) == {200: 5, 429: 15}
    double = gateways["openai" if path == CHAT else "apiin.one"]
    assert len(double.log if path == CHAT else double.submits) == 5


def test_usage_is_of_both(replicas: Pair) -> None:
    one, other = replicas(providers=PRICES, **limited())
    with one.http() as here, other.http() as there:
        for http in (here, here, there):
            http.post(CHAT, json=body("chat-openai"))
            http.post("/v1/images/generations", json=IMAGE)
        for http in (here, there):  # each tells the store first what it has counted itself
            told = http.get("/v1/usage", params={"by": "kind"}).json()["data"]
    assert {row["kind"]: (row["requests"], row["cost_usd"]) for row in told} == {
        "chat": (3, pytest.approx(0.3)),
        "image": (3, pytest.approx(0.3)),
    }


# kill -9


@pytest.mark.slow
def test_a_killed_replica_leaves_its_jobs_to_the_other(
    valkey: RedisServer, gateways: Sandbox, tmp_path: Path
) -> None:
    double = gateways["onysoft"]
    double.ready_after_polls = 10_000
    config = config_for(gateways, store=valkey.url, jobs={"lease": 1})
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    dies, lives = (ProxyProcess(folder, config) for folder in folders)
    with dies as one, one.http() as http:
        made = [
            http.post("/v1/videos", json={**VIDEO, "prompt": str(n)}).json()["id"] for n in range(6)
        ]
        with lives as other, other.http() as there:
            dies.kill()
            finish_all(double)
            answers = eventually(lambda: all_completed(there, made), timeout=10)
    assert len(answers) == len(double.submits) == 6


def finish_all(double: Double) -> None:
    for task in tuple(double.tasks):
        double.finish(task)


def all_completed(http: httpx.Client, made: list[str]) -> list[dict[str, Any]]:
    """The jobs, once none of them is unfinished."""
    found = [http.get(f"/v1/videos/{one}").json() for one in made]
    return found if all(one["status"] == "completed" for one in found) else []


@pytest.mark.slow
def test_a_storm(valkey: RedisServer, gateways: Sandbox, tmp_path: Path) -> None:
    """`make storm` in short."""
    storm = Storm(gateways["onysoft"], config_for(gateways, store=valkey.url), tmp_path)
    report = storm.run(jobs=60, kills=3)
    assert report.right(), report
