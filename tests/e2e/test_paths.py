"""Paths and methods that are not there."""

import openai
import pytest

from tests.chatting import CHAT, refused
from tests.harness import Proxy

UNKNOWN = [
    "/",
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/chat",
    "/v1/chat/completions/",
    "/v1/chat/completions/x",
    "/V1/chat/completions",
    "//v1/chat/completions",
    "/v2/chat/completions",
    "/v1/engines/x/completions",
    "/favicon.ico",
    "/.env",
    "/media/",
    "/media/../config.yaml",
    "/media/..%2Fconfig.yaml",
    "/media/%00",
    "/docs",
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_is_404(shared: Proxy, method: str, path: str) -> None:
    with shared.http() as client:
        answer = client.request(method, path)
    if answer.status_code == 405:  # "/media/x" exists for GET
        assert path.startswith("/media/")
        return
    refused(answer, 404, "not_found")


@pytest.mark.parametrize("path", ["", "/v1/v1", "//v1/", "/v1//", "/v1"])
def test_a_base_url_that_misses_is_told_so(shared: Proxy, path: str) -> None:
    with shared.http() as client:
        end = "/chat/completions/" if path == "/v1" else "/chat/completions"
        error = refused(client.post(f"{shared.url}{path}{end}"), 404, "not_found")
    assert error["message"].endswith(f"Did you mean {CHAT}?")


def test_what_is_served_nowhere_is_named(shared: Proxy) -> None:
    with (
        shared.sdk() as client,
        pytest.raises(openai.NotFoundError, match=r"GET /v1/files\. GET /openapi"),
    ):
        client.files.list()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CHAT, {"POST"}),
        ("PUT", CHAT, {"POST"}),
        ("OPTIONS", CHAT, {"POST"}),
        ("DELETE", "/v1/models", {"GET", "HEAD"}),
        ("POST", "/v1/models/x", {"GET", "HEAD"}),
        ("PUT", "/v1/videos", {"GET", "HEAD", "POST"}),
        ("POST", "/v1/videos/x", {"GET", "HEAD", "DELETE"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("BREW", CHAT, {"POST"}),
    ],
)
def test_a_wrong_method_is_405(shared: Proxy, method: str, path: str, allowed: set[str]) -> None:
    with shared.http() as client:
        answer = client.request(method, path)
    if method == "BREW" and answer.status_code == 400:
        return  # the server knows no such method
    error = refused(answer, 405, "method_not_allowed")
    assert error["type"] == "invalid_request_error"
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert answer.headers["allow"] in error["message"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/chat-openai", "/healthz", "/metrics"])
def test_head_answers_as_get_without_a_body(shared: Proxy, path: str) -> None:
    with shared.http() as client:
        answer = client.head(path)
        assert answer.status_code == 200
        assert answer.content == b""
        assert client.get(path).status_code == 200


def test_head_of_what_is_not_there(shared: Proxy) -> None:
    with shared.http() as client:
        assert client.head("/v1/models/nobody-knows").status_code == 404
        assert client.head(CHAT).status_code == 405
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/videos",
        "/v1/videos/{}/content",
        "/v1/videos/{}/remix",
        "/v1/jobs",
        "/v1/jobs/{}/content",
        "/v1/providers",
        "/v1/providers/{}/balance",
        "/v1/providers/{}/prices",
    ],
)
@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "a%2Fb", "%00", "%0d%0aX-Evil:1", "é", "%ff", "x" * 8000, "' OR 1=1 --", "#"],
)
def test_jobs_that_nobody_has(shared: Proxy, path: str, name: str) -> None:
    method = "POST" if path.endswith("remix") else "GET"
    target = path.format(name) if "{}" in path else f"{path}/{name}"
    with shared.http() as client:
        answer = client.request(method, target, json={"prompt": "x"} if method == "POST" else None)
    assert answer.status_code in (200, 404, 405)
    if answer.status_code == 200:  # "#" and ".." never leave the client
        assert answer.json()["object"] == "list"
    else:
        assert answer.json()["error"]["code"] in ("not_found", "method_not_allowed")


@pytest.mark.parametrize("name", ["%2F", "..", "a%00b", "%ff", "é", "x" * 8000, "openai%2F..%2Fx"])
def test_models_that_cannot_be_retrieved(shared: Proxy, name: str) -> None:
    with shared.http() as client:
        answer = client.get(f"/v1/models/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in ("model_not_found", "not_found")
