"""Who may come in: client keys, their models and their jobs; without keys, only this machine's own programs."""

import socket
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, HELLO, body, refused
from tests.harness import Proxy, config_for, proxy_in_thread

WEB, HASHED, BOSS = "sk-web-123456", "sk-hashed-123456", "sk-boss-123456"


@pytest.fixture(scope="module")
def keyed(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    digest = sha256(HASHED.encode()).hexdigest()
    keys = [
        {"name": "web", "key": WEB, "models": ["chat-*", "sora-2", "openai/gpt-4o"]},
        {"name": "hashed", "key": f"sha256:{digest}", "models": ["onysoft/*"]},
        {"name": "boss", "key": BOSS},
    ]
    config = config_for(all_gateways, keys=keys)
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config, key=BOSS) as made:
        yield made


@pytest.fixture
def proxy(keyed: Proxy, gateways: Sandbox) -> Proxy:
    return keyed


def client(proxy: Proxy, key: str) -> httpx.Client:
    return proxy.http(headers={"authorization": f"Bearer {key}"})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": WEB},
        {"authorization": f"Basic {WEB}"},
        {"authorization": f"Bearer {WEB}x"},
        {"authorization": f"Bearer {WEB[:-1]}"},
        {"authorization": "Bearer " + sha256(HASHED.encode()).hexdigest()},
        {"authorization": "Bearer sha256:" + sha256(HASHED.encode()).hexdigest()},
        {"authorization": b"Bearer \xff\xfe"},
        {"authorization": "Bearer " + "x" * 30_000},
        {"x-api-key": WEB},
        {"cookie": f"authorization=Bearer {WEB}"},
    ],
)
def test_a_missing_or_wrong_key_is_401(proxy: Proxy, gateways: Sandbox, given: Any) -> None:
    with httpx.Client(base_url=proxy.url, headers=given, trust_env=False) as bare:
        for answer in (bare.post(CHAT, json=body("chat-openai")), bare.get("/v1/models")):
            error = refused(answer, 401, "invalid_api_key")
            assert error["type"] == "authentication_error"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["x-should-retry"] == "false"
            assert WEB not in answer.text
    assert not gateways["openai"].log


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations",
        "/v1/videos",
        "/v1/audio/speech",
        "/v1/embeddings",
        "/v1/jobs/video",
        "/v1/nothing",
        "/v1/chat/completions/",
    ],
)
def test_no_path_below_v1_is_open(proxy: Proxy, path: str) -> None:
    with httpx.Client(base_url=proxy.url, trust_env=False) as bare:
        refused(bare.post(path, json={}), 401, "invalid_api_key")
        refused(bare.get(path), 401, "invalid_api_key")


@pytest.mark.parametrize("key", [WEB, BOSS])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_key_comes_in(proxy: Proxy, key: str, scheme: str) -> None:
    with httpx.Client(base_url=proxy.url, trust_env=False) as bare:
        headers = {"authorization": f"{scheme} {key}"}
        assert bare.post(CHAT, json=body("chat-openai"), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("key", "model", "allowed"),
    [
        (WEB, "chat-openai", True),
        (WEB, "openai/gpt-4o", True),
        (WEB, "gpt-4o-mini", False),
        (WEB, "", False),  # the default, gpt-4o-mini
        (WEB, "openai/gpt-4o-mini", False),
        (WEB, "CHAT-OPENAI", False),
        (WEB, "nobody-knows", False),
        (HASHED, "onysoft/gpt-4o-mini", True),
        (HASHED, "chat-onysoft", False),
        (BOSS, "gpt-4o-mini", True),
        (BOSS, "openai/gpt-4o-mini", True),
    ],
)
def test_a_key_may_use_its_models(
    proxy: Proxy, gateways: Sandbox, key: str, model: str, allowed: bool
) -> None:
    with client(proxy, key) as bare:
        answer = bare.post(CHAT, json=body(model))
    if allowed:
        assert answer.status_code == 200
        return
    error = refused(answer, 403, "model_not_allowed", "model")
    assert error["type"] == "permission_error"
    assert not any(double.log for double in gateways.doubles.values())


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/videos"])
def test_every_endpoint_looks_at_the_models(proxy: Proxy, gateways: Sandbox, path: str) -> None:
    with client(proxy, WEB) as bare:
        answer = bare.post(path, json={"model": "kling", "prompt": "A cat"})
    refused(answer, 403, "model_not_allowed", "model")
    assert not gateways["apiin.one"].log


