"""A client that waits is told of its job before it gives up, also where only the file is slow."""

from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.chatting import refused
from tests.harness import Proxy
from tests.wire import ended

WAITING: dict[str, tuple[str, dict[str, Any]]] = {
    "apiin.one": ("/v1/images/generations", {"model": "flux", "prompt": "A cat", "n": 2}),
    "ai-gate.one": (
        "/v1/audio/speech",
        {"model": "ai-gate-one/voice", "voice": "alloy", "input": "Hello"},
    ),
}


@pytest.mark.parametrize("row", WAITING)
def test_a_file_that_does_not_come(shared: Proxy, gateways: Sandbox, row: str) -> None:
    path, order = WAITING[row]
    double = gateways[row]
    double.fault("file", times=None, hang=True)
    with shared.http() as client:
        answer = client.post(path, json=order, headers={"x-stainless-read-timeout": "2"})
        double.clear()
        refused(answer, 504, "provider_timeout")
        assert answer.headers["x-should-retry"] == "false"
        job = answer.headers["x-anygate-job"]
        assert ended(client, job)["status"] == "completed"
        assert client.get(f"/v1/jobs/{job}/content").status_code == 200
