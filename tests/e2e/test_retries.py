"""The SDKs repeat by themselves what they got no answer to: never a second paid task."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.openapi import check

IMAGE = {"model": "flux", "prompt": "A red square"}
VIDEO = {"model": "sora-2", "prompt": "A cat"}


def test_an_image_that_takes_too_long_ends_with_the_jobs_id(
    proxy: Proxy, gateways: Sandbox
) -> None:
    double = gateways["apiin.one"]
    double.timing["image"] = 1.2
    with proxy.sdk(timeout=0.7, max_retries=2) as client, pytest.raises(openai.APIStatusError) as e:
        client.images.generate(**IMAGE)
    answer = e.value.response
    assert answer.status_code == 504
    assert answer.headers["x-should-retry"] == "false"
    check("POST", "/images/generations", 504, answer.json())
    job = answer.headers["x-anygate-job"]
    with proxy.http() as http:
        done = eventually(lambda: _completed(http, job))
        assert done["status"] == "completed"
        assert http.get(f"/v1/jobs/{job}/content").content.startswith(b"\x89PNG")
    assert len(double.submits) == 1


def test_a_video_is_answered_before_its_client_gives_up(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    double.fault("submit", late=1.2)
    with proxy.sdk(timeout=0.7, max_retries=2) as client:
        video = client.videos.create(**VIDEO)
        assert video.status == "queued"
        eventually(lambda: client.videos.retrieve(video.id).status == "completed")
    assert len(double.submits) == 1


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/videos"])
def test_a_retry_joins_the_job_whose_client_has_gone(
    proxy: Proxy, gateways: Sandbox, path: str
) -> None:
    """Without its timeout in the headers: the client hangs up, and comes back."""
    double = gateways["apiin.one" if "images" in path else "onysoft"]
    double.fault("submit", late=0.8)
    body = IMAGE if "images" in path else VIDEO
    with proxy.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post(path, json=body, headers=retry(0), timeout=0.3)
        again = http.post(path, json=body, headers=retry(1))
        assert again.status_code == 200
        check("POST", path, 200, again.json())
    assert len(double.submits) == 1


def test_each_retry_count_joins_once_more(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.fault("submit", late=1.2)
    with proxy.http() as http:
        for count in range(3):
            with pytest.raises(httpx.ReadTimeout):
                http.post("/v1/images/generations", json=IMAGE, headers=retry(count), timeout=0.3)
        done = http.post("/v1/images/generations", json=IMAGE, headers=retry(3))
        assert done.status_code == 200
    assert len(double.submits) == 1


def test_equal_requests_of_two_callers_are_two_jobs(proxy: Proxy, gateways: Sandbox) -> None:
    """Both time out, both repeat: each repetition gets a job of its own back."""
    double = gateways["apiin.one"]
    double.fault("submit", times=2, late=1.0)
    jobs: list[str] = []

    def caller() -> None:
        with proxy.http() as http:
            with pytest.raises(httpx.ReadTimeout):
                http.post("/v1/images/generations", json=IMAGE, headers=retry(0), timeout=0.4)
            answer = http.post("/v1/images/generations", json=IMAGE, headers=retry(1))
            jobs.append(answer.headers["x-anygate-job"])

    in_threads(caller, 2)
    assert len(set(jobs)) == 2
    assert len(double.submits) == 2


@pytest.mark.parametrize("outcome", ["result", "failure"])
def test_an_answer_that_was_delivered_is_joined_by_nobody(
    proxy: Proxy, gateways: Sandbox, outcome: str
) -> None:
    double = gateways["apiin.one"]
    if outcome == "failure":
        double.fail_next("no")
    with proxy.http() as http:
        first = http.post("/v1/images/generations", json=IMAGE, headers=retry(0))
        assert first.status_code == (200 if outcome == "result" else 502)
        second = http.post("/v1/images/generations", json=IMAGE, headers=retry(1))
        assert second.status_code == 200
    assert first.headers["x-anygate-job"] != second.headers["x-anygate-job"]
    assert len(double.submits) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_whose_client_left_in_its_middle_is_joined(
    proxy: Proxy, gateways: Sandbox, stream: bool
) -> None:
    """Half of a large answer is no answer."""
    double = gateways["apiin.one"]
    double.configure({"files": {"size": 12_000_000}})
    body = {**IMAGE, "stream": stream}
    with proxy.http() as http:
        job = _left_in_the_middle(proxy, body)
        answer = http.post("/v1/images/generations", json=body, headers=retry(1))
        assert answer.headers["x-anygate-job"] == job
        assert len(answer.content) > 12_000_000
        later = http.post("/v1/images/generations", json=body, headers=retry(2))
        assert later.headers["x-anygate-job"] != job
    assert len(double.submits) == 2


def test_a_kept_picture_whose_client_left_in_the_middle_of_it_waits_for_the_retry(
    gateways: Sandbox, tmp_path: Any
) -> None:
    """It has not been given yet: others that need its room do not have it."""
    double = gateways["apiin.one"]
    double.configure({"files": {"size": 12_000_000}})
    config = config_for(gateways, media={"keep": True, "max_mb": 13})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        job = _left_in_the_middle(proxy, {**IMAGE, "stream": False})
        other = http.post("/v1/images/generations", json={**IMAGE, "prompt": "A blue square"})
        assert other.status_code == 200
        double.files.expired = True
        answer = http.post(
            "/v1/images/generations", json={**IMAGE, "stream": False}, headers=retry(1)
        )
        assert (answer.status_code, answer.headers["x-anygate-job"]) == (200, job)
    assert len(double.submits) == 2


def test_another_clients_retry_joins_nothing(gateways: Sandbox, tmp_path: Any) -> None:
    keys = [{"name": name, "key": f"key-of-{name}"} for name in ("web", "app")]
    double = gateways["apiin.one"]
    double.fault("submit", late=0.8)
    with proxy_in_thread(tmp_path, config_for(gateways, keys=keys), "key-of-web") as proxy:
        with proxy.http() as http, pytest.raises(httpx.ReadTimeout):
            http.post("/v1/images/generations", json=IMAGE, headers=retry(0), timeout=0.3)
        with proxy.http(headers={"authorization": "Bearer key-of-app"}) as http:
            http.post("/v1/images/generations", json=IMAGE, headers=retry(1))
    assert len(double.submits) == 2


def test_a_refusal_that_may_pass_is_repeated_as_a_new_job(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.fault("submit", status=429, headers={"retry-after": "0.1"})
    with proxy.sdk(max_retries=2) as client:
        made = client.images.generate(**IMAGE)
    assert made.data
    assert len(double.submits) == 2
    assert len(double.tasks) == 1


def retry(count: int) -> dict[str, str]:
    return {"x-stainless-retry-count": str(count)}


def in_threads(work: Any, number: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _completed(http: httpx.Client, job: str) -> Any:
    body = http.get(f"/v1/jobs/{job}").json()
    return body if body["status"] in ("completed", "failed") else None


def _left_in_the_middle(proxy: Proxy, body: Any) -> str:
    """The job of a request whose client hangs up after the answer's first bytes."""
    with _slow_socket(proxy) as client:
        sent = httpx.Request("POST", proxy.url + "/v1/images/generations", json=body)
        head = b"POST /v1/images/generations HTTP/1.1\r\nx-stainless-retry-count: 0\r\n"
        for name, value in sent.headers.raw:
            head += name + b": " + value + b"\r\n"
        client.sendall(head + b"\r\n" + sent.content)
        said = client.recv(2000)
        assert b"200 OK" in said
    return said.partition(b"x-anygate-job: ")[2].partition(b"\r\n")[0].decode()


