"""A proxy without keys serves its own machine's programs, and no web page that a browser there shows."""

import gzip
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body, refused
from tests.harness import Proxy

EDITS = "/v1/images/edits"
FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "file://"},
    {"origin": "chrome-extension://abcdef"},
    {"origin": "http://127.0.0.1.evil.example"},
    {"origin": "http://localhost.evil.example:8080"},
    {"origin": "http://[::ffff:7f00:1].evil"},
    {"origin": "x" * 5000},
    {"host": "evil.example"},
    {"host": "evil.example:8080", "origin": "http://evil.example:8080"},  # DNS rebinding
    {"host": "127.0.0.1.evil.example"},
    {"host": "localhost."},
    {"host": "0.0.0.0"},
    {"host": "192.168.1.5"},
    {"host": "[::2]"},
    {"host": ""},
    {"host": "user@127.0.0.1@evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_what_a_page_sends_is_refused(
    shared: Proxy, gateways: Sandbox, headers: dict[str, str]
) -> None:
    with shared.http(headers=headers) as client:
        for answer in (
            client.post(CHAT, json=body("chat-openai")),
            client.get("/v1/models"),
            client.options(CHAT),
            client.post("/v1/videos", json={"prompt": "A cat"}),
        ):
            error = refused(answer, 403, "foreign_origin")
            assert error["type"] == "permission_error"
            assert not [name for name in answer.headers if name.startswith("access-control")]
    assert not any(double.log for double in gateways.doubles.values())


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8080"},
        {"host": "127.0.0.1"},
        {"host": "127.1.2.3"},
        {"host": "[::1]:8080"},
        {"host": "LOCALHOST"},
        {"host": "localhost", "origin": "http://localhost:3000"},
    ],
)
def test_this_machine_s_own_names_are_served(shared: Proxy, headers: dict[str, str]) -> None:
    with shared.http(headers=headers) as client:
        assert client.get("/v1/models/chat-openai").status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx", "text/json"],
)
def test_json_must_say_so(shared: Proxy, gateways: Sandbox, kind: str) -> None:
    """What a page may send without asking first is never JSON."""
    content = b'{"model": "chat-openai", "messages": [{"role": "user", "content": "Hi"}]}'
    headers = {"content-type": kind} if kind else {}
    with shared.http() as client:
        answer: httpx.Response = client.post(CHAT, content=content, headers=headers)
    refused(answer, 400, "invalid_json")
    assert not gateways["openai"].log


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/a+json",
    ],
)
def test_json_in_other_spellings_is_taken(shared: Proxy, kind: str) -> None:
    content: Any = b'{"model": "chat-openai", "messages": [{"role": "user", "content": "Hi"}]}'
    with shared.http() as client:
        answer = client.post(CHAT, content=content, headers={"content-type": kind})
    assert answer.status_code == 200


def test_a_compressed_form_is_told_so(shared: Proxy) -> None:
    form = httpx.Request("POST", shared.url, files={"image": b"x"})
    headers = {"content-type": form.headers["content-type"], "content-encoding": "gzip"}
    with shared.http() as client:
        packed = gzip.compress(form.read())
        error = refused(client.post(EDITS, content=packed, headers=headers), 400, "invalid_json")
    assert "it is compressed (gzip)" in error["message"]


def test_a_charset_in_the_place_of_a_coding_does_no_harm(shared: Proxy) -> None:
    content = b'{"model": "chat-openai", "messages": [{"role": "user", "content": "Hi"}]}'
    headers = {"content-type": "application/json", "content-encoding": "UTF-8"}
    with shared.http() as client:
        assert client.post(CHAT, content=content, headers=headers).status_code == 200
