"""apiin.one's callbacks: a hint to ask, under an address with a secret; the gateway's word alone counts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.core import Double
from tests.eventually import eventually
from tests.harness import Proxy, config_for
from tests.publicly import public_proxy
from tests.wire import VIDEO, A, ended, posted

RARELY = {"poll_min": 300, "poll_max": 300, "timeout": 1800}
ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "/v1/jobs/image": ("apiin-one/flux-2", {}),
    "/v1/jobs/video": ("apiin-one/kling-3", {}),
    "/v1/jobs/music": ("apiin-one/suno", {}),
    "/v1/jobs/speech": ("apiin-one/elevenlabs-v3", {}),
    "/v1/images/edits": ("apiin-one/remove-bg", {"image": A}),
    "/v1/videos/edits": ("apiin-one/video-upscale", {"video": VIDEO}),
}


@pytest.fixture
def patient(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy that asks by itself only every five minutes."""
    priced = {"apiin-one": {"usd_per_credit": 0.005}}
    config = config_for(gateways, jobs=RARELY, providers=priced)
    with public_proxy(tmp_path, config) as running:
        yield running


@pytest.fixture
def double(gateways: Sandbox) -> Double:
    """Its videos take ten minutes, unless they are finished by hand."""
    gateways["apiin.one"].timing["video"] = 600.0
    return gateways["apiin.one"]


def order(http: httpx.Client, double: Double) -> tuple[str, str, str]:
    """A video under way: the job's id, the task's, and where the gateway is to call."""
    job = posted(http, "/v1/videos", model="kling", prompt="A cat").json()["id"]
    seen = double.submits[-1]
    return job, str(seen.task_id), str(seen.body["callback_url"])


def call(url: str, body: Any = None) -> int:
    return httpx.post(url, json=body, trust_env=False).status_code


def gateway_calls(double: Double, task: str) -> None:
    assert asyncio.run(double.call_back(task)) == 204


@pytest.mark.parametrize("path", ORDERS)
def test_every_submit_says_where_to_call(patient: Proxy, gateways: Sandbox, path: str) -> None:
    """The gateway is done at once, and calls as soon: long before the first poll."""
    double, (model, said) = gateways["apiin.one"], ORDERS[path]
    with patient.http() as http:
        answer = posted(http, path, model=model, prompt="A cat", **said)
        job = answer.headers["x-anygate-job"]
        assert ended(http, job)["status"] == "completed"
    url = double.submits[0].body["callback_url"]
    assert url.startswith(f"{patient.url}/callbacks/{job}/")
    assert len(url.rpartition("/")[2]) >= 32
    assert double.callbacks == [(url, 204)]
    assert len(double.polls()) == 1


def test_no_two_have_the_same_secret(patient: Proxy, double: Double) -> None:
    with patient.http() as http:
        urls = [order(http, double)[2] for _ in range(3)]
        shown = http.get("/v1/jobs").text + http.get("/v1/videos").text
    secrets = {url.rpartition("/")[2] for url in urls}
    assert len(secrets) == 3
    assert not [one for one in secrets if one in shown]


def test_a_call_has_the_gateway_asked(patient: Proxy, double: Double) -> None:
    with patient.http() as http:
        job, task, _ = order(http, double)
        gateway_calls(double, task)
        double.wait(lambda double: len(double.polls(task)) == 1)
        eventually(lambda: http.get(f"/v1/videos/{job}").json()["status"] == "in_progress")
        double.finish(task)
        gateway_calls(double, task)
        done = ended(http, job)
    assert (done["status"], done["anygate"]["cost"]) == ("completed", 0.025)
    assert len(double.polls(task)) == 2


def test_a_call_tells_of_a_failure_too(patient: Proxy, double: Double) -> None:
    double.failed_credits = 3
    with patient.http() as http:
        job, task, _ = order(http, double)
        double.fail(task, "no cats today")
        gateway_calls(double, task)
        done = ended(http, job)
    double.failed_credits = 0.0
    assert (done["status"], done["error"]["message"]) == ("failed", "no cats today")
    assert done["anygate"]["cost"] == 0.015


