"""The next target gets a job only when the one before has certainly taken nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox, in_thread
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.openapi import check

BOTH = {
    "both": ["onysoft/sora-2", "apiin-one/kling-3"],
    "pictures": ["onysoft/google/imagen4", "apiin-one/flux-2"],
}
VIDEO: dict[str, Any] = {"model": "both", "prompt": "A cat"}
IMAGE: dict[str, Any] = {"model": "pictures", "prompt": "A cat"}


@pytest.fixture
def proxy(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    timeouts = {"timeout": {"connect": 1, "read": 0.5}}
    config = config_for(gateways, models=BOTH, providers={"onysoft": timeouts})
    with proxy_in_thread(tmp_path, config) as running:
        yield running


@pytest.mark.parametrize("status", [401, 402, 403, 404, 422, 429])
def test_a_refusal_goes_to_the_next(proxy: Proxy, gateways: Sandbox, status: int) -> None:
    gateways["onysoft"].fault("submit", times=None, status=status)
    with proxy.http() as http:
        video = http.post("/v1/videos", json=VIDEO)
        image = http.post("/v1/images/generations", json=IMAGE)
    for path, answer in (("/videos", video), ("/images/generations", image)):
        assert answer.status_code == 200, answer.text
        check("POST", path, 200, answer.json())
        assert answer.headers["x-anygate-provider"] == "apiin-one"
    assert video.headers["x-anygate-model"] == "kling-3"
    assert video.json()["anygate"]["target"] == "apiin-one/kling-3"
    assert len(gateways["apiin.one"].submits) == len(gateways["onysoft"].submits) == 2


def test_a_gateway_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    with in_thread("onysoft", "apiin.one", timing=0) as gateways:
        config = config_for(gateways, models=BOTH)
        config["providers"]["onysoft"]["base_url"] = "http://127.0.0.1:9/v1"
        config["models"] = BOTH
        config["defaults"] = {}
        with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
            answer = http.post("/v1/videos", json=VIDEO)
            assert answer.headers["x-anygate-provider"] == "apiin-one"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 502},
        {"cut": "before"},
        {"cut": "after"},
        {"late": 30},
        {"delay": 30},
        {"truncate": 10},
        {"body": "<html>Bad gateway</html>"},
    ],
    ids=lambda fault: "-".join(map(str, next(iter(fault.items()))))[:12],
)
def test_a_doubt_is_sent_nowhere_else(proxy: Proxy, gateways: Sandbox, fault: Any) -> None:
    gateways["onysoft"].fault("submit", times=None, **fault)
    with proxy.sdk(max_retries=2, timeout=10) as client:
        with pytest.raises(openai.InternalServerError) as video:
            client.videos.create(**VIDEO)
        with pytest.raises(openai.InternalServerError) as image:
            client.images.generate(**IMAGE)
        for raised in (video, image):
            answer = raised.value.response
            assert (answer.status_code, raised.value.code) == (502, "submission_ambiguous")
            assert answer.headers["x-should-retry"] == "false"
            check("POST", "/videos", 502, answer.json())
        job = client.videos.retrieve(video.value.response.headers["x-anygate-job"])
        assert job.error is not None
        assert (job.status, job.error.code) == ("failed", "submission_ambiguous")
    assert len(gateways["onysoft"].submits) == 2
    assert gateways["apiin.one"].submits == []


def test_a_failure_says_the_gateways_own_words(proxy: Proxy, gateways: Sandbox) -> None:
    body = {"success": False, "error": {"code": "internal", "message": "the GPU melted"}}
    gateways["onysoft"].fault("submit", status=500, body=body)
    with proxy.sdk() as client, pytest.raises(openai.InternalServerError, match="the GPU melted"):
        client.videos.create(**VIDEO)


def test_where_all_refuse_the_last_one_is_heard(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", status=429, headers={"retry-after": "7"})
    gateways["apiin.one"].fault("submit", status=422)
    with proxy.sdk() as client, pytest.raises(openai.BadRequestError) as raised:
        client.videos.create(**VIDEO)
    assert raised.value.code == "provider_rejected"


def test_retry_after_reaches_the_client(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", status=429, headers={"retry-after": "7"})
    with proxy.sdk() as client, pytest.raises(openai.RateLimitError) as raised:
        client.videos.create(model="sora-2", prompt="A cat")
    assert raised.value.code == "provider_rate_limited"
    assert raised.value.response.headers["retry-after"] == "7"
    assert "x-should-retry" not in raised.value.response.headers


def test_of_four_pictures_three_come(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.fault("submit", match=lambda seen: len(double.submits) == 2, status=500)
    with proxy.http() as http:
        answer = http.post(
            "/v1/images/generations", json={"model": "flux", "prompt": "A cat", "n": 4}
        )
    assert answer.headers["x-anygate-partial"] == "3/4"
    assert len(answer.json()["data"]) == 3
    check("POST", "/images/generations", 200, answer.json())
    assert len(double.submits) == 4


def test_after_the_first_was_taken_nothing_goes_elsewhere(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    double.fault("submit", times=None, match=lambda seen: len(double.submits) > 0, status=429)
    with proxy.http() as http:
        answer = http.post("/v1/images/generations", json={**IMAGE, "n": 3})
    assert answer.status_code == 200
    assert answer.headers["x-anygate-partial"] == "1/3"
    assert answer.headers["x-anygate-provider"] == "onysoft"
    assert gateways["apiin.one"].submits == []


def test_after_a_doubt_the_rest_is_not_sent(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", cut="after")
    with proxy.http() as http:
        answer = http.post("/v1/images/generations", json={**IMAGE, "n": 3})
    assert answer.json()["error"]["code"] == "submission_ambiguous"
    assert len(gateways["onysoft"].submits) == 1
    assert gateways["apiin.one"].submits == []