def test_models_are_listed_by_key(proxy: Proxy) -> None:
    with client(proxy, WEB) as bare:
        listed = {one["id"] for one in bare.get("/v1/models").json()["data"]}
        assert listed == {
            "chat-openai",
            "chat-onysoft",
            "chat-shop",
            "chat-text",
            "sora-2",
            "openai/gpt-4o",
        }
        assert bare.get("/v1/models/openai%2Fgpt-4o").json()["id"] == "openai/gpt-4o"
        refused(bare.get("/v1/models/gpt-4o-mini"), 404, "model_not_found", "model")
    with client(proxy, HASHED) as bare:
        names = [one["id"] for one in bare.get("/v1/models").json()["data"]]
    assert names
    assert all(name.startswith("onysoft/") for name in names)


def test_jobs_belong_to_keys(proxy: Proxy) -> None:
    with client(proxy, WEB) as mine, client(proxy, BOSS) as other:
        made = mine.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"})
        path = f"/v1/videos/{made.json()['id']}"
        assert mine.get(path).status_code == 200
        for answer in (
            other.get(path),
            other.get(path + "/content"),
            other.delete(path),
            other.post(path + "/remix", json={"prompt": "A dog"}),
        ):
            refused(answer, 404, "not_found", "id")
        assert made.json()["id"] not in other.get("/v1/videos").text
        assert made.json()["id"] in mine.get("/v1/videos").text


def test_the_sdk_raises_its_exceptions(proxy: Proxy) -> None:
    wrong, web = ({"authorization": f"Bearer {key}"} for key in ("wrong", WEB))
    with (
        proxy.sdk(default_headers=wrong) as sdk,
        pytest.raises(openai.AuthenticationError),
    ):
        sdk.models.list()
    with (
        proxy.sdk(default_headers=web) as sdk,
        pytest.raises(openai.PermissionDeniedError) as caught,
    ):
        sdk.chat.completions.create(model="flux", messages=HELLO)
    assert caught.value.code == "model_not_allowed"


def test_health_needs_no_key(proxy: Proxy) -> None:
    with httpx.Client(base_url=proxy.url, trust_env=False) as bare:
        assert bare.get("/healthz").json() == {"status": "ok"}
        assert bare.get("/readyz").status_code == 200


def raw(proxy: Proxy, target: str, *headers: str, method: str = "GET") -> tuple[int, str]:
    """Status and body of a request whose target nobody has tidied up."""
    port = int(proxy.url.rpartition(":")[2])
    lines = [f"{method} {target} HTTP/1.1", *headers, "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        said = b""
        while piece := connection.recv(65_536):
            said += piece
    head, _, rest = said.decode("latin-1").partition("\r\n\r\n")
    return int(head.split(" ", 2)[1]), rest


@pytest.mark.parametrize(
    "target",
    [
        "//v1/models",
        "/v1//models",
        "/v1/../v1/models",
        "/x/../v1/models",
        "/./v1/models",
        "/V1/models",
        "/v1/models/",
        "/v1/models?x=1",
        "/v1/models;x",
        "/v1%2Fmodels",
        "/%76%31/models",
        "/v1/%6dodels",
        "/healthz/../v1/models",
        "/healthz%2F..%2Fv1/models",
        "/media/../v1/models",
        "/media/..%2Fv1%2Fmodels",
        "/v1\\models",
        "/v1/models%00",
        "/v1/models%0d%0aAuthorization:%20Bearer%20" + BOSS,
        "http://127.0.0.1/v1/models",
        "http://evil.example/v1/models",
        "*",
    ],
)
def test_no_way_of_writing_a_path_passes_the_key(proxy: Proxy, target: str) -> None:
    status, said = raw(proxy, target, "Host: 127.0.0.1")
    assert status in (400, 401, 404)
    assert "chat-openai" not in said
    assert BOSS not in said