def test_what_a_call_says_is_not_believed(patient: Proxy, double: Double) -> None:
    """With the right secret, and a result that the gateway knows nothing of."""
    evil = {"task_id": "x", "status": "SUCCESS", "response": ["https://example.com/evil.mp4"]}
    with patient.http() as http:
        job, task, url = order(http, double)
        for body in ({"code": 200, "data": evil}, {**evil, "status": "FAILED"}, [], "x"):
            asked = len(double.polls(task))
            assert call(url, body) == 204
            double.wait(lambda double, asked=asked: len(double.polls(task)) > asked)
        assert http.get(f"/v1/videos/{job}").json()["status"] == "in_progress"
        assert http.get(f"/v1/videos/{job}/content").status_code == 409
        double.finish(task)
        assert call(url, {**evil, "status": "FAILED"}) == 204
        assert ended(http, job)["status"] == "completed"
        assert http.get(f"/v1/videos/{job}/content").content[4:8] == b"ftyp"


def test_forged_calls_change_nothing(patient: Proxy, double: Double) -> None:
    """All are answered alike: nobody learns which jobs there are."""
    with patient.http() as http:
        job, task, url = order(http, double)
        _, _, others = order(http, double)
        base, _, secret = url.rpartition("/")
        other = others.rpartition("/")[2]
        double.finish(task)
        for wrong in ("x", other, secret[:-1], secret + "x", secret.swapcase(), "%C3%A9", "%00"):
            assert call(f"{base}/{wrong}", {"status": "SUCCESS"}) == 204
        assert call(f"{patient.url}/callbacks/video_nothing/{secret}") == 204
        assert call(f"{patient.url}/callbacks/%C3%A9/{secret}") == 204
        assert call(f"{base}/") == 404
        assert httpx.get(url, trust_env=False).status_code == 405
        assert http.get(f"/v1/videos/{job}").json()["status"] != "completed"
        assert call(url) == 204
        assert ended(http, job)["status"] == "completed"
    assert len(double.polls()) == 1


def test_repeated_and_late_calls_change_nothing(patient: Proxy, double: Double) -> None:
    with patient.http() as http:
        job, task, url = order(http, double)
        double.finish(task)
        for _ in range(5):
            gateway_calls(double, task)
        done = ended(http, job)
        asked = len(double.polls(task))
        assert 1 <= asked <= 5
        double.fail(task, "not at all")
        for _ in range(3):
            gateway_calls(double, task)
            assert call(url, {"status": "FAILED"}) == 204
        second, other, _ = order(http, double)  # asked after by the same queue: the first was not
        double.finish(other)
        gateway_calls(double, other)
        ended(http, second)
        assert http.get(f"/v1/jobs/{job}").json() == done
    assert len(double.polls(task)) == asked
    assert done["anygate"]["cost"] == 0.025


def test_a_deleted_job_is_followed_to_its_end(patient: Proxy, double: Double) -> None:
    with patient.http() as http:
        job, task, _ = order(http, double)
        http.delete(f"/v1/videos/{job}")
        double.finish(task)
        gateway_calls(double, task)
        double.wait(lambda double: len(double.polls(task)) == 1)
        assert http.get(f"/v1/videos/{job}").status_code == 404


def test_several_tasks_of_a_job(patient: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.timing["image"] = 600.0
    with patient.http() as http:
        job = posted(http, "/v1/jobs/image", model="flux", prompt="Cats", n=3).json()["id"]
        double.wait(lambda double: len(double.tasks) == 3)
        urls = {seen.body["callback_url"] for seen in double.submits}
        assert len(urls) == 1
        for task in double.tasks:
            double.finish(task)
        eventually(lambda: len(http.get(f"/v1/jobs/{job}").json()["tasks"]) == 3)
        gateway_calls(double, next(iter(double.tasks)))
        assert len(ended(http, job)["assets"]) == 3


def test_nobody_else_may_say_where_to_call(patient: Proxy, gateways: Sandbox) -> None:
    theirs = {"callback_url": "https://example.com/mine"}
    with patient.http() as http:
        for more in (theirs, {"provider_options": theirs}):
            body = {"model": "kling", "prompt": "A cat", **more}
            answer = http.post("/v1/videos", json=body)
            assert answer.json()["error"]["code"] == "unsupported_parameter"
    assert gateways["apiin.one"].submits == []


def test_without_a_public_address_none_is_asked_for(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as http:
        posted(http, "/v1/videos", model="kling", prompt="A cat")
    assert "callback_url" not in gateways["apiin.one"].submits[0].body
