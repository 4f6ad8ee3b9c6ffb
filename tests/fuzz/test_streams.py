"""Whatever a gateway streams, a client hears well-formed events of ours, and one end."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given

from tests.fuzz.events import CUTS, STREAMS, cut, heard
from tests.fuzz.upstream import Upstream, upstream
from tests.fuzzing import examples
from tests.harness import proxy_in_thread
from translators.looks import chunk_fits

pytestmark = pytest.mark.fuzz
_MESSAGES = [{"role": "user", "content": "Hello"}]
_shared = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


@dataclass
class Line:
    """A client, the proxy, and behind it a gateway that says what it is told."""

    gateway: Upstream
    http: httpx.Client

    def ask(self, pieces: list[bytes], path: str = "/v1/chat/completions") -> httpx.Response:
        self.gateway.pieces = pieces
        asked = {"model": "raw/m", "messages": _MESSAGES, "prompt": "x", "stream": True}
        if path.endswith("completions") and "chat" in path:
            del asked["prompt"]
        return self.http.post(path, json=asked)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with upstream() as gateway:
        provider = {"translator": "openai", "api_key": "sk-canary", "base_url": gateway.url}
        config = {"server": {"port": 0}, "providers": {"raw": provider}, "store": "memory:"}
        with proxy_in_thread(tmp_path_factory.mktemp("raw"), config) as proxy, proxy.http() as http:
            yield Line(gateway, http)


def told(answer: httpx.Response) -> list[Any]:
    """The events of an answer, each held to what a client may rely on; of an error its envelope."""
    if answer.status_code != 200:
        assert answer.status_code in (400, 404, 429, 502, 504), answer.text
        return [answer.json()]
    raw = answer.content.decode()  # strict: what goes out is UTF-8
    assert "\r" not in raw
    found = heard(raw)
    assert found.unended == ""
    assert not [one for one in found.fields if one != ": keep-alive"]
    events = [one if one == "[DONE]" else json.loads(one) for one in found.data]
    assert all(one == "[DONE]" or isinstance(one, dict) for one in events)
    ends = [place for place, one in enumerate(events) if one == "[DONE]" or "error" in one]
    assert ends == [len(events) - 1], "one end, and nothing behind it"
    assert all(map(chunk_fits, events[:-1]))
    return events


def without_clock(events: list[Any]) -> str:
    """What the proxy makes up (ids, times) left out."""
    return re.sub(r'"(id|created)": ("(chatcmpl|req)[^"]*"|\d+)', "", json.dumps(events))


@examples(60, **_shared)
@given(stream=STREAMS, cuts=CUTS)
def test_chat(line: Line, stream: bytes, cuts: list[int]) -> None:
    whole = told(line.ask([stream]))
    assert without_clock(told(line.ask(cut(stream, cuts)))) == without_clock(whole)


@examples(40, **_shared)
@given(stream=STREAMS, cuts=CUTS)
def test_what_passes_through(line: Line, stream: bytes, cuts: list[int]) -> None:
    answer = line.ask(cut(stream, cuts), "/v1/completions")
    if answer.status_code != 200:
        assert answer.status_code in (400, 404, 429, 502, 504), answer.text
        return
    found = heard(answer.content.decode("utf-8", "replace"))
    assert found.unended == ""
    assert found.data
    last = found.data[-1]
    assert last == "[DONE]" or '"error"' in last or '"type"' in last, "an end"
    assert found.data.count("[DONE]") <= 1
    assert not [one for one in found.fields if one.startswith(("id:", "retry:"))]


@pytest.mark.parametrize("stream", [True, False])
def test_json_that_is_too_deep_to_write_is_malformed(line: Line, stream: bool) -> None:
    """orjson reads 1024 levels and writes 254."""
    deep = b"[" * 300 + b"]" * 300
    body = b'{"id":"c","x":%s,"choices":[{"message":{"content":"a"}}]}' % deep
    line.gateway.pieces = [b"data: %s\n\n" % body if stream else body]
    asked = {"model": "raw/m", "messages": _MESSAGES, "stream": stream}
    answer = line.http.post("/v1/chat/completions", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "malformed_response")
