"""A target that fails is passed over while there is another, and comes back by single probes."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.accounts import Account
from proxy.driver import Driver
from proxy.errors import ApiError
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.eventually import becoming, eventually
from tests.harness import Proxy, config_for, proxy_in_thread, write

FIRST, SECOND = "openai", "onysoft"
MOST = 3  # failures in a row
NUMBERS = count(1)
QUICK: dict[str, Any] = {"verify": False}  # a client reads no certificates for a plain connection
LONG = {"breaker": {"failures": MOST, "pause": 60}}
SHORT = {"breaker": {"failures": MOST, "pause": 0.05, "max_pause": 0.1}}
DEAD = {"translator": "openai", "api_key": "none", "base_url": "http://127.0.0.1:9/v1"}
MODELS = {
    "either": ["openai/gpt-4o", "onysoft/gpt-4o-mini"],
    "other": ["openai/gpt-4o-mini", "onysoft/gpt-4o-mini"],
    "only": "openai/gpt-4o",
    "dead": ["dead/one", "onysoft/gpt-4o-mini"],
    "dead-too": ["dead/two", "onysoft/gpt-4o-mini"],
    "video": ["onysoft/sora-2", "apiin-one/kling-3"],
}


def config(gateways: Sandbox, first: dict[str, Any] = LONG) -> dict[str, Any]:
    providers = {"openai": first, "onysoft": LONG, "dead": {**DEAD, **LONG}}
    return config_for(gateways, providers=providers, models=MODELS)


@pytest.fixture(scope="module")
def running(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    with proxy_in_thread(folder, config(all_gateways)) as made:
        yield made


def anew(proxy: Proxy, made: dict[str, Any]) -> Proxy:
    """The proxy with accounts that know nothing yet, since each of them has changed."""
    assert proxy.service is not None
    for one in made["providers"].values():
        one["rpm"] = 100_000 + next(NUMBERS)
    write(proxy.folder, made)
    proxy.service.reload()
    return proxy


@pytest.fixture
def proxy(running: Proxy, gateways: Sandbox) -> Proxy:
    return anew(running, config(gateways))


@pytest.fixture
def quick(running: Proxy, gateways: Sandbox) -> Proxy:
    """A proxy whose pauses are over at once."""
    return anew(running, config(gateways, SHORT))


def ask(proxy: Proxy, route: str = "either", **more: Any) -> httpx.Response:
    with proxy.http(**QUICK) as client:
        return client.post(CHAT, json=body(route, **more))


def provider(proxy: Proxy, route: str = "either", **more: Any) -> str:
    answer = ask(proxy, route, **more)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-anygate-provider"]


def health(proxy: Proxy, name: str = FIRST, model: str | None = None) -> dict[str, Any]:
    with proxy.http(**QUICK) as client:
        [told] = [one for one in client.get("/v1/providers").json()["data"] if one["id"] == name]
    found: dict[str, Any] = told["health"]
    if model is None:
        return found
    return next(one for one in found["targets"] if one["model"] == model)


def open_it(proxy: Proxy, gateways: Sandbox, **fault: Any) -> None:
    """Let the first target fail for as long as the test says."""
    gateways[FIRST].fault("chat", times=None, **(fault or {"status": 500}))
    for _ in range(MOST):
        assert provider(proxy) == SECOND


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 500}, "failed"),
        ({"status": 401}, "auth"),
        ({"status": 504}, "timeout"),
        ({"cut": "before"}, "cut"),
        ({"body": "<html>Busy</html>"}, "malformed"),
    ],
)
def test_a_failing_target_is_passed_over(
    proxy: Proxy, gateways: Sandbox, fault: dict[str, Any], kind: str
) -> None:
    before = time.time()
    open_it(proxy, gateways, **fault)
    assert [provider(proxy, stream=stream) for stream in (False, True)] == [SECOND, SECOND]
    assert len(gateways[FIRST].log) == MOST
    told = health(proxy, FIRST, "gpt-4o")
    assert (told["state"], told["last_failure"]["kind"]) == ("open", kind)
    assert int(before) <= told["last_failure"]["at"] <= time.time()
    assert 50 <= told["next_probe_at"] - before <= 65
    # Another model of the same provider is another target, and the connection is well.
    assert health(proxy)["state"] == health(proxy, FIRST, "gpt-4o-mini")["state"] == "closed"
    with proxy.http(**QUICK) as client:
        metrics = client.get("/metrics").text
    state = 'anygate_target_state{provider="openai",state="%s",target="openai/gpt-4o"} %s'
    for name, value in (("closed", "0.0"), ("open", "1.0"), ("half_open", "0.0")):
        assert state % (name, value) in metrics
    assert f'anygate_upstream_errors_total{{kind="{kind}",provider="openai"}}' in metrics


def test_it_is_asked_where_there_is_no_other(proxy: Proxy, gateways: Sandbox) -> None:
    open_it(proxy, gateways)
    assert ask(proxy, "only").status_code == 502  # the route's only target
    gateways[SECOND].fault("chat", status=500)
    assert ask(proxy).status_code == 502  # the one that was left has failed
    assert len(gateways[FIRST].log) == MOST + 2
    gateways[FIRST].clear()
    assert provider(proxy, "only") == FIRST
    assert provider(proxy) == FIRST  # which it has shown to be well


def test_it_comes_back_by_a_probe(quick: Proxy, gateways: Sandbox) -> None:
    open_it(quick, gateways)
    # Each probe fails, and its client is answered all the same.
    eventually(lambda: provider(quick) == SECOND and len(gateways[FIRST].log) > MOST + 1)
    gateways[FIRST].clear()
    eventually(lambda: provider(quick) == FIRST)
    assert [provider(quick) for _ in range(3)] == [FIRST] * 3
    assert health(quick, FIRST, "gpt-4o")["state"] == "closed"


@pytest.mark.parametrize(
    ("stream", "fault"),
    # With its first event a stream's target would be well, and asked by all.
    [(False, {"hang": True}), (True, {"hang": True}), (True, {"stall_after": 0})],
)
async def test_probes_come_one_at_a_time(
    quick: Proxy, gateways: Sandbox, stream: bool, fault: dict[str, Any]
) -> None:
    open_it(quick, gateways)
    double = gateways[FIRST]
    double.clear()
    double.fault("chat", times=None, **fault)
    before = len(double.log)
    await becoming(lambda: health(quick, FIRST, "gpt-4o")["state"] == "half_open")
    async with quick.async_http(**QUICK) as client:
        asked = [client.post(CHAT, json=body("either", stream=stream)) for _ in range(20)]
        answers = [asyncio.ensure_future(one) for one in asked]
        await becoming(lambda: sum(one.done() for one in answers) == 19)
        [probe] = [one for one in answers if not one.done()]
        done = [one.result() for one in answers if one is not probe]
        assert {one.headers["x-anygate-provider"] for one in done} == {SECOND}
        assert len(double.log) == before + 1
        probe.cancel()  # its client goes: nobody knows how the target is, and the next one may try
        await asyncio.gather(probe, return_exceptions=True)
        await double.until(lambda d: not d.active)
        double.clear()
    eventually(lambda: provider(quick) == FIRST)


def test_the_gateways_own_time_takes_it_out_at_once(proxy: Proxy, gateways: Sandbox) -> None:
    gateways[FIRST].fault("chat", status=429, headers={"retry-after": "33"})
    assert [provider(proxy) for _ in range(3)] == [SECOND] * 3
    assert len(gateways[FIRST].log) == 1
    told = health(proxy, FIRST, "gpt-4o")
    assert told["last_failure"]["kind"] == "rate"
    assert 30 <= told["next_probe_at"] - time.time() <= 34


def test_what_is_not_its_fault_does_not_count(proxy: Proxy, gateways: Sandbox) -> None:
    for status in (400, 404, 413, 422, 429):
        gateways[FIRST].fault("chat", times=MOST, status=status)
        for _ in range(MOST):
            ask(proxy)
    assert provider(proxy) == FIRST
    assert health(proxy, FIRST, "gpt-4o")["state"] == "closed"


async def test_clients_that_go_away_do_not_count(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways[FIRST]
    double.fault("chat", times=MOST + 1, hang=True)
    async with proxy.async_http(**QUICK) as client:
        asked = [asyncio.ensure_future(client.post(CHAT, json=body("either"))) for _ in range(4)]
        await double.until(lambda d: len(d.active) == MOST + 1)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await double.until(lambda d: not d.active)
        answer = await client.post(CHAT, json=body("either"))
    assert answer.headers["x-anygate-provider"] == FIRST


def test_streams_that_break_off_count(proxy: Proxy, gateways: Sandbox) -> None:
    gateways[FIRST].fault("chat", times=None, cut_after=2)
    for _ in range(MOST):
        assert '"error"' in ask(proxy, stream=True).text
    assert provider(proxy, stream=True) == SECOND


@pytest.mark.parametrize("stream", [False, True])
def test_a_good_answer_begins_the_row_anew(proxy: Proxy, gateways: Sandbox, stream: bool) -> None:
    double = gateways[FIRST]
    for _ in range(2):
        double.fault("chat", times=MOST - 1, status=500)
        for _ in range(MOST - 1):
            assert provider(proxy, stream=stream) == SECOND
        assert provider(proxy, stream=stream) == FIRST


def test_a_provider_that_is_not_there_is_left_with_all_its_targets(proxy: Proxy) -> None:
    for _ in range(MOST):
        assert provider(proxy, "dead") == SECOND
    told = health(proxy, "dead")
    assert (told["state"], told["last_failure"]["kind"]) == ("open", "unreachable")
    with proxy.http(**QUICK) as client:
        left = 'anygate_fallbacks_total{provider="dead"}'
        before = client.get("/metrics").text.partition(left)[2].split()[0]
        assert provider(proxy, "dead-too") == SECOND
        assert client.get("/metrics").text.partition(left)[2].split()[0] == before


def test_jobs_pass_it_over_before_anything_is_sent(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", times=None, status=401)
    with proxy.http(**QUICK) as client:
        for _ in range(MOST + 2):
            made = client.post("/v1/videos", json={"model": "video", "prompt": "A cat"})
            assert made.headers["x-anygate-provider"] == "apiin-one"
    assert len(gateways["onysoft"].submits) == MOST
    assert len(gateways["apiin.one"].submits) == MOST + 2
    assert health(proxy, "onysoft", "sora-2")["state"] == "open"
    # Its only other target refuses: then it is asked.
    gateways["apiin.one"].fault("submit", status=402)
    gateways["onysoft"].clear()
    with proxy.http(**QUICK) as client:
        made = client.post("/v1/videos", json={"model": "video", "prompt": "A cat"})
    assert made.headers["x-anygate-provider"] == "onysoft"
    assert health(proxy, "onysoft", "sora-2")["state"] == "closed"


def test_a_doubtful_submit_counts(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fault("submit", times=None, cut="after")
    with proxy.http(**QUICK) as client:
        told = [
            client.post("/v1/videos", json={"model": "video", "prompt": "A cat"})
            for _ in range(MOST + 1)
        ]
    assert [one.status_code for one in told] == [502] * MOST + [200]


def test_a_reload_keeps_what_is_known_of_providers_that_stay(
    proxy: Proxy, gateways: Sandbox
) -> None:
    open_it(proxy, gateways)
    assert proxy.service is not None
    changed = config(gateways)
    for name, one in changed["providers"].items():
        one["rpm"] = proxy.service.config.providers[name].rpm
    changed["models"]["new"] = "openai/gpt-5"
    write(proxy.folder, changed)
    proxy.service.reload()
    assert health(proxy, FIRST, "gpt-4o")["state"] == "open"
    assert health(proxy, FIRST, "gpt-5")["state"] == "closed"
    assert provider(proxy) == SECOND
    assert len(gateways[FIRST].log) == MOST
    changed["providers"]["openai"]["breaker"] = False
    write(proxy.folder, changed)
    proxy.service.reload()
    assert health(proxy, FIRST, "gpt-4o")["state"] == "closed"
    assert [provider(proxy) for _ in range(MOST + 1)] == [SECOND] * (MOST + 1)
    assert len(gateways[FIRST].log) == 2 * MOST + 1  # off: each begins with it


def test_a_restricted_key_sees_no_other_targets(gateways: Sandbox, tmp_path: Path) -> None:
    keys = [{"name": "web", "key": "sk-web-only", "models": ["only"]}]
    made = {**config(gateways), "keys": keys}
    with proxy_in_thread(tmp_path, made, key="sk-web-only") as proxy:
        assert [one["model"] for one in health(proxy)["targets"]] == ["gpt-4o"]


def test_models_that_clients_make_up_are_not_remembered(proxy: Proxy, gateways: Sandbox) -> None:
    gateways[FIRST].fault("chat", times=None, status=500)
    with proxy.http(**QUICK) as client:
        for number in range(MOST + 1):
            client.post(CHAT, json=body(f"openai/made-up-{number}"))
        assert "made-up" not in client.get("/metrics").text
        assert "made-up" not in client.get("/v1/providers").text


def test_a_probe_that_streams_lets_others_in_at_its_first_event(
    quick: Proxy, gateways: Sandbox
) -> None:
    open_it(quick, gateways)
    gateways[FIRST].clear()
    gateways[FIRST].fault("chat", stall_after=1, match=lambda seen: bool(seen.body.get("stream")))

    def probing(client: httpx.Client) -> bool:
        asked = body("either", stream=True)
        with client.stream("POST", CHAT, json=asked) as answer:
            if answer.headers["x-anygate-provider"] != FIRST:
                return False
            events = answer.iter_bytes()  # held: closed, it would close the connection
            next(events)
            assert [provider(quick) for _ in range(3)] == [FIRST] * 3
            return True

    with quick.http(**QUICK) as client:
        eventually(lambda: probing(client))


def test_what_is_no_failure_of_the_target_ends_its_attempt(
    quick: Proxy, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe that met a fault of ours leaves the next one its turn."""
    open_it(quick, gateways)
    gateways[FIRST].clear()
    met: list[str] = []
    send = Driver.send

    async def faulty(driver: Driver, account: Account, *rest: Any) -> httpx.Response:
        if account.name != FIRST or met:
            return await send(driver, account, *rest)
        met.append(account.name)
        raise ApiError(503, "server_error", "store_unavailable", "No store.")

    monkeypatch.setattr(Driver, "send", faulty)
    eventually(lambda: provider(quick) == SECOND and met)
    eventually(lambda: provider(quick) == FIRST)
