"""The store is stopped, frozen or gone, and comes back: nothing is sent that it could not note, chat goes on."""

import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.core import Double
from tests.chatting import CHAT, body, chunks_of, refused
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.valkey import RedisServer

KEY = "sk-store-1234567"
VIDEO = {"model": "sora-2", "prompt": "A cat"}
IMAGE = {"model": "flux", "prompt": "A red square"}
LIMITED = {"rpm": 1000, "concurrency": 100, "tpm": 100_000, "budget_usd": 100}


class Outage:
    """A server of the test's own, and one way in which it goes away."""

    def __init__(self, server: RedisServer, how: str) -> None:
        self.server = server
        self.url = f"{server.url}?socket_timeout=0.5"
        self._frozen = how == "frozen"

    def begin(self) -> None:
        if self._frozen:
            self.server.freeze()
        else:
            self.server.kill()

    def end(self) -> None:
        if self._frozen:
            self.server.thaw()
        else:
            self.server.start()


@pytest.fixture(params=["stopped", "frozen"])
def outage(request: pytest.FixtureRequest) -> Iterator[Outage]:
    with TemporaryDirectory(prefix="anygate") as folder:
        server = RedisServer(Path(folder), tcp=True, appendonly="yes", appendfsync="always")
        yield Outage(server, request.param)
        server.kill()


def config(gateways: Sandbox, outage: Outage, **sections: Any) -> dict[str, Any]:
    keys = [{"name": "web", "key": KEY, **LIMITED}]
    jobs = {"lease": 2}  # what was leased when it went away is due again so soon
    return config_for(gateways, store=outage.url, keys=keys, jobs=jobs, **sections)


def status(http: httpx.Client, path: str) -> int:
    return http.get(path).status_code


def assert_one_by_one(double: Double) -> None:
    for task in double.tasks:
        for earlier, later in pairwise(double.polls(task)):
            assert earlier.ended is not None
            assert later.at >= earlier.ended, "two polls of one task at once"


def test_while_the_store_is_away(gateways: Sandbox, tmp_path: Path, outage: Outage) -> None:
    double = gateways["onysoft"]
    with proxy_in_thread(tmp_path, config(gateways, outage), KEY) as proxy, proxy.http() as http:
        made = http.post("/v1/videos", json=VIDEO).json()["id"]
        eventually(lambda: http.get(f"/v1/videos/{made}").json().get("status") == "completed")
        double.ready_after_polls = 10_000
        waits = http.post("/v1/videos", json={**VIDEO, "prompt": "A dog"}).json()["id"]
        double.wait(lambda double: len(double.tasks) == 2)
        outage.begin()
        eventually(lambda: status(http, "/readyz") == 503)
        assert_nothing_is_ordered(http, made)
        assert_chat_goes_on(http)
        outage.end()
        eventually(lambda: status(http, "/readyz") == 200)
        eventually(lambda: http.get(f"/v1/videos/{made}").json().get("status") == "completed")
        eventually(lambda: status(http, f"/v1/videos/{made}/content") == 200)
        finish_all(double)
        eventually(lambda: http.get(f"/v1/videos/{waits}").json().get("status") == "completed")
        double.ready_after_polls = None
        assert http.post("/v1/images/generations", json=IMAGE).status_code == 200
    assert_one_by_one(double)
    assert len(double.submits) == 2
    assert len(gateways["apiin.one"].submits) == 1


def assert_nothing_is_ordered(http: httpx.Client, made: str) -> None:
    for path, order in (
        ("/v1/videos", VIDEO),
        ("/v1/images/generations", IMAGE),
        (CHAT, body("chat-text")),
    ):
        answer = http.post(path, json=order)
        refused(answer, 503, "store_unavailable")
        assert "x-should-retry" not in answer.headers  # it passes
    for path in ("/v1/videos", f"/v1/videos/{made}", f"/v1/videos/{made}/content", "/v1/usage"):
        assert http.get(path).json()["error"]["code"] == "store_unavailable"
    assert http.delete(f"/v1/videos/{made}").status_code == 503


def assert_chat_goes_on(http: httpx.Client) -> None:
    """Its key's limits and its provider's rate are not counted meanwhile."""
    for _ in range(3):
        assert http.post(CHAT, json=body("chat-openai")).status_code == 200
        chunks_of(http.post(CHAT, json=body("chat-openai", stream=True)).text)
    assert status(http, "/v1/models") == status(http, "/healthz") == 200


def finish_all(double: Double) -> None:
    for task in tuple(double.tasks):
        double.finish(task)


@pytest.mark.parametrize("outage", ["frozen"], indirect=True)
def test_it_stops_where_the_config_says_so(
    gateways: Sandbox, tmp_path: Path, outage: Outage
) -> None:
    closed = config(gateways, outage, server={"limits": {"when_store_down": "closed"}})
    with proxy_in_thread(tmp_path, closed, KEY) as proxy, proxy.http() as http:
        assert http.post(CHAT, json=body("chat-openai")).status_code == 200
        outage.begin()
        refused(http.post(CHAT, json=body("chat-openai")), 503, "store_unavailable")
        outage.end()
        eventually(lambda: http.post(CHAT, json=body("chat-openai")).status_code == 200)
    assert len(gateways["openai"].log) == 2


def test_it_goes_away_while_a_submit_is_under_way(
    gateways: Sandbox, tmp_path: Path, outage: Outage
) -> None:
    """What the gateway said is kept until it can be written; who waits for it may ask again."""
    double = gateways["apiin.one"]
    double.fault("submit", late=float("inf"))
    answers: list[httpx.Response] = []

    def order(proxy: Proxy, **headers: str) -> None:
        with proxy.http(headers=headers) as http:
            answers.append(http.post("/v1/images/generations", json=IMAGE))

    with proxy_in_thread(tmp_path, config(gateways, outage), KEY) as proxy, proxy.http() as http:
        waiting = threading.Thread(target=order, args=(proxy,))
        waiting.start()
        double.wait(lambda double: len(double.tasks) == 1)
        outage.begin()
        eventually(lambda: status(http, "/readyz") == 503)
        waiting.join()
        double.clear()
        double.wait(lambda double: double.submits[0].ended)
        outage.end()
        eventually(lambda: status(http, "/readyz") == 200)
        order(proxy, **{"x-stainless-retry-count": "1"})
    assert [answer.status_code for answer in answers] == [503, 200]
    assert len(double.submits) == 1
    assert_one_by_one(double)


def test_a_file_that_is_gone_and_put_back(gateways: Sandbox, tmp_path: Path) -> None:
    keys = [{"name": "web", "key": KEY, **LIMITED}]
    aside = tmp_path / "aside"
    aside.mkdir()

    def moved(source: Path, target: Path) -> None:
        for path in source.glob("jobs.db*"):
            shutil.move(path, target / path.name)

    with (
        proxy_in_thread(tmp_path, config_for(gateways, keys=keys), KEY) as proxy,
        proxy.http() as http,
    ):
        made = http.post("/v1/videos", json=VIDEO).json()["id"]
        eventually(lambda: http.get(f"/v1/videos/{made}").json().get("status") == "completed")
        moved(tmp_path, aside)
        eventually(lambda: status(http, "/readyz") == 503)
        assert_nothing_is_ordered(http, made)
        assert_chat_goes_on(http)
        moved(aside, tmp_path)
        eventually(lambda: status(http, "/readyz") == 200)
        assert http.get(f"/v1/videos/{made}").json()["status"] == "completed"
        assert http.post("/v1/images/generations", json=IMAGE).status_code == 200
    assert len(gateways["onysoft"].submits) == len(gateways["apiin.one"].submits) == 1
