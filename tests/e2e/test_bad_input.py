"""Whatever a client sends: a clear 4xx in OpenAI's envelope, never a 500, and nothing reaches a gateway."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, HELLO, body, refused
from tests.harness import Proxy

JSON = {"content-type": "application/json"}
POSTS = (
    CHAT,
    "/v1/images/generations",
    "/v1/videos",
    "/v1/audio/speech",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/responses",
    *(f"/v1/jobs/{kind}" for kind in ("image", "video", "speech", "sound", "music")),
)
# Enough for each of them, but for the model.
ASKED: dict[str, Any] = {"messages": HELLO, "prompt": "A cat", "input": "A cat", "voice": "alloy"}
HOSTILE = [
    "../../etc/passwd",
    "..",
    "/",
    "//",
    "a/../b",
    "openai/../../v1/files",
    "openai/..",
    "openai/./x",
    "openai/",
    "openai/a b",
    "openai/a?b=c",
    "openai/a#b",
    "openai/a%2Fb",
    "openai/a\r\nX-Evil: 1",
    "openai/a\x00b",
    "openai/é",
    "openai/" + "a" * 100_000 + " ",
    "onysoft/#",
    "nobody/gpt-4o",
    "%2F",
    "#",
    "\r\nX-Evil: 1",
    "\x00",
    "é" * 100,
    "🦊",
    "\u202egpt",
    "a" * 100_000,
    "gpt-4o-mini ",
    " gpt-4o-mini",
    "GPT-4O-MINI",
    "__class__",
    "{key}",
]


@pytest.fixture
def client(shared: Proxy, gateways: Sandbox) -> Iterator[httpx.Client]:
    """A client; at the end no gateway may have been asked anything."""
    with shared.http() as made:
        yield made
    assert not {name: double.log for name, double in gateways.doubles.items() if double.log}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b"{]",
        b"hello",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"model": "chat-openai",}',
        b"{'model': 'chat-openai'}",
        b'{"model": NaN}',
        b'{"model": 1e999}',
        b'{"model": "\\ud800"}',
        b'{"model": "\x00"}',
        b"{}{}",
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"messages":' + b"[" * 500 + b"]" * 500 + b"}",
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_json(client: httpx.Client, path: str, content: bytes) -> None:
    refused(client.post(path, content=content, headers=JSON), 400, "invalid_json")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("content", ["null", "1", "[]", '"x"', "true", '[{"model": "x"}]'])
def test_what_is_no_object(client: httpx.Client, path: str, content: str) -> None:
    refused(client.post(path, content=content, headers=JSON), 400, "invalid_type")


@pytest.mark.parametrize("path", POSTS[:3])
def test_a_body_that_is_too_large(client: httpx.Client, path: str) -> None:
    large = b'{"model": "' + b"a" * (40 << 20) + b'"}'
    refused(client.post(path, content=large, headers=JSON), 413, "request_too_large")


def test_a_large_body_without_a_length(client: httpx.Client) -> None:
    pieces = (b" " * (1 << 20) for _ in range(40))
    refused(client.post(CHAT, content=pieces, headers=JSON), 413, "request_too_large")


@pytest.mark.parametrize("path", POSTS)
def test_models_that_nobody_has(client: httpx.Client, path: str) -> None:
    for model in HOSTILE:
        answer = client.post(path, json=ASKED | {"model": model})
        error = refused(answer, 404, "model_not_found", "model")
        assert len(error["message"]) < 600
        assert "x-evil" not in answer.headers


@pytest.mark.parametrize("model", [1, True, ["x"], {"a": 1}, 1.5])
@pytest.mark.parametrize("path", POSTS)
def test_models_of_another_type(client: httpx.Client, path: str, model: Any) -> None:
    answer = client.post(path, json=ASKED | {"model": model})
    refused(answer, 400, "invalid_type", "model")


MISSING: list[tuple[Any, str]] = [
    ({"model": "chat-openai"}, "messages"),
    ({"model": "chat-openai", "messages": None}, "messages"),
    ({"model": "chat-openai", "messages": []}, "messages"),
    ({"model": "chat-openai", "messages": [{"content": "x"}]}, "messages[0].role"),
    ({"model": "chat-openai", "messages": [{"role": None}]}, "messages[0].role"),
    ({"model": "chat-openai", "messages": [*HELLO, {}]}, "messages[1].role"),
]


@pytest.mark.parametrize(("asked", "param"), MISSING)
def test_what_is_missing(client: httpx.Client, asked: Any, param: str) -> None:
    refused(client.post(CHAT, json=asked), 400, "missing_required_parameter", param)


WRONG: dict[str, list[Any]] = {
    "messages": ["x", 1, {"role": "user"}, True],
    "messages[0]": ["x", 1, None, []],
    "messages[0].role": [1, ["user"], {}],
    "messages[0].content": [1, {"type": "text"}, True],
    "stream": ["yes", 1, [], {}, "true"],
    "stream_options": ["x", 1, [1], True],
    "provider_options": ["x", 1, [1], True],
    "temperature": ["hot", [1], {}, True],
    "top_p": ["x", [], False],
    "n": ["2", 1.5, [], True],
    "max_tokens": ["5", 1.5, {}],
    "max_completion_tokens": ["5", 0.5, []],
    "presence_penalty": ["x", []],
    "frequency_penalty": ["x", {}],
    "seed": ["x", 1.5, []],
    "stop": [1, {}, [1], ["a", 2]],
    "logprobs": [1, "yes"],
    "top_logprobs": ["1", 1.5],
    "logit_bias": [1, "x", []],
    "tools": ["x", {}, 1],
    "tools[0]": ["x", 1],
    "tool_choice": [1, [], True],
    "parallel_tool_calls": ["x", 1],
    "response_format": ["json", 1, []],
    "reasoning_effort": [1, []],
    "user": [1, {}],
    "metadata": ["x", []],
    "store": ["x", 1],
}


def with_wrong(param: str, value: Any) -> dict[str, Any]:
    asked = body("chat-openai")
    name, _, inner = param.partition("[0]")
    if name == "messages" and param != "messages":
        value = [{"role": "user", "content": "Hi", inner[1:]: value}] if inner else [value]
    elif param == "tools[0]":
        value = [value]
    return asked | {name: value}


@pytest.mark.parametrize("route", ["chat-openai", "gpt-4o-mini", "chat-text"])
@pytest.mark.parametrize(
    ("param", "value"), [(param, value) for param, values in WRONG.items() for value in values]
)
def test_what_is_of_another_type(client: httpx.Client, route: str, param: str, value: Any) -> None:
    answer = client.post(CHAT, json=with_wrong(param, value) | {"model": route})
    refused(answer, 400, "invalid_type", param)


@pytest.mark.parametrize(("param", "value"), [("size", {}), ("size", [1]), ("seconds", ["4"])])
@pytest.mark.parametrize("path", ["/v1/videos/edits", "/v1/videos/extensions", "/v1/jobs/video"])
def test_orders_of_another_type(client: httpx.Client, path: str, param: str, value: Any) -> None:
    asked = {"model": "openai/sora-2", "prompt": "Snow", "video": "https://example.com/a.mp4"}
    refused(client.post(path, json={**asked, param: value}), 400, "invalid_type", param)


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
@pytest.mark.parametrize(
    ("file", "code"), [("https://example.com/a.mp3", "unsupported_value"), (5, "invalid_type")]
)
def test_files_that_are_none(client: httpx.Client, path: str, file: Any, code: str) -> None:
    asked = {"model": "openai/whisper-1", "file": file}
    refused(client.post(path, json=asked), 400, code, "file")


@pytest.mark.parametrize(
    "query", ["videos?limit=", "videos?limit=-1", "jobs?limit=1e1", "usage?since=", "usage?by=x"]
)
def test_queries_that_mean_nothing(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v1/{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == query.partition("?")[2].partition("=")[0]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(field=st.sampled_from([*{one.partition("[")[0] for one in WRONG}, "model"]), value=ANYTHING)
def test_any_value_anywhere_is_no_fault_of_ours(shared: Proxy, field: str, value: Any) -> None:
    with shared.http() as client:
        for route in ("chat-openai", "chat-text"):
            content = json.dumps(body(route) | {field: value})
            answer = client.post(CHAT, content=content, headers=JSON)
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert answer.json()["error"]["message"]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_an_early_answer_to_who_does_not_keep_the_connection(proxy: Proxy, version: str) -> None:
    """Python's urllib, Node's http by default, nginx as it comes: they send all of it, and read then."""
    url, size = httpx.URL(proxy.url), 16 << 20
    head = f"POST /v1/nope HTTP/{version}\r\nhost: localhost\r\nconnection: close\r\n"
    with socket.create_connection((url.host, url.port or 80), timeout=30) as client:
        client.sendall(f"{head}content-length: {size}\r\n\r\n".encode())
        client.sendall(bytes(size))
        said = b""
        while piece := client.recv(65_536):
            said += piece
    assert said.startswith(b"HTTP/1.1 404 ")
    assert b'"error"' in said
