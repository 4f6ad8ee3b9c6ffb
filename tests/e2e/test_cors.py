"""Pages in a browser: what it is told before one may ask, and may read what it is answered."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proxy.routes import ROUTES
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.harness import Proxy, config_for, proxy_in_thread

APP = "https://app.example"
HERE = "http://localhost:3000"
KEY = "sk-browser-123456"
# What OpenAI's SDK for JavaScript sends from a page.
SENT = "authorization,content-type,x-stainless-lang,x-stainless-retry-count,x-stainless-runtime"
PATHS = sorted({route.path for route in ROUTES if route.path.startswith("/v1/")})


@pytest.fixture(scope="module")
def keyed(
    all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, httpx.Client]]:
    folder = tmp_path_factory.mktemp("cors")
    config = config_for(all_gateways, keys=[{"name": "page", "key": KEY, "rpm": 10_000}])
    with proxy_in_thread(folder, config, key=KEY) as running, running.http() as http:
        yield running, http


def preflight(http: httpx.Client, path: str, origin: str, **more: str) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "POST", **more}
    return http.request("OPTIONS", path, headers={**headers, "authorization": ""})


@pytest.mark.parametrize("path", PATHS)
def test_a_page_may_ask_at_every_path(keyed: tuple[Proxy, httpx.Client], path: str) -> None:
    """Without a key: no browser has one before it knows that it may send it."""
    path = path.replace("{id:path}", "a/b").replace("{id}", "a").replace("{name}", "a")
    told = preflight(keyed[1], path.replace("{kind}", "video"), APP, **{
        "access-control-request-headers": SENT,
        "access-control-request-private-network": "true",
    })  # fmt: skip
    assert (told.status_code, told.content) == (204, b"")
    assert told.headers["access-control-allow-origin"] == "*"
    assert told.headers["access-control-allow-headers"] == SENT
    assert told.headers["access-control-allow-private-network"] == "true"
    assert set(told.headers["access-control-allow-methods"].split(", ")) & {"GET", "POST"}
    assert "access-control-allow-credentials" not in told.headers


@pytest.mark.parametrize("stream", [False, True])
def test_a_page_reads_the_answer(
    gateways: Sandbox, keyed: tuple[Proxy, httpx.Client], stream: bool
) -> None:
    asked = body("chat-openai", stream=stream)
    said = keyed[1].post(CHAT, json=asked, headers={"origin": APP})
    assert said.status_code == 200
    assert said.headers["access-control-allow-origin"] == "*"
    assert said.headers["access-control-expose-headers"] == "*"


@pytest.mark.parametrize(
    ("key", "asked", "status"),
    [("sk-wrong-12345", "chat-openai", 401), (KEY, "no-such-model", 404)],
)
def test_a_page_reads_why_it_is_refused(
    gateways: Sandbox, keyed: tuple[Proxy, httpx.Client], key: str, asked: str, status: int
) -> None:
    headers = {"origin": APP, "authorization": f"Bearer {key}"}
    said = keyed[1].post(CHAT, json=body(asked), headers=headers)
    assert said.status_code == status
    assert said.headers["access-control-allow-origin"] == "*"


def cors_of(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


def test_who_is_no_page_is_told_nothing(
    gateways: Sandbox, keyed: tuple[Proxy, httpx.Client]
) -> None:
    http = keyed[1]
    assert not cors_of(http.post(CHAT, json=body("chat-openai")))
    plain = http.request("OPTIONS", CHAT, headers={"origin": APP})
    assert (plain.status_code, plain.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_what_needs_no_key_is_for_no_page(keyed: tuple[Proxy, httpx.Client], path: str) -> None:
    assert not cors_of(keyed[1].get(path, headers={"origin": APP}))
    told = preflight(keyed[1], path, APP)
    assert told.status_code == 405
    assert not cors_of(told)


def test_without_keys_only_pages_of_this_machine_may_ask(shared: Proxy) -> None:
    asked: dict[str, Any] = body("chat-openai")
    with shared.http() as http:
        assert preflight(http, CHAT, HERE).headers["access-control-allow-origin"] == "*"
        said = http.post(CHAT, json=asked, headers={"origin": HERE})
        assert (said.status_code, said.headers["access-control-allow-origin"]) == (200, "*")
        for refused in (
            preflight(http, CHAT, APP),
            http.post(CHAT, json=asked, headers={"origin": APP}),
        ):
            assert refused.status_code == 403
            assert not cors_of(refused)
