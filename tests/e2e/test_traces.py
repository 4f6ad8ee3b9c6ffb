"""OpenTelemetry traces, sent to a collector: spans for requests and for those to gateways, and no secret."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from proxy import tracing
from proxy.sandbox import Sandbox
from tests.harness import ProxyProcess, config_for, proxy_in_thread

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CLIENT = "sk-canary-of-a-client"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """Takes what exporters send."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.raw: list[bytes] = []
        self.services: list[str] = []

    @property
    def spans(self) -> list[Span]:
        found = []
        for raw in self.raw:
            for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                self.services.append(names["service.name"])
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        server.raw.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        return


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def told(span: Span) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return getattr(value, value.WhichOneof("value"))

    return {one.key: plain(one.value) for one in span.attributes}


@pytest.mark.slow
def test_what_a_collector_gets(
    gateways: Sandbox, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    config = config_for(gateways, server={"traces": True}, keys=[{"name": "web", "key": CLIENT}])
    process = ProxyProcess(tmp_path, config, key=CLIENT)
    proxy = process.start()
    try:
        with OpenAI(base_url=f"{proxy.url}/v1", api_key=CLIENT, max_retries=0) as client:
            said = [{"role": "user", "content": "a secret prompt"}]
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=said,  # type: ignore[arg-type]
                extra_headers={"traceparent": PARENT},
            )
            client.videos.create_and_poll(model="sora-2", prompt="a secret prompt")
    finally:
        process.stop()  # which sends the rest
    spans = {span.span_id: span for span in collector.spans}
    assert set(collector.services) == {"anygate"}
    chat = next(one for one in spans.values() if one.name == "POST chat")
    attributes = told(chat)
    assert chat.trace_id.hex() == PARENT.split("-")[1]
    assert chat.parent_span_id.hex() == PARENT.split("-")[2]
    assert attributes["http.response.status_code"] == 200
    assert attributes["anygate.key"] == "web"
    assert attributes["anygate.route"] == "gpt-4o-mini"
    assert attributes["gen_ai.usage.input_tokens"] > 0
    (asked,) = [one for one in spans.values() if one.parent_span_id == chat.span_id]
    assert asked.kind == Span.SPAN_KIND_CLIENT
    assert told(asked)["http.response.status_code"] == 200
    assert any(one.name == "POST videos" for one in spans.values())
    everything = b"".join(collector.raw)
    for secret in (CLIENT, "a secret prompt", *gateways.keys.values()):
        assert secret.encode() not in everything


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ValueError, match=r"pip install 'anygate\[otel\]'"):
        tracing.required()


def test_a_failed_request(
    gateways: Sandbox, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    config = config_for(gateways, server={"traces": True})
    config["providers"]["dead"] = {
        "translator": "openai",
        "api_key": "sk-canary",
        "base_url": "http://127.0.0.1:1/v1",
    }
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as client:
        answer = client.post(
            "/v1/chat/completions",
            json={"model": "dead/m", "messages": [{"role": "user", "content": "Hello"}]},
        )
        assert answer.status_code == 502
    failed = [one for one in collector.spans if one.status.code == 2]
    assert {told(one)["error.type"] for one in failed} == {"502", "Unreachable"}
    assert {one.status.message for one in failed} == {""}
