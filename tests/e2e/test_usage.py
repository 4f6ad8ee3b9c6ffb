"""GET /v1/usage and `anygate usage`: what was asked of the gateways, by whom, and what it cost."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body, refused
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread

WEB, OTHER = "sk-web-123456", "sk-other-123456"
PRICED: dict[str, Any] = {"apiin-one": {"usd_per_credit": 0.01}}
ALL = "day,key,route,provider,kind"


def config(gateways: Sandbox, **sections: Any) -> dict[str, Any]:
    return config_for(gateways, providers=PRICED, **sections)


@pytest.fixture
def proxy(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    keys = [{"name": "web", "key": WEB}, {"name": "other", "key": OTHER}]
    with proxy_in_thread(tmp_path, config(gateways, keys=keys), key=WEB) as running:
        yield running


def rows(http: httpx.Client, by: str = "route", **query: Any) -> list[dict[str, Any]]:
    answer = http.get("/v1/usage", params={"by": by, **query})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["object"] == "list"
    assert all(row.pop("object") == "usage" for row in said["data"])
    return list(said["data"])


def tokens(answer: httpx.Response) -> tuple[int, int]:
    usage = answer.json()["usage"]
    return usage["prompt_tokens"], usage.get("completion_tokens", 0)


@pytest.mark.parametrize("route", ["chat-openai", "chat-onysoft", "chat-shop"])
def test_chat_counts_tokens(proxy: Proxy, route: str) -> None:
    with proxy.http() as http:
        said = tokens(http.post(CHAT, json=body(route)))
        (row,) = rows(http, ALL)
    assert min(said) > 0
    assert (row["prompt_tokens"], row["completion_tokens"]) == said
    assert (row["requests"], row["failed"], row["cost_usd"]) == (1, 0, 0.0)
    assert (row["key"], row["route"], row["kind"]) == ("web", route, "chat")
    assert row["day"] == datetime.now(UTC).date().isoformat()


def test_a_streams_usage_chunk_counts(proxy: Proxy) -> None:
    asked = body("chat-openai", stream=True)
    with proxy.http() as http:
        http.post(CHAT, json=asked)
        http.post(CHAT, json={**asked, "stream_options": {"include_usage": True}})
        said = tokens(http.post(CHAT, json=body("chat-openai")))
        (row,) = rows(http)
    assert row["requests"] == 3
    assert row["prompt_tokens"] > said[0]
    assert row["completion_tokens"] == 2 * said[1]  # nothing was told of the first


def test_other_endpoints_count(proxy: Proxy) -> None:
    with proxy.http() as http:
        asked = {"model": "openai/text-embedding-3-small", "input": "Hello"}
        said = tokens(http.post("/v1/embeddings", json=asked))
        answer = http.post("/v1/responses", json={"model": "openai/gpt-4o", "input": "Hello"})
        used = answer.json()["usage"]
        streamed = {"model": "openai/gpt-4o", "input": "Hello", "stream": True}
        assert http.post("/v1/responses", json=streamed).status_code == 200
        by_kind = {row["kind"]: row for row in rows(http, "kind")}
    assert by_kind["embeddings"]["prompt_tokens"] == said[0]
    assert by_kind["responses"]["requests"] == 2
    assert by_kind["responses"]["prompt_tokens"] == 2 * used["input_tokens"]
    assert by_kind["responses"]["completion_tokens"] == 2 * used["output_tokens"]


def test_credits_are_dollars(proxy: Proxy) -> None:
    with proxy.http() as http:
        answer = http.post(CHAT, json=body("gpt-4o-mini"))
        assert answer.headers["x-anygate-cost"] == "0.02"
        assert [row["cost_usd"] for row in rows(http)] == [0.02]


def test_jobs_count_with_their_cost(proxy: Proxy) -> None:
    with proxy.http() as http:
        image = http.post("/v1/images/generations", json={"model": "flux", "prompt": "A cat"})
        cost = float(image.headers["x-anygate-cost"])
        http.post(CHAT, json=body("chat-text"))
        by_kind = {row["kind"]: row for row in rows(http, "kind,provider")}
    assert cost > 0
    assert by_kind["image"]["cost_usd"] == cost
    assert by_kind["image"]["provider"] == "apiin-one"
    assert (by_kind["image"]["requests"], by_kind["chat"]["requests"]) == (1, 1)


def test_failures_count(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=2, status=422)
    gateways["openai"].fault("chat", error_after=2)
    gateways["apiin.one"].fault("submit", status=422)
    with proxy.http() as http:
        for stream in (False, True, True, False):
            http.post(CHAT, json=body("chat-openai", stream=stream))
        http.post("/v1/images/generations", json={"model": "flux", "prompt": "A cat"})
        found = {row["route"]: (row["requests"], row["failed"]) for row in rows(http)}
    assert found == {"chat-openai": (4, 3), "flux": (1, 1)}


def test_what_was_sent_nowhere_does_not_count(proxy: Proxy) -> None:
    with proxy.http() as http:
        http.post(CHAT, json={"model": "chat-openai"})
        http.post(CHAT, json=body("nothing"))
        http.post("/v1/images/generations", json={"model": "flux"})
        http.get("/v1/models")
        assert rows(http) == []


def test_what_our_own_limits_kept_back_does_not_count(gateways: Sandbox, tmp_path: Path) -> None:
    """Neither a budget that is spent nor a place that does not come: no gateway was asked."""
    double = gateways["openai"]
    double.fault("chat", late=float("inf"))
    narrow = {"max_concurrency": 1, "timeout": {"queue": 0.01}}
    priced = {**narrow, "prices": {"gpt-4o-mini": {"per_request": 0.1}}}
    keys = [{"name": "web", "key": WEB, "budget_usd": 0.3}]
    made = config(gateways, keys=keys)
    made["providers"]["openai"] |= priced
    with (
        proxy_in_thread(tmp_path, made, key=WEB) as proxy,
        proxy.http() as http,
        ThreadPoolExecutor(1) as other,
    ):
        held = other.submit(http.post, CHAT, json=body("chat-openai"))
        eventually(lambda: double.log)
        refused(http.post(CHAT, json=body("chat-openai")), 429, "provider_rate_limited")
        double.release()
        assert held.result().status_code == 200
        for _ in range(2):
            assert http.post(CHAT, json=body("chat-openai")).status_code == 200
        refused(http.post(CHAT, json=body("chat-openai")), 429, "insufficient_quota")
        (row,) = rows(http)
    assert (row["requests"], row["failed"], row["cost_usd"]) == (3, 0, 0.3)


def test_the_target_that_answered_counts(gateways: Sandbox, tmp_path: Path) -> None:
    routes = {"both": ["openai/gpt-4o", "onysoft/gpt-4o"]}
    gateways["openai"].fault("chat", times=None, status=429)
    with proxy_in_thread(tmp_path, config(gateways, models=routes)) as proxy, proxy.http() as http:
        assert http.post(CHAT, json=body("both")).status_code == 200
        (row,) = rows(http, "provider,route,key")
    assert (row["provider"], row["route"], row["key"], row["failed"]) == ("onysoft", "both", "", 0)


def test_a_text_model_after_another_counts_once(gateways: Sandbox, tmp_path: Path) -> None:
    """The job has an account of its own."""
    routes = {"both": ["openai/gpt-4o", "ai-gate-one/text"]}
    gateways["openai"].fault("chat", times=None, status=429)
    with proxy_in_thread(tmp_path, config(gateways, models=routes)) as proxy, proxy.http() as http:
        assert http.post(CHAT, json=body("both")).status_code == 200
        (row,) = rows(http, "provider")
    assert (row["provider"], row["requests"]) == ("ai-gate-one", 1)


def test_what_is_in_doubt_before_a_job_is_in_the_table(gateways: Sandbox, tmp_path: Path) -> None:
    """The budget has paid it: a table that leaves it out does not add up."""
    routes = {"both": ["openai/gpt-4o", "ai-gate-one/text"]}
    prices = {
        "openai": {"prices": {"gpt-4o": {"per_request": 0.1}}},
        "ai-gate-one": {"prices": {"text": {"per_request": 0.5}}},
    }
    keys = [{"name": "web", "key": WEB, "budget_usd": 0.65}]
    gateways["openai"].fault("chat", cut="after")
    made = config_for(gateways, models=routes, providers=prices, keys=keys)
    with proxy_in_thread(tmp_path, made, key=WEB) as proxy, proxy.http() as http:
        assert http.post(CHAT, json=body("both")).status_code == 200
        found = {
            row["provider"]: (row["requests"], row["cost_usd"]) for row in rows(http, "provider")
        }
        said = http.post(CHAT, json=body("both")).json()["error"]["message"]
    assert found == {"openai": (0, 0.1), "ai-gate-one": (1, 0.5)}
    assert "$0.6 is spent" in said


def test_models_that_clients_make_up_are_one_line(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=None, status=404)
    with proxy.http() as http:
        for number in range(3):
            http.post(CHAT, json=body(f"openai/nothing-{number}"))
        (row,) = rows(http)
    assert (row["route"], row["requests"], row["failed"]) == ("openai/*", 3, 3)


# Who sees what


def test_a_client_sees_its_own(proxy: Proxy) -> None:
    other = {"authorization": f"Bearer {OTHER}"}
    with proxy.http() as web, proxy.http(headers=other) as http:
        for client, number in ((web, 1), (http, 2)):
            for _ in range(number):
                client.post(CHAT, json=body("chat-openai"))
        assert [(row["key"], row["requests"]) for row in rows(web, "key")] == [("web", 1)]
        assert [(row["key"], row["requests"]) for row in rows(http, "key")] == [("other", 2)]
    assert httpx.get(proxy.url + "/v1/usage", trust_env=False).status_code == 401


def test_days(proxy: Proxy) -> None:
    today = datetime.now(UTC)
    with proxy.http() as http:
        http.post(CHAT, json=body("chat-openai"))
        day = today.date().isoformat()
        assert rows(http, since=day, until=day)
        assert rows(http, since=int(today.timestamp()) - 86_400, until=int(today.timestamp()) + 9)
        assert rows(http, until="2020-01-01", since="2019-01-01") == []
        (row,) = rows(http, "")
        assert set(row) == {"requests", "failed", "prompt_tokens", "completion_tokens", "cost_usd"}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"by": "model"}, "by"),
        ({"by": "route;drop"}, "by"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-13-01"}, "until"),
        ({"until": "99999999999"}, None),
    ],
)
def test_questions_that_make_no_sense(
    proxy: Proxy, query: dict[str, str], param: str | None
) -> None:
    with proxy.http() as http:
        answer = http.get("/v1/usage", params=query)
    assert answer.status_code == (400 if param else 200)
    if param:
        assert answer.json()["error"]["param"] == param


# What stays


def test_workers_and_restarts_count_together(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config(gateways), workers=2)
    with process as proxy:
        for _ in range(10):
            with proxy.http() as http:
                assert http.post(CHAT, json=body("chat-openai")).status_code == 200
        assert process.stop() == 0
        proxy = process.start()
        with proxy.http() as http:
            assert [row["requests"] for row in rows(http)] == [10]
        assert process.stop() == 0
    shown = run(tmp_path, "--by", "route,kind")
    assert next(line.split() for line in shown if "chat-openai" in line)[:3] == [
        "chat-openai",
        "chat",
        "10",
    ]
    assert shown[-1].split()[:2] == ["total", "10"]


def test_jobs_outlive_a_kill(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config(gateways))
    with process as proxy:
        with proxy.http() as http:
            image = {"model": "flux", "prompt": "A cat"}
            assert http.post("/v1/images/generations", json=image).status_code == 200
        process.kill()
        with process.start().http() as http:
            (row,) = rows(http)
            assert (row["requests"], row["cost_usd"] > 0) == (1, True)


def test_a_store_that_is_back_gets_it_all(proxy: Proxy) -> None:
    from proxy.store.base import StoreUnavailable

    service = proxy.service
    assert service is not None
    book = service.store.book

    async def gone(*args: Any, **kwargs: Any) -> None:
        raise StoreUnavailable("the store is gone")

    service.store.book = gone  # type: ignore[method-assign]
    with proxy.http() as http:
        assert http.post(CHAT, json=body("chat-openai")).status_code == 200
        assert rows(http) == []
        service.store.book = book  # type: ignore[method-assign]
        assert http.post(CHAT, json=body("chat-openai")).status_code == 200
        eventually(lambda: [row["requests"] for row in rows(http)] == [2])


def test_what_was_booked_unheard_is_not_booked_with_more(proxy: Proxy) -> None:
    """It is asked for again as it was, under its id, by which the store knows it."""
    from proxy.store.base import Unanswered

    service = proxy.service
    assert service is not None
    book = service.store.book
    asked: list[str] = []

    async def unheard(*args: Any, once: str) -> None:
        asked.append(once)
        if asked.count(once) == 1:
            await book(*args)
        if len(asked) < 3:
            raise Unanswered("the connection was lost")

    service.store.book = unheard  # type: ignore[method-assign]
    with proxy.http() as http:
        for number in (1, 2, 3):
            assert http.post(CHAT, json=body("chat-openai")).status_code == 200
            shown = rows(http)[0]["requests"]
            assert shown == (1 if number < 3 else 3)
    assert len(asked) == 4
    assert len(set(asked)) == 2


def run(folder: Path, *arguments: str, code: int = 0) -> list[str]:
    command = [sys.executable, "-m", "proxy", "usage", "--config", str(folder / "config.yaml")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return (done.stdout if code == 0 else done.stderr).splitlines()


def test_the_command_refuses(gateways: Sandbox, tmp_path: Path) -> None:
    made = config(gateways, store="memory:")
    (tmp_path / "config.yaml").write_text(json.dumps(made))
    assert "GET /v1/usage" in run(tmp_path, code=1)[0]
    made["store"] = "sqlite:jobs.db"
    (tmp_path / "config.yaml").write_text(json.dumps(made))
    assert "there is only day, key" in run(tmp_path, "--by", "model", code=1)[0]
    assert "requests" in "".join(run(tmp_path))
