"""Idempotency-Key: one paid task a key, whoever repeats the request, and however often."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.openapi import check
from tests.wire import ended, posted

IMAGE = {"model": "flux", "prompt": "A red square"}
VIDEO = {"model": "sora-2", "prompt": "A cat"}
KEY = {"Idempotency-Key": "order-1"}


def test_a_duplicate_joins_a_running_job(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].ready_after_polls = 10_000
    with proxy.sdk() as client:
        first = client.videos.create(**VIDEO, extra_headers=KEY)
        second = client.videos.create(**VIDEO, extra_headers=KEY)
        assert second.id == first.id
    assert len(gateways["onysoft"].submits) == 1


def test_a_duplicate_joins_a_finished_job(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.sdk() as client:
        first = client.images.generate(**IMAGE, extra_headers=KEY)
        second = client.images.generate(**IMAGE, extra_headers=KEY)
    assert second.data == first.data
    assert len(gateways["apiin.one"].submits) == 1


def test_a_duplicate_joins_a_job_that_failed_in_doubt(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", cut="after")
    with proxy.sdk() as client:
        for _ in range(2):
            with pytest.raises(openai.APIStatusError, match="unknown whether") as raised:
                client.videos.create(**VIDEO, extra_headers=KEY)
            assert raised.value.code == "submission_ambiguous"
    assert len(gateways["onysoft"].submits) == 1


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/images/generations"])
def test_twenty_at_once_are_one(proxy: Proxy, gateways: Sandbox, path: str) -> None:
    double = gateways["onysoft" if path == "/v1/videos" else "apiin.one"]
    double.fault("submit", late=0.3)
    body = VIDEO if path == "/v1/videos" else IMAGE
    jobs: list[str] = []

    def order() -> None:
        with proxy.http() as http:
            answer = http.post(path, json=body, headers=KEY)
            check("POST", path, answer.status_code, answer.json())
            jobs.append(answer.headers["x-anygate-job"])

    threads = [threading.Thread(target=order) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(jobs) == 20
    assert len(set(jobs)) == 1
    assert len(double.submits) == 1


def test_another_body_is_refused(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.sdk(max_retries=2) as client:
        client.videos.create(**VIDEO, extra_headers=KEY)
        with pytest.raises(openai.BadRequestError) as raised:
            client.videos.create(model="sora-2", prompt="A dog", extra_headers=KEY)
    assert raised.value.code == "idempotency_key_reused"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(gateways["onysoft"].submits) == 1


def test_the_same_body_in_another_encoding_is_the_same(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.http() as http:
        first = http.post("/v1/videos", json=VIDEO, headers=KEY)
        turned = dict(reversed(VIDEO.items()))
        second = http.post("/v1/videos", json=turned, headers=KEY)
        form = http.post("/v1/videos", files={k: (None, v) for k, v in VIDEO.items()}, headers=KEY)
    assert first.json()["id"] == second.json()["id"] == form.json()["id"]
    assert len(gateways["onysoft"].submits) == 1


def test_a_certain_refusal_frees_the_key(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", status=402)
    with proxy.sdk() as client:
        with pytest.raises(openai.RateLimitError) as raised:
            client.videos.create(**VIDEO, extra_headers=KEY)
        assert raised.value.code == "provider_insufficient_quota"
        made = client.videos.create(**VIDEO, extra_headers=KEY)
        assert eventually(lambda: client.videos.retrieve(made.id).status == "completed")
        gateways["onysoft"].fault("submit", status=402)
        assert client.videos.create(**VIDEO, extra_headers=KEY).id == made.id
    assert len(gateways["onysoft"].tasks) == 1


def test_deletion_frees_the_key_of_what_has_ended(proxy: Proxy, gateways: Sandbox) -> None:
    """The same order was answered with the deleted job, which no client could read."""
    with proxy.http(headers={"idempotency-key": "k"}) as http:
        first = posted(http, "/v1/videos", model="sora-2", prompt="A cat").json()["id"]
        ended(http, first)
        http.delete(f"/v1/videos/{first}")
        second = posted(http, "/v1/videos", model="sora-2", prompt="A cat").json()["id"]
        assert second != first
        assert ended(http, second)["status"] == "completed"
    assert len(gateways["onysoft"].submits) == 2


def test_an_order_for_a_deleted_job_under_way_brings_it_back(
    proxy: Proxy, gateways: Sandbox
) -> None:
    """It is paid for, and its key holds: it is not ordered twice, nor is its client told of what is not there."""
    double = gateways["onysoft"]
    double.ready_after_polls = 10_000
    with proxy.http(headers={"idempotency-key": "k"}) as http:
        first = posted(http, "/v1/videos", model="sora-2", prompt="A cat").json()["id"]
        http.delete(f"/v1/videos/{first}")
        assert http.get(f"/v1/videos/{first}").status_code == 404
        assert posted(http, "/v1/videos", model="sora-2", prompt="A cat").json()["id"] == first
        assert http.get(f"/v1/videos/{first}").status_code == 200
        for task in double.tasks.values():
            task.after_polls = None
        double.finish(str(double.submits[0].task_id))
        assert ended(http, first)["status"] == "completed"
    assert len(double.submits) == 1


def test_a_failed_task_keeps_the_key(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["apiin.one"].fail_next("no squares today")
    with proxy.http() as http:
        answers = [http.post("/v1/images/generations", json=IMAGE, headers=KEY) for _ in range(2)]
    assert [one.status_code for one in answers] == [502, 502]
    assert "no squares today" in answers[1].json()["error"]["message"]
    assert len(gateways["apiin.one"].submits) == 1


def test_a_key_decides_alone(proxy: Proxy, gateways: Sandbox) -> None:
    """Equal requests under two keys are two orders, even where the SDK calls one a retry."""
    gateways["apiin.one"].fault("submit", late=0.8)
    with proxy.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/v1/images/generations", json=IMAGE, headers=KEY, timeout=0.3)
        other = {"Idempotency-Key": "order-2", "x-stainless-retry-count": "1"}
        http.post("/v1/images/generations", json=IMAGE, headers=other)
    assert len(gateways["apiin.one"].submits) == 2


@pytest.fixture
def shared(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    keys = [{"name": name, "key": f"key-of-{name}"} for name in ("web", "app")]
    config: dict[str, Any] = config_for(gateways, keys=keys)
    with proxy_in_thread(tmp_path, config, "key-of-web") as running:
        yield running


def test_keys_of_two_clients_are_two(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as web, shared.http(headers={"authorization": "Bearer key-of-app"}) as app:
        mine = web.post("/v1/videos", json=VIDEO, headers=KEY)
        theirs = app.post("/v1/videos", json={**VIDEO, "prompt": "A dog"}, headers=KEY)
    assert mine.status_code == theirs.status_code == 200
    assert mine.json()["id"] != theirs.json()["id"]
    assert len(gateways["onysoft"].submits) == 2
