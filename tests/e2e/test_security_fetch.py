"""Where the proxy goes for files, and with which key: to public places, to origins that the config names."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.addresses import NotPublic, is_public
from proxy.sandbox import Sandbox
from proxy.transport import Http1Transport
from tests.eventually import becoming, eventually
from tests.harness import Proxy, config_for, merged, proxy_in_thread
from tests.wire import CLIP, PNG, ended

PUBLIC = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
PRIVATE = (
    "127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "0.0.0.0", "0.1.2.3", "::", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "192.0.0.1",
    "198.18.0.1", "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fe80::1%lo", "fec0::1",
    "fc00::1", "fd00:ec2::254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1",
    "2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1",
    "224.0.0.1", "ff02::1", "ff0e::1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "5f00::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not(address: str) -> None:
    assert not is_public(address)


class Inside(ThreadingHTTPServer):
    """A server on this machine that the config does not name. It keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.port = int(self.server_address[1])


class _Answer(BaseHTTPRequestHandler):
    server: Inside

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def listening() -> Iterator[Inside]:
    with Inside() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def inside(listening: Inside) -> Inside:
    listening.asked.clear()
    return listening


# Ways to write this machine's address into a URL.
NOTATIONS = (
    "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "127.0.1", "2130706433", "017700000001",
    "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0", "0.0.0.0", "127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::]",
    "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "user@127.0.0.1", "example.com@127.0.0.1", "127.0.0.1#@example.com",
)  # fmt: skip


def test_the_server_inside_answers(inside: Inside) -> None:
    assert httpx.get(f"http://127.0.0.1:{inside.port}/x", trust_env=False).content == PNG
    assert inside.asked == ["/x"]


def test_a_clients_url_leads_outside(shared: Proxy, gateways: Sandbox, inside: Inside) -> None:
    """This target takes the file itself, so that the proxy fetches what the client's URL leads to."""
    with shared.http() as http:
        for host in NOTATIONS:
            asked = {"model": "openai/gpt-image-1", "prompt": "A cat",
                     "images": [{"image_url": f"http://{host}:{inside.port}/secret"}]}  # fmt: skip
            answer = http.post("/v1/images/edits", json=asked)
            assert answer.status_code == 400, (host, answer.text)
    assert not inside.asked
    assert not gateways["openai"].submits


def test_a_clients_url_that_is_none(shared: Proxy, gateways: Sandbox) -> None:
    """It is the client's fault, whatever the parser makes of it."""
    asked = {"model": "openai/gpt-image-1", "prompt": "A cat",
             "images": [{"image_url": "http://xn--/a.png"}]}  # fmt: skip
    with shared.http() as http:
        answer = http.post("/v1/images/edits", json=asked)
    assert answer.status_code == 400, answer.text


def gateway_says(gateways: Sandbox, url: str, **more: Any) -> None:
    """The next poll tells of a result at this URL."""
    task = {"task_id": "t", "status": "SUCCESS", "response": [url]}
    done = {"code": 200, "message": "success", "data": task}
    gateways["apiin.one"].fault("poll", status=200, body=done, **more)


def test_a_gateways_url_leads_outside(shared: Proxy, gateways: Sandbox, inside: Inside) -> None:
    with shared.http() as http:
        gateway_says(gateways, f"http://127.0.0.1:{inside.port}/secret")
        drawn = http.post("/v1/images/generations", json={"model": "flux", "prompt": "A cat"})
        assert drawn.status_code == 502, drawn.text
        gateway_says(gateways, f"http://127.1:{inside.port}/secret")
        made = http.post("/v1/videos", json={"model": "kling", "prompt": "A cat"}).json()["id"]
        ended(http, made)
        assert http.get(f"/v1/videos/{made}/content").status_code == 502
    assert not inside.asked


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_outside(
    shared: Proxy, gateways: Sandbox, inside: Inside, status: int
) -> None:
    """From an origin that the config names, or from a public one: each step is looked at anew."""
    targets = (f"http://127.0.0.1:{inside.port}/secret", f"//localhost:{inside.port}/secret")
    with shared.http() as http:
        for target in targets:
            video = http.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"}).json()[
                "id"
            ]
            ended(http, video)
            gateways["onysoft"].fault("file", status=status, headers={"location": target})
            assert http.get(f"/v1/videos/{video}/content").status_code == 502
    assert not inside.asked


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8:70/_x"]
)
def test_only_http_is_spoken(shared: Proxy, gateways: Sandbox, location: str) -> None:
    with shared.http() as http:
        video = http.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"}).json()["id"]
        ended(http, video)
        gateways["onysoft"].fault("file", status=302, headers={"location": location})
        answer = http.get(f"/v1/videos/{video}/content")
    assert answer.status_code == 502
    assert "root:" not in answer.text


