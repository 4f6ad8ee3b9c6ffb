"""Chat goes to the next target while nothing was sent to the client, unless the request itself is at fault."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body, chunks_of, refused, said
from tests.harness import Proxy, config_for, proxy_in_thread

ROUTE = "either"
FIRST, SECOND = "openai", "onysoft"


@pytest.fixture(scope="module")
def running(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    config = config_for(
        all_gateways,
        providers={
            # Each test begins with a failure: without a breaker, which would soon pass it over.
            "openai": {"timeout": {"connect": 5, "read": 0.3}, "breaker": False},
            "dead": {
                "translator": "openai",
                "api_key": "none",
                "base_url": "http://127.0.0.1:9/v1",
            },
            "slow": {
                "translator": "openai",
                "api_key": all_gateways.keys["openai"],
                "base_url": all_gateways.base_urls["openai"],
                "rpm": 1,
            },
        },
        models={
            ROUTE: ["openai/gpt-4o", "onysoft/gpt-4o-mini"],
            "dead-first": ["dead/x", "onysoft/gpt-4o-mini"],
            "limited": ["slow/gpt-4o", "onysoft/gpt-4o-mini"],
            "three": ["openai/gpt-4o", "aigate-shop/openai/gpt-4o-mini", "onysoft/gpt-4o-mini"],
            "text-last": ["openai/gpt-4o", "ai-gate-one/text"],
            "text-first": ["ai-gate-one/text", "onysoft/gpt-4o-mini"],
        },
    )
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config) as made:
        yield made


@pytest.fixture
def proxy(running: Proxy, gateways: Sandbox) -> Proxy:
    return running


def ask(proxy: Proxy, route: str = ROUTE, **more: Any) -> httpx.Response:
    with proxy.http() as client:
        return client.post(CHAT, json=body(route, **more))


def came_from(answer: httpx.Response, provider: str, *, stream: bool) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-anygate-provider"] == provider
    if stream:
        assert said(chunks_of(answer.text)).startswith("Hello")
    else:
        assert answer.json()["choices"][0]["message"]["content"].startswith("Hello")


FAILURES: dict[str, dict[str, Any]] = {
    **{str(status): {"status": status} for status in (401, 402, 403, 404, 408, 429, 500, 502, 503)},
    "error in 200": {"status": 200, "body": {"error": {"message": "overloaded", "code": 503}}},
    "a page": {
        "status": 200,
        "body": "<html>Busy</html>",
        "headers": {"content-type": "text/html"},
    },
    "half of it": {"truncate": 40},
    "cut before": {"cut": "before"},
    "cut after": {"cut": "after"},
    "silence": {"hang": True},
    "nothing": {"status": 200, "body": b""},
    "a redirect": {"status": 302, "body": b"", "headers": {"location": "http://127.0.0.1:1/"}},
    "no choices": {"status": 200, "body": {"id": "x"}},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("failure", FAILURES)
def test_the_next_target_is_asked(
    proxy: Proxy, gateways: Sandbox, failure: str, stream: bool
) -> None:
    gateways[FIRST].fault("chat", **FAILURES[failure])
    came_from(ask(proxy, stream=stream), SECOND, stream=stream)
    assert [len(gateways[name].seen("chat")) for name in (FIRST, SECOND)] == [1, 1]


@pytest.mark.parametrize(
    "fault", [{"error_after": 0}, {"cut_after": 0}, {"stall_after": 0}, {"no_done": True}]
)
def test_a_stream_that_fails_before_its_first_chunk_goes_on_elsewhere(
    proxy: Proxy, gateways: Sandbox, fault: Any
) -> None:
    if "no_done" in fault:
        fault = {"status": 200, "body": b"", "headers": {"content-type": "text/event-stream"}}
    gateways[FIRST].fault("chat", **fault)
    came_from(ask(proxy, stream=True), SECOND, stream=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_request_s_own_fault_is_told_at_once(
    proxy: Proxy, gateways: Sandbox, status: int, stream: bool
) -> None:
    gateways[FIRST].fault("chat", status=status)
    answer = ask(proxy, stream=stream)
    refused(answer, 400, "provider_rejected")
    assert answer.headers["x-anygate-provider"] == FIRST
    assert not gateways[SECOND].log


def test_once_a_chunk_is_out_there_is_no_other_target(proxy: Proxy, gateways: Sandbox) -> None:
    gateways[FIRST].fault("chat", error_after=1)
    answer = ask(proxy, stream=True)
    assert answer.status_code == 200
    assert '"error"' in answer.text
    assert not gateways[SECOND].log


@pytest.mark.parametrize("stream", [False, True])
def test_a_dead_provider_is_left(proxy: Proxy, stream: bool) -> None:
    came_from(ask(proxy, "dead-first", stream=stream), SECOND, stream=stream)


def test_a_provider_at_its_own_limit_is_left(proxy: Proxy, gateways: Sandbox) -> None:
    answers = [ask(proxy, "limited") for _ in range(3)]
    assert [one.headers["x-anygate-provider"] for one in answers[1:]] == [SECOND, SECOND]
    assert len(gateways["openai"].log) <= 1
    limited = ask(proxy, "slow/gpt-4o")
    refused(limited, 429, "provider_rate_limited")
    assert int(limited.headers["retry-after"]) >= 1


def test_the_last_failure_is_the_client_s(proxy: Proxy, gateways: Sandbox) -> None:
    gateways[FIRST].fault("chat", status=500)
    gateways["aigate.shop"].fault("chat", status=401)
    gateways[SECOND].fault("chat", status=402)
    refused(ask(proxy, "three"), 429, "provider_insufficient_quota")


def test_chat_by_task_can_be_the_last_target(proxy: Proxy, gateways: Sandbox) -> None:
    gateways[FIRST].fault("chat", times=2, status=500)
    for stream in (False, True):
        came_from(ask(proxy, "text-last", stream=stream), "ai-gate-one", stream=stream)


@pytest.mark.parametrize("status", [401, 402, 404, 429])
def test_a_certain_refusal_of_chat_by_task_goes_on_to_the_next_target(
    proxy: Proxy, gateways: Sandbox, status: int
) -> None:
    gateways["ai-gate.one"].fault("submit", status=status)
    answer = ask(proxy, "text-first")
    came_from(answer, SECOND, stream=False)
    assert "x-anygate-job" not in answer.headers


def test_a_refusal_of_chat_by_task_names_its_job(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["ai-gate.one"].fault("submit", status=401)
    answer = ask(proxy, "ai-gate-one/text")
    refused(answer, 502, "provider_auth_failed")
    with proxy.http() as client:
        job = client.get(f"/v1/jobs/{answer.headers['x-anygate-job']}").json()
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_auth_failed")


def test_chat_by_task_that_may_have_been_taken_stays(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["ai-gate.one"].fault("submit", cut="after")
    refused(ask(proxy, "text-first"), 502, "submission_ambiguous")
    assert not gateways[SECOND].log


def test_what_the_first_target_cannot_express_goes_to_the_one_that_can(
    proxy: Proxy, gateways: Sandbox
) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    answer = ask(proxy, "text-first", tools=[tool])
    assert answer.json()["choices"][0]["finish_reason"] == "tool_calls"
    assert not gateways["ai-gate.one"].log


def test_fallbacks_are_counted(proxy: Proxy, gateways: Sandbox, tmp_path: Path) -> None:
    gateways[FIRST].fault("chat", status=500)
    with proxy.http() as client:
        name = 'anygate_fallbacks_total{provider="openai"} '
        before = client.get("/metrics").text.partition(name)[2].split("\n")[0] or "0"
        client.post(CHAT, json=body(ROUTE))
        after = client.get("/metrics").text.partition(name)[2].split("\n")[0]
    assert float(after) == float(before) + 1
