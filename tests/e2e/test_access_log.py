"""The access log: one line a request, what was asked where the configuration wants it, no file's bytes."""

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.edge import forget
from proxy.errors import ApiError
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread

ROUTE = "openai/gpt-4o-mini"


@pytest.fixture
def lines(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[int], list[dict[str, Any]]]:
    caplog.set_level("INFO", logger="anygate")
    said: list[str] = []

    def found(number: int) -> list[dict[str, Any]]:
        def look() -> list[str] | None:
            said.append(capsys.readouterr().err)
            told = "".join(said).splitlines()
            return told if len(told) >= number else None

        return [json.loads(line) for line in eventually(look)]

    return found


def test_a_line_a_request(proxy: Proxy, lines: Callable[[int], list[dict[str, Any]]]) -> None:
    with proxy.http() as client:
        answer = client.post(CHAT, json=body(ROUTE))
        assert answer.status_code == 200
        client.get("/healthz")
    chat, health = lines(2)
    assert chat["id"] == answer.headers["x-request-id"]
    assert (chat["endpoint"], chat["status"], chat["method"]) == ("chat", 200, "POST")
    assert chat["target"].startswith("openai/")
    assert chat["prompt_tokens"] > 0
    assert 0 <= chat["first_byte_ms"] <= chat["ms"]
    assert "request" not in chat
    assert health["endpoint"] == "health"


def test_what_was_asked_where_that_is_wanted(
    gateways: Sandbox, tmp_path: Path, lines: Callable[[int], list[dict[str, Any]]]
) -> None:
    config = config_for(gateways, server={"log_requests": True})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as client:
        client.post(CHAT, json=body(ROUTE))
        file = ("a.mp3", b"ID3secretbytes", "audio/mpeg")
        client.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper"})
    chat, upload = lines(2)
    assert chat["request"]["messages"] == body(ROUTE)["messages"]
    assert upload["request"]["file"] == "<audio/mpeg, 14 bytes>"


def test_an_error_leaves_nothing_to_collect(proxy: Proxy) -> None:
    """It holds its request's body: pictures would pile up between two collections."""

    def errors() -> int:
        return sum(isinstance(one, ApiError) for one in gc.get_objects())

    with proxy.http() as client:
        gc.collect()
        before = errors()
        gc.disable()
        try:
            for _ in range(5):
                assert client.post(CHAT, json=body("none")).status_code == 404
                assert client.post(CHAT, json={"model": ROUTE, "messages": []}).status_code == 400
            eventually(lambda: errors() <= before)
        finally:
            gc.enable()


def test_a_chain_of_causes_that_comes_back_to_its_beginning() -> None:
    one, other = ValueError(), KeyError()
    for error in (one, other):
        try:
            raise error
        except Exception:
            assert error.__traceback__ is not None
    one.__cause__, other.__cause__ = other, one
    forget(one)
    assert one.__traceback__ is other.__traceback__ is None
