"""Polls: one queue for all clients, and no bad answer fails a paid job."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox, in_thread
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread

ROWS = {
    "sora-2": "onysoft",
    "sora-gate": "ai-gate.one",
    "kling": "apiin.one",
}
BAD: list[Any] = [
    {"body": "<html>Just a moment</html>", "content_type": "text/html"},
    {"body": b'{"data": {"sta'},
    {"body": b""},
    {"body": b"[]"},
    {"status": 500},
    {"status": 503, "headers": {"retry-after": "0"}},
    {"status": 404},
    {"status": 401},
    {"truncate": 5},
    {"cut": "before"},
    {"cut": "after"},
]


@pytest.fixture(scope="session")
def all_gateways() -> Iterator[Sandbox]:
    """Doubles that nobody else polls."""
    with in_thread() as sandbox:
        yield sandbox


@pytest.mark.parametrize("model", ROWS)
def test_a_job_survives_every_bad_poll(proxy: Proxy, gateways: Sandbox, model: str) -> None:
    double = gateways[ROWS[model]]
    for fault in BAD:
        double.fault("poll", **fault)
    with proxy.sdk() as client:
        video = client.videos.create(model=model, prompt="A cat")
        done = eventually(lambda: _ended(client, video.id))
        assert done.status == "completed", done.error
    assert len(double.polls(double.submits[0].task_id)) == len(BAD) + 1
    assert len(double.submits) == 1


def test_a_poll_that_hangs_is_given_up_and_asked_again(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["onysoft"].fault("poll", hang=True)
    config = config_for(gateways, jobs={"lease": 1})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        assert eventually(lambda: _ended(client, video.id)).status == "completed"
    double = gateways["onysoft"]
    assert double.polls(double.submits[0].task_id)[0].disconnected


def test_the_deadline_fails_what_never_ends(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["onysoft"].ready_after_polls = 10_000
    config = config_for(gateways, jobs={"timeout": 1, "lease": 1})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        done = eventually(lambda: _ended(client, video.id))
        assert (done.status, done.error.code) == ("failed", "provider_timeout")
        with pytest.raises(openai.ConflictError) as raised:
            client.videos.download_content(video.id)
        assert raised.value.code == "video_failed"
        asked = len(gateways["onysoft"].polls())
        client.videos.create(model="kling", prompt="A cat")  # time passes
        assert len(gateways["onysoft"].polls()) <= asked + 1


WORDS: dict[str, dict[str, Any]] = {
    "fault": {"body": {"success": False, "message": "no cat for KEY"}},
    "not_found": {"status": 404, "body": {"error": {"message": "no cat for KEY"}}},
    "unreadable": {"body": "<html>no cat for KEY"},
}


@pytest.mark.parametrize("poll", WORDS)
def test_the_deadline_says_what_the_gateway_last_answered(
    gateways: Sandbox, tmp_path: Path, poll: str
) -> None:
    """Without its key. That it comes again and again makes no poll's word the job's end before."""
    key = gateways.keys["onysoft"]
    fault = json.loads(json.dumps(WORDS[poll]).replace("KEY", key))
    gateways["onysoft"].fault("poll", times=None, **fault)
    config = config_for(gateways, jobs={"timeout": 1})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        done = eventually(lambda: _ended(client, video.id))
    assert done.error.code == "provider_timeout"
    last = "last answer could not be read" if poll == "unreadable" else "last answered: no cat for"
    assert last in done.error.message
    assert key not in done.error.message
    assert len(gateways["onysoft"].polls()) > 2


@pytest.mark.parametrize("model", [*ROWS, "kling-shop"])
def test_a_failed_task_says_the_gateways_own_words(
    proxy: Proxy, gateways: Sandbox, model: str
) -> None:
    double = gateways[{**ROWS, "kling-shop": "aigate.shop"}[model]]
    double.timing["video"] = 0.3
    double.fail_next("the cat would not sit still")
    with proxy.sdk() as client:
        try:
            video = client.videos.create(model=model, prompt="A cat")
        except openai.APIStatusError as exc:  # a gateway that answers when all is over
            video = client.videos.retrieve(exc.response.headers["x-anygate-job"])
        done = eventually(lambda: _ended(client, video.id))
    assert done.status == "failed"
    assert "the cat would not sit still" in done.error.message
    # One long request can fail after it was charged: that it failed is not that it cost nothing.
    doubtful = model == "kling-shop"
    assert done.error.code == ("submission_ambiguous" if doubtful else "generation_failed")


def test_a_moderated_task_says_so(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["apiin.one"].fail_next("blocked by our content policy", moderation=True)
    with proxy.sdk() as client, pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(model="flux", prompt="A cat")
    assert raised.value.code == "content_policy_violation"
    assert "content policy" in raised.value.message


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(proxy: Proxy, gateways: Sandbox, status: int) -> None:
    double = gateways["onysoft"]
    double.fault("poll", status=status, headers={"retry-after": "600"})
    with proxy.sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        double.wait(lambda double: len(double.polls()) == 1)
        other = client.videos.create(model="sora-2", prompt="Another cat")
        assert eventually(lambda: _ended(client, other.id)).status == "completed"
        assert client.videos.retrieve(video.id).status != "completed"
    assert len(double.polls(video_task(double, "A cat"))) == 1


def test_many_clients_cost_the_gateway_one(gateways: Sandbox, tmp_path: Path) -> None:
    """Ten clients ask twenty times each; the gateway hears one poller, who is told of its pace."""
    double = gateways["onysoft"]
    double.ready_after_polls = 10_000
    config = config_for(gateways, jobs={"poll_min": 60, "poll_max": 60})
    with proxy_in_thread(tmp_path, config) as proxy:
        with proxy.sdk() as client:
            video = client.videos.create(model="sora-2", prompt="A cat")

        def ask() -> None:
            with proxy.sdk() as client:
                for _ in range(20):
                    client.videos.retrieve(video.id)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(double.polls()) <= 1


def test_clients_are_told_when_to_ask_again(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].ready_after_polls = 10_000
    with proxy.http() as http:
        answer = http.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"})
    assert answer.headers["openai-poll-after-ms"] == "20"  # of poll_min, which is below a second


def test_progress_is_shown(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].ready_after_polls = 8
    with proxy.sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        seen = {video.progress}
        while (now := client.videos.retrieve(video.id)).status not in ("completed", "failed"):
            seen.add(now.progress)
    assert now.progress == 100
    assert max(seen) < 100


def video_task(double: Any, prompt: str) -> str:
    return str(next(s.task_id for s in double.submits if s.body["prompt"] == prompt))


def _ended(client: openai.OpenAI, video_id: str) -> Any:
    video = client.videos.retrieve(video_id)
    return video if video.status in ("completed", "failed") else None


def test_no_wait_that_a_gateway_asks_for_loses_a_result(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["onysoft"].fault("poll", status=429, headers={"retry-after": "86400"})
    config = config_for(gateways, jobs={"timeout": 4})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        assert eventually(lambda: _ended(client, video.id)).status == "completed"
