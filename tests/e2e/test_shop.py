"""aigate.shop: one request that lasts as long as the work stands behind a job like any other."""

from pathlib import Path

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread
from tests.openapi import check
from tests.processes import stored

VIDEO = {"model": "kling-shop", "prompt": "A cat"}
# POST /v1/videos gives this gateway two seconds to refuse; a client in a hurry gets its answer sooner.
HURRY = {"x-stainless-read-timeout": "0.5"}


def test_the_client_has_its_answer_long_before_the_gateways(
    proxy: Proxy, gateways: Sandbox
) -> None:
    double = gateways["aigate.shop"]
    double.timing["video"] = 600.0
    with proxy.http() as http:
        answer = http.post("/v1/videos", json=VIDEO)
        assert answer.status_code == 200
        check("POST", "/videos", 200, answer.json())
        video = answer.json()["id"]
        double.wait(lambda double: len(double.tasks) == 1)
        assert answer.json()["status"] in ("queued", "in_progress")
        assert http.get(f"/v1/videos/{video}").json()["status"] == "in_progress"
        double.finish(str(double.submits[0].task_id))
        double.release()
        done = eventually(lambda: http.get(f"/v1/videos/{video}").json()["status"] == "completed")
        assert done
    assert len(double.submits) == 1


def test_a_refusal_comes_at_once(proxy: Proxy, gateways: Sandbox) -> None:
    body = {"error": {"message": "no such model", "type": "invalid_request_error", "code": "x"}}
    gateways["aigate.shop"].fault("submit", status=400, body=body)
    with proxy.sdk() as client, pytest.raises(openai.BadRequestError, match="no such model"):
        client.videos.create(**VIDEO)


def test_a_refusal_that_comes_late_is_a_failed_job(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["aigate.shop"].fault("submit", delay=0.8, status=400)
    with proxy.sdk() as client:
        video = client.videos.create(**VIDEO, extra_headers=HURRY)
        eventually(lambda: client.videos.retrieve(video.id).status == "failed")
        error = client.videos.retrieve(video.id).error
    assert error is not None
    assert error.code == "provider_rejected"


@pytest.mark.parametrize("name", ["provider_options", "metadata"])
def test_the_sdks_form_keeps_the_types_of_options(
    proxy: Proxy, gateways: Sandbox, name: str
) -> None:
    said = {"cfg_scale": 0.65, "loop": True, "camera": {"zoom": 2, "move": "in"}}
    with proxy.sdk() as client:
        client.videos.create(**VIDEO, extra_body={name: said})
    gateways["aigate.shop"].wait(lambda double: len(double.submits) == 1)
    assert gateways["aigate.shop"].submits[0].body[name] == said


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_may_have_cost_something(
    gateways: Sandbox, tmp_path: Path, status: int
) -> None:
    gateways["aigate.shop"].fault("submit", times=None, status=status)
    models = {"both": ["aigate-shop/klingai/kling-v3.0-t2v", "onysoft/sora-2"]}
    with (
        proxy_in_thread(tmp_path, config_for(gateways, models=models)) as proxy,
        proxy.sdk(max_retries=2) as client,
        pytest.raises(openai.InternalServerError) as raised,
    ):
        client.videos.create(model="both", prompt="A cat")
    assert raised.value.code == "submission_ambiguous"
    assert len(gateways["aigate.shop"].submits) == 1
    assert gateways["onysoft"].submits == []


@pytest.mark.slow
def test_sigterm_lets_it_finish(gateways: Sandbox, tmp_path: Path) -> None:
    double = gateways["aigate.shop"]
    double.timing["video"] = 600.0
    running = ProxyProcess(tmp_path, config_for(gateways, jobs={"drain": 30}))
    with running as proxy, proxy.http(headers=HURRY) as http:
        video = http.post("/v1/videos", json=VIDEO).json()["id"]
        double.wait(lambda double: len(double.tasks) == 1)
        assert running.process is not None
        running.process.terminate()
        eventually(lambda: _refuses(proxy))
        double.finish(str(double.submits[0].task_id))
        double.release()
        running.process.wait(30)
        proxy = running.start()
        with proxy.http() as http:
            assert http.get(f"/v1/videos/{video}").json()["status"] == "completed"
    assert len(double.submits) == 1


@pytest.mark.slow
def test_kill_9_leaves_it_in_doubt(gateways: Sandbox, tmp_path: Path) -> None:
    double = gateways["aigate.shop"]
    double.timing["video"] = 600.0
    running = ProxyProcess(tmp_path, config_for(gateways, jobs={"lease": 1}))
    with running as proxy:
        with proxy.http(headers=HURRY) as http:
            video = http.post("/v1/videos", json=VIDEO).json()["id"]
        double.wait(lambda double: len(double.tasks) == 1)
        running.kill()
        proxy = running.start()
        with proxy.http() as http:
            path = f"/v1/videos/{video}"
            eventually(lambda: http.get(path).json()["status"] == "failed")
            assert http.get(path).json()["error"]["code"] == "submission_ambiguous"
    assert len(double.submits) == 1


@pytest.mark.slow
def test_the_drain_has_an_end(gateways: Sandbox, tmp_path: Path) -> None:
    double = gateways["aigate.shop"]
    double.timing["video"] = 600.0
    running = ProxyProcess(tmp_path, config_for(gateways, jobs={"drain": 0.5, "lease": 1}))
    with running as proxy:
        with proxy.http(headers=HURRY) as http:
            http.post("/v1/videos", json=VIDEO)
        double.wait(lambda double: len(double.tasks) == 1)
        running.stop()
    (job,) = stored(tmp_path)
    assert job.tasks[0].state == "sending"  # for whoever finds its lease run out


@pytest.mark.parametrize("variant", ["videos_id", "id_only", "id_task_id"])
def test_where_the_account_answers_with_an_id_it_is_polled(
    gateways: Sandbox, tmp_path: Path, variant: str
) -> None:
    double = gateways["aigate.shop"]
    double.variants.add(variant)
    double.ready_after_polls = 3
    config = config_for(gateways, providers={"aigate-shop": {"submit": "async"}})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        video = client.videos.create_and_poll(**VIDEO)
        assert video.status == "completed", video.error
        assert client.videos.download_content(video.id).read()[4:8] == b"ftyp"
    assert double.submits[0].path == "/v1/videos"
    assert len(double.polls(double.submits[0].task_id)) == 4


def _refuses(proxy: Proxy) -> bool:
    try:
        with proxy.http() as http:
            http.get("/healthz")
    except httpx.TransportError:
        return True
    return False
