"""Clients that are slow on purpose, that never end, or that speak HTTP so that two servers read it differently."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread

KEY = "sk-web-123456"
LOGIN = f"Authorization: Bearer {KEY}\r\n"
SHORT = {"headers": 0.2, "body": 0.2, "write": 0.2}


@pytest.fixture(scope="module")
def hasty(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with hardly any patience."""
    config = config_for(all_gateways, server={"timeout": SHORT, "max_body_mb": 1})
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config) as made:
        yield made


@pytest.fixture(scope="module")
def keyed(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    quick = {"timeout": {**SHORT, "idle": 0.2}}
    config = config_for(all_gateways, keys=[{"name": "web", "key": KEY}], server=quick)
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config, key=KEY) as made:
        yield made


def connected(proxy: Proxy) -> socket.socket:
    url = httpx.URL(proxy.url)
    return socket.create_connection((url.host, url.port or 80), timeout=10)


def heard(client: socket.socket) -> bytes:
    """All that comes until the proxy ends the connection; a timeout where it does not."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(65_536):
            said += piece
    return said


def dripped(client: socket.socket, drip: bytes) -> bytes:
    """What comes until the proxy ends the connection, while it gets a drip now and then."""
    client.settimeout(0.02)
    said = b""
    for _ in range(500):
        try:
            client.sendall(drip)
            piece = client.recv(65_536)
        except TimeoutError:
            continue
        except ConnectionError:
            return said
        if not piece:
            return said
        said += piece
    raise AssertionError("the proxy has endless patience")


def test_who_says_nothing(hasty: Proxy) -> None:
    with connected(hasty) as client:
        assert heard(client) == b""


def test_a_head_in_drips(hasty: Proxy) -> None:
    with connected(hasty) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")
        assert dripped(client, b"x-a: b\r\n") == b""


@pytest.mark.parametrize("framing", ["content-length: 5000", "transfer-encoding: chunked"])
def test_a_body_in_drips(hasty: Proxy, gateways: Sandbox, framing: str) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    drip = b" " if "length" in framing else b"1\r\n \r\n"
    with connected(hasty) as client:
        client.sendall(f"{head}{framing}\r\n\r\n".encode())
        said = dripped(client, drip)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"
    assert not any(double.log for double in gateways.doubles.values())


def test_the_rest_of_a_body_that_was_refused(hasty: Proxy) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with connected(hasty) as client:
        client.sendall(f"{head}content-length: 50000000\r\n\r\n".encode())
        said = dripped(client, b" ")
    assert said.startswith(b"HTTP/1.1 413 ")


def test_an_answer_that_nobody_takes(hasty: Proxy, gateways: Sandbox) -> None:
    """The gateway is let go: a client that stops reading holds no connection to it."""
    double = gateways["onysoft"]
    double.files.size = 64 << 20
    with hasty.http() as http:
        made = http.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"}).json()["id"]
        path = f"/v1/videos/{made}"
        eventually(lambda: http.get(path).json()["status"] == "completed")
    with connected(hasty) as client:
        client.sendall(f"GET {path}/content HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        eventually(lambda: double.seen("file") and double.seen("file")[-1].disconnected)


def test_others_are_served_meanwhile(hasty: Proxy) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            slow = stack.enter_context(connected(hasty))
            slow.sendall(
                b"POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n"
            )
        with hasty.http() as http:
            assert http.post(CHAT, json=body("chat-openai")).status_code == 200


def test_idle_connections_are_ended(keyed: Proxy) -> None:
    with connected(keyed) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert heard(client).endswith(b'{"status":"ok"}')


def spoken(proxy: Proxy, requests: Mapping[str, str]) -> dict[str, bytes]:
    """What the proxy answers to these very bytes, each on its own connection, until it ends that."""
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(connected(proxy)) for name in requests}
        for name, client in clients.items():
            client.sendall(requests[name].encode("latin-1"))
        return {name: heard(client) for name, client in clients.items()}


MODELS = "GET /v1/models HTTP/1.1\r\nHost: x\r\n"
PLAIN = "Connection: close\r\n\r\n"
TRICKS = {
    "another key first": f"{MODELS}Authorization: Bearer wrong\r\n{LOGIN}{PLAIN}",
    "two keys in one": f"{MODELS}Authorization: Bearer wrong, Bearer {KEY}\r\n{PLAIN}",
    "space before the colon": f"{MODELS}Authorization : Bearer {KEY}\r\n{PLAIN}",
    "a folded line": f"{MODELS}X-A: b\r\n Authorization: Bearer {KEY}\r\n{PLAIN}",
    "a bare line feed": f"{MODELS}X-A: b\nAuthorization: Bearer {KEY}\n{PLAIN}",
    "a NUL": f"{MODELS}Authorization: Bearer {KEY}\0\r\n{PLAIN}",
    "an underscore": f"{MODELS}Author_ization: Bearer {KEY}\r\n{PLAIN}",
    "a proxy's key": f"{MODELS}Proxy-Authorization: Bearer {KEY}\r\n{PLAIN}",
    "in the query": f"GET /v1/models?api_key={KEY} HTTP/1.1\r\nHost: x\r\n{PLAIN}",
    "in the address": f"GET http://x:{KEY}@x/v1/models HTTP/1.1\r\nHost: x\r\n{PLAIN}",
    "rewritten paths": f"GET /healthz/x HTTP/1.1\r\nHost: x\r\nX-Original-URL: /v1/models\r\n"
    f"X-Rewrite-URL: /v1/models\r\nX-Forwarded-Prefix: /v1\r\n{PLAIN}",
    "another method": f"{MODELS}X-HTTP-Method-Override: HEAD\r\n{PLAIN}",
    "from this machine": f"{MODELS}X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"
    f"Forwarded: for=127.0.0.1;host=localhost\r\n{PLAIN}",
    "another host": f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: x\r\n{PLAIN}",
    "HTTP/1.0": f"GET /v1/models HTTP/1.0\r\n{PLAIN}",
    "HTTP/0.9": "GET /v1/models\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade": f"{MODELS}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "a websocket": f"{MODELS}Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "a tunnel": f"CONNECT /v1/models HTTP/1.1\r\nHost: x\r\n{PLAIN}",
    "a fragment": f"GET /x#/../v1/models HTTP/1.1\r\nHost: x\r\n{PLAIN}",
    "a trailer": f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{LOGIN}X-A: b\r\n\r\n",
}


def test_no_trick_stands_for_a_key(keyed: Proxy, gateways: Sandbox) -> None:
    """All at once; the one that is sent as it should be shows that nothing else is wrong with them."""
    answers = spoken(keyed, {**TRICKS, "none": f"{MODELS}{LOGIN}{PLAIN}"})
    assert b"chat-openai" in answers.pop("none")
    statuses = {trick: answer.split(b" ", 2)[1] for trick, answer in answers.items()}
    assert set(statuses.values()) <= {b"400", b"401", b"404"}, statuses
    assert statuses["a trailer"] == b"401"
    for trick, answer in answers.items():
        assert b"chat-openai" not in answer, trick
        assert KEY.encode() not in answer, trick
    assert not any(double.seen("chat") for double in gateways.doubles.values())


HIDDEN = f"GET /v1/models HTTP/1.1\r\nHost: x\r\n{LOGIN}\r\n"
POST = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# Requests that a server in front may end at another place than we do.
SPLIT = {
    "two lengths": f"{POST}Content-Length: 2\r\nContent-Length: {len(HIDDEN) + 2}\r\n\r\n{{}}{HIDDEN}",
    "a list of lengths": f"{POST}Content-Length: 2, {len(HIDDEN) + 2}\r\n\r\n{{}}{HIDDEN}",
    "a signed length": f"{POST}Content-Length: +2\r\n\r\n{{}}{HIDDEN}",
    "a length in hex": f"{POST}Content-Length: 0x2\r\n\r\n{{}}{HIDDEN}",
    "a length that is none": f"{POST}Content-Length: 2 2\r\n\r\n{{}}{HIDDEN}",
    "an endless length": f"{POST}Content-Length: {'9' * 30}\r\n\r\n{{}}{HIDDEN}",
    "length and chunks": f"{POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "chunks and length": f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n{HIDDEN}",
    "odd chunks": f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "chunks, then not": f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}",
    "a space": f"{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "a bad chunk": f"{POST}Transfer-Encoding: chunked\r\n\r\n2;\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "a chunk in hex": f"{POST}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "a chunk with a sign": f"{POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n{{}}\r\n0\r\n\r\n{HIDDEN}",
    "an old version": f"{POST.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n"
    f"{{}}{HIDDEN}",
}  # fmt: skip


def test_nothing_is_smuggled_behind_a_body(keyed: Proxy, gateways: Sandbox) -> None:
    """What ends unclearly ends the connection: no second request is read out of it."""
    clear = f"{POST}Content-Length: 2\r\n\r\n{{}}{HIDDEN}"
    answers = spoken(keyed, {**SPLIT, "clear": clear})
    assert b"chat-openai" in answers.pop("clear")
    for how, answer in answers.items():
        assert b"chat-openai" not in answer, how
        assert answer.count(b"HTTP/1.1 ") == 1, how
        assert answer.split(b" ", 2)[1] in (b"400", b"401", b"413"), how
    assert not any(double.seen("chat") for double in gateways.doubles.values())


def test_what_is_no_http_is_told_so_as_everything_is(keyed: Proxy) -> None:
    head, _, said = spoken(keyed, {"": "nonsense\r\n\r\n"})[""].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said)["error"]["type"] == "invalid_request_error"


def test_headers_without_an_end(keyed: Proxy) -> None:
    with connected(keyed) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(10_000):  # 10 MB
                client.sendall(b"X-A: " + b"b" * 1000 + b"\r\n")
            raise AssertionError("ten megabytes of headers were taken")


class Narrow(ProxyProcess):
    """As shells and containers start a process: with few open files, where more are allowed."""

    entry = (
        "-c",
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (100, 400)); from proxy.cli import main; main()",
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_as_many_connections_as_the_system_allows(
    gateways: Sandbox, tmp_path: Path, workers: int
) -> None:
    """Of several workers each may have so many; here they are no more than one has."""
    with (
        Narrow(tmp_path, config_for(gateways), workers=workers) as proxy,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(250):
            stack.enter_context(connected(proxy))
        with proxy.http(timeout=5) as http:
            for _ in range(4):
                asked = http.post(CHAT, json=body("chat-openai"), headers={"connection": "close"})
                assert asked.status_code == 200, asked.text


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({}, "none: open"),
        ({"public_url": "http://127.0.0.1:1"}, "none: open"),
        (
            {"public_url": "https://ai.example"},
            "none: open, also to whoever reaches https://ai.example",
        ),
    ],
    ids=["here", "here, too", "everywhere"],
)
def test_who_may_spend_without_keys_is_told_at_the_start(
    gateways: Sandbox, tmp_path: Path, server: dict[str, str], said: str
) -> None:
    """A tunnel for uploads leads to the rest as well."""
    process = ProxyProcess(tmp_path, config_for(gateways, server=server))
    with process:
        lines = [re.sub(r" +", " ", one).strip() for one in process.log.read_text().splitlines()]
    assert f"keys {said}" in lines