@contextmanager
def _slow_socket(proxy: Proxy) -> Iterator[socket.socket]:
    url = httpx.URL(proxy.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((url.host, url.port))
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "chat-text", "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/images/generations", IMAGE),
    ],
)  # fmt: skip
def test_what_follows_an_answer_finds_it_delivered(
    tmp_path: Path, gateways: Sandbox, path: str, body: dict[str, Any]
) -> None:
    """However soon: here it lies behind the request that is answered."""
    kept = config_for(gateways, media={"keep": True})
    with proxy_in_thread(tmp_path, kept) as proxy, proxy.http() as http:
        two = b"".join(_request(http, path, {**body, "user": "u"}, retry) for retry in (0, 1))
        url = httpx.URL(proxy.url)
        with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
            connection.sendall(two)
            answers = connection.makefile("rb")
            first, second = _job_of(answers), _job_of(answers)
    assert first != second


def _request(http: httpx.Client, path: str, body: dict[str, Any], retry: int) -> bytes:
    made = http.build_request("POST", path, json=body)
    made.headers["x-stainless-retry-count"] = str(retry)
    lines = b"".join(b"%s: %s\r\n" % line for line in made.headers.raw)
    return b"POST %s HTTP/1.1\r\n%s\r\n%s" % (path.encode(), lines, made.content)


def _job_of(answers: BinaryIO) -> str:
    """The job that the next answer of a connection tells of."""
    status, *lines = iter(lambda: answers.readline().strip(), b"")
    assert status == b"HTTP/1.1 200 OK"
    headers = dict(line.decode().split(": ", 1) for line in lines)
    answers.read(int(headers["content-length"]))
    return headers["x-anygate-job"]