def test_a_redirect_that_never_ends(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as http:
        video = http.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"}).json()["id"]
        ended(http, video)
        gateways["onysoft"].fault("file", times=None, status=302, headers={"location": "#again"})
        assert http.get(f"/v1/videos/{video}/content").status_code == 502
    assert len(gateways["onysoft"].seen("file")) <= 10


def test_what_the_config_names_is_fetched(
    gateways: Sandbox, inside: Inside, tmp_path: Path
) -> None:
    """The same URL once a provider is configured at its origin: by the origin, port included, and no host."""
    there = {"inside": {"translator": "openai", "api_key": "none",
                        "base_url": f"http://127.0.0.1:{inside.port}/v1"}}  # fmt: skip
    config = merged(config_for(gateways), {"providers": there})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        for host, status in (("127.0.0.1", 200), ("localhost", 400), ("127.1", 400)):
            asked = {"model": "openai/gpt-image-1", "prompt": "A cat",
                     "images": [{"image_url": f"http://{host}:{inside.port}/a.png"}]}  # fmt: skip
            assert http.post("/v1/images/edits", json=asked).status_code == status, host
    assert inside.asked == ["/a.png"]


def test_a_key_stays_at_its_gateway(shared: Proxy, gateways: Sandbox) -> None:
    """A file that wants the gateway's key, and a redirect to another gateway that the config names, too."""
    ours, theirs = gateways["openai"], gateways["onysoft"]
    with shared.http() as http:
        asked = {"model": "openai/sora-2", "prompt": "A cat"}
        video = http.post("/v1/videos", json=asked).json()["id"]
        ended(http, video)
        path = f"/v1/videos/{video}/content"
        assert http.get(path).status_code == 200
        [kind] = {seen.kind for seen in ours.log if seen.path.endswith("/content")}
        assert ours.seen(kind)[-1].headers["authorization"] == f"Bearer {ours.key}"
        away = {"location": f"{theirs.origin}/files/none/0.mp4"}
        ours.fault(kind, status=302, headers=away)
        theirs.fault("*", status=200, body=CLIP, headers={"content-type": "video/mp4"})
        assert http.get(path).content == CLIP
        # The same host in another notation, or by another scheme, is another origin.
        for origin in (
            ours.origin.replace("127.0.0.1", "localhost"),
            ours.origin.replace("http:", "https:"),
        ):
            ours.fault(kind, status=302, headers={"location": f"{origin}/v1/videos/x/content"})
            assert http.get(path).status_code == 502
    assert "authorization" not in theirs.log[-1].headers
    assert ours.key not in str(theirs.log[-1].headers)


def test_a_posts_redirect_is_not_followed(shared: Proxy, gateways: Sandbox, inside: Inside) -> None:
    to = {"location": f"http://127.0.0.1:{inside.port}/v1"}
    chat = {"model": "chat-openai", "messages": [{"role": "user", "content": "x"}]}
    with shared.http() as http:
        for status in (302, 307, 308):
            gateways["openai"].fault("chat", status=status, headers=to, body=b"")
            assert http.post("/v1/chat/completions", json=chat).status_code == 502
            gateways["onysoft"].fault("submit", status=status, headers=to, body=b"")
            asked = {"model": "sora-2", "prompt": f"A cat {status}"}
            assert http.post("/v1/videos", json=asked).status_code == 502
    assert not inside.asked
    eventually(lambda: len(gateways["onysoft"].submits) == 3)


Found = list[tuple[Any, ...]]


def names(*addresses: str) -> Found:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in addresses]


async def test_a_name_cannot_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is resolved once, and the address that was looked at is the one that is connected to."""
    loop = asyncio.get_running_loop()
    answers = [names("93.184.215.14"), names("127.0.0.1")]
    dialled: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> Found:
        return answers.pop(0)

    async def create_connection(make: object, host: str, port: int, **_: object) -> None:
        dialled.append(host)
        raise OSError("no way out")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(loop, "create_connection", create_connection)
    transport = Http1Transport(public_only=True)
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(httpx.Request("GET", "http://rebinding.example/"))
    assert dialled == ["93.184.215.14"]
    assert not answers


@pytest.mark.parametrize(
    "answer", [("93.184.215.14", "127.0.0.1"), ("10.0.0.1", "93.184.215.14"), ()]
)
async def test_a_name_with_one_private_address_has_none(
    monkeypatch: pytest.MonkeyPatch, answer: tuple[str, ...]
) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> Found:
        return names(*answer)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NotPublic):
        request = httpx.Request("GET", "http://mixed.example/")
        await Http1Transport(public_only=True).handle_async_request(request)


async def test_names_that_nobody_answers_for_leave_the_gateways_reachable(
    monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    """A client can name as many as it likes, and a webhook's receiver may lose its name server."""
    known, answered = socket.getaddrinfo, threading.Event()
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *rest: Any, **named: Any) -> Any:
        if not host.endswith(".example"):
            return known(host, port, *rest, **named)
        asked.append(host)
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    public, gateways = Http1Transport(public_only=True), Http1Transport()
    urls = [f"http://{number}.example/" for number in range(100)]
    try:
        strangers = [public.handle_async_request(httpx.Request("GET", url)) for url in urls]
        fetching = asyncio.gather(*strangers, return_exceptions=True)
        await becoming(lambda: asked)
        request = httpx.Request("GET", f"http://localhost:{inside.port}/")
        request.extensions["timeout"] = {"connect": 5.0}
        answer = await gateways.handle_async_request(request)
        await answer.aclose()
    finally:
        answered.set()
    assert all(isinstance(one, NotPublic) for one in await fetching)
    await gateways.aclose()


async def test_no_proxy_of_the_environment_is_asked_for_strangers(
    monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    """It would resolve the name itself, and go where we would not."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{inside.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(NotPublic):
        request = httpx.Request("GET", "http://127.0.0.1:1/")
        await Http1Transport(public_only=True).handle_async_request(request)
    assert not inside.asked
