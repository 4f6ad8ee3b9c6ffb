"""`webhook_url` on a job: called once it has ended, signed so that the SDK verifies it, and again if need be."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread, write

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(ThreadingHTTPServer):
    """Takes calls, and answers them with what `statuses` says, 200 after that."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.called = threading.Semaphore(0)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.calls.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.called.release()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hooked(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    config = config_for(gateways, webhooks={"secret": SECRET, "allow_private": True})
    with proxy_in_thread(tmp_path, config) as running:
        yield running


def test_the_sdk_verifies_the_call(hooked: Proxy, receiver: Receiver) -> None:
    with hooked.sdk() as client:
        video = client.videos.create(
            model="sora-2", prompt="A cat", extra_body={"webhook_url": receiver.url}
        )
        assert receiver.called.acquire(timeout=10)
        headers, body = receiver.calls[0]
        event = client.webhooks.unwrap(body, headers, secret=SECRET)
        assert event.type == "video.completed"
        assert event.data.id == video.id
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client.webhooks.verify_signature(body + b" ", headers, secret=SECRET)


def test_a_failed_job_is_told_too(hooked: Proxy, receiver: Receiver, gateways: Sandbox) -> None:
    gateways["onysoft"].fail_next("no cats today")
    body = {"model": "sora-2", "prompt": "A cat", "webhook_url": receiver.url}
    with hooked.http() as http:
        job = http.post("/v1/jobs/video", json=body).json()
    assert receiver.called.acquire(timeout=10)
    assert b'"video.failed"' in receiver.calls[0][1]
    assert job["id"].encode() in receiver.calls[0][1]


def test_a_call_that_fails_is_repeated_with_the_same_id(
    hooked: Proxy, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.jobs.notify._WAITS", (0.01, 0.01))
    receiver.statuses = [500, 503]
    with hooked.sdk() as client:
        client.videos.create(
            model="sora-2", prompt="A cat", extra_body={"webhook_url": receiver.url}
        )
    for _ in range(3):
        assert receiver.called.acquire(timeout=10)
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1


def test_the_log_tells_why_nobody_is_told(
    hooked: Proxy, receiver: Receiver, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.jobs.notify._WAITS", (0.01,))
    receiver.statuses = [401, 302]
    with hooked.sdk() as client:
        asked = {"webhook_url": receiver.url}
        job = client.videos.create(model="sora-2", prompt="A cat", extra_body=asked).id
    lines = [
        f"anygate.webhooks: webhook of {job}: it was answered with status 401",
        f"anygate.webhooks: webhook of {job}: it was answered with status 302",
        f"anygate.webhooks: webhook of {job}: it is given up",
    ]
    eventually(lambda: [one for one in logged if one.startswith("anygate.webhooks")] == lines)


def test_a_job_is_told_of_whose_provider_is_removed(
    gateways: Sandbox, tmp_path: Path, receiver: Receiver
) -> None:
    gateways["onysoft"].ready_after_polls = 10_000
    webhooks = {"secret": SECRET, "allow_private": True}
    config = config_for(gateways, webhooks=webhooks, jobs={"timeout": 1, "lease": 1})
    body = {"model": "sora-2", "prompt": "A cat", "webhook_url": receiver.url}
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        job = http.post("/v1/jobs/video", json=body).json()["id"]
        del config["providers"]["onysoft"]
        config["models"], config["defaults"] = {}, {}
        write(tmp_path, config)
        assert proxy.service is not None
        proxy.service.reload()
        assert receiver.called.acquire(timeout=10)
        ended = http.get(f"/v1/jobs/{job}").json()
    assert ended["error"]["code"] == "provider_not_configured"
    assert b'"video.failed"' in receiver.calls[0][1]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://[::1]/x",
        "ftp://example.com/",
        "example.com",
        7,
        "http://10.0.0.1/",
        "http://example.com:99999/",
        "http://example.com:port/",
        "http://xn--/x",
    ],
)
def test_private_and_senseless_addresses_are_refused(
    gateways: Sandbox, tmp_path: Path, url: object
) -> None:
    config = config_for(gateways, webhooks={"secret": SECRET})
    with proxy_in_thread(tmp_path, config) as running, running.http() as http:
        answer = http.post(
            "/v1/videos", json={"model": "sora-2", "prompt": "A cat", "webhook_url": url}
        )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "webhook_url"
    assert not gateways["onysoft"].submits


def test_a_name_that_points_inside_is_never_called(
    gateways: Sandbox, tmp_path: Path, receiver: Receiver
) -> None:
    """An odd notation of loopback is a name until it is resolved, and refused then."""
    config = config_for(gateways, webhooks={"secret": SECRET})
    url = receiver.url.replace("127.0.0.1", "0x7f.1")
    with proxy_in_thread(tmp_path, config) as running, running.sdk() as client:
        client.videos.create_and_poll(
            model="sora-2", prompt="A cat", extra_body={"webhook_url": url}
        )
        assert not receiver.called.acquire(timeout=0.3)


def test_without_a_secret_there_are_no_webhooks(proxy: Proxy) -> None:
    body = {"model": "sora-2", "prompt": "A cat", "webhook_url": "https://example.com/hook"}
    with proxy.http() as http:
        answer = http.post("/v1/videos", json=body)
    assert answer.json()["error"]["code"] == "unsupported_parameter"
