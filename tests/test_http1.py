"""Our HTTP/1.1 client against servers that speak well, oddly, slowly, and not at all."""

import asyncio
import os
import select
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.http1 import Connection
from proxy.http1_exchange import Exchange
from proxy.http1_heads import mended
from proxy.listening import bind
from proxy.messages import Body
from proxy.transport import Http1Transport, NotPublic
from tests.eventually import becoming

CERTIFICATES = Path(__file__).parent / "certificates"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"
)
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello"

Talk = Callable[["Peer"], Awaitable[None]]


class Peer:
    """A server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """The next request: its head, and as much body as it says."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        sizes = [line.partition(b":")[2] for line in lines if line.startswith(b"content-length:")]
        return head + await self.reader.readexactly(int(sizes[0]) if sizes else 0)

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)


class Server:
    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []


Handlers = list[tuple[asyncio.Task[None] | None, asyncio.StreamWriter]]


async def hang_up(handlers: Handlers) -> None:
    """End every connection, and wait until its socket is closed."""
    for task, writer in handlers:
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        writer.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    made = Server()
    handlers: Handlers = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        handlers.append((asyncio.current_task(), writer))
        peer = Peer(reader, writer)
        asked = peer.request

        async def noted() -> bytes:
            made.requests.append(await asked())
            return made.requests[-1]

        peer.request = noted  # type: ignore[method-assign]
        try:
            await talk(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    made.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/path?q=1"
    try:
        yield made
    finally:
        server.close()
        await hang_up(handlers)


@pytest.fixture
async def client() -> AsyncIterator[Http1Transport]:
    transport = Http1Transport()
    yield transport
    await transport.aclose()


def post(url: str, body: bytes = b"{}", read: float | None = 5.0) -> httpx.Request:
    request = httpx.Request("POST", url, headers={"x-a": "b"}, stream=Body(body))
    request.extensions["timeout"] = {"connect": 5.0, "read": read}
    return request


async def whole(transport: Http1Transport, request: httpx.Request) -> tuple[int, bytes]:
    answer = await transport.handle_async_request(request)
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    try:
        return answer.status_code, b"".join([chunk async for chunk in answer.stream])
    finally:
        await answer.aclose()


def localhost_tls() -> tuple[ssl.SSLContext, Http1Transport]:
    """A server's, and a client that trusts it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    trusted = ssl.create_default_context(cafile=str(CERTIFICATES / "localhost.pem"))
    return tls, Http1Transport(verify=trusted)


def always(*pieces: bytes, again: bool = True) -> Talk:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(*pieces)
        while again:
            await peer.request()
            await peer.say(*pieces)

    return talk


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["length", "chunked"])
async def test_connections_are_used_again(client: Http1Transport, answer: bytes) -> None:
    async with serving(always(answer)) as server:
        for _ in range(3):
            assert await whole(client, post(server.url, b'{"a":1}')) == (200, b"hello")
    assert server.connections == 1
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /path?q=1 HTTP/1.1\r\n")
    assert b"\r\nhost: 127.0.0.1:" in head
    assert b"\r\ncontent-length: 7" in head
    assert b"\r\nx-a: b" in head
    assert body == b'{"a":1}'


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["length", "chunked"])
async def test_an_answer_byte_by_byte(client: Http1Transport, answer: bytes) -> None:
    async with serving(always(*(answer[i : i + 1] for i in range(len(answer))))) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert await whole(client, post(server.url)) == (200, b"hello")
    assert server.connections == 1


async def test_a_body_that_ends_with_its_connection(client: Http1Transport) -> None:
    async with serving(always(UNTIL_CLOSE, again=False)) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert await whole(client, post(server.url)) == (200, b"hello")
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    ],
)
async def test_who_says_close_is_not_asked_again(client: Http1Transport, answer: bytes) -> None:
    async with serving(always(answer)) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert await whole(client, post(server.url)) == (200, b"hello")
    assert server.connections == 2


async def test_interim_answers_are_passed_over(client: Http1Transport) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with serving(always(early + PLAIN)) as server:
        answer = await client.handle_async_request(post(server.url))
        assert answer.status_code == 200
        assert "link" not in answer.headers
        await answer.aclose()


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(client: Http1Transport, status: int) -> None:
    async with serving(always(b"HTTP/1.1 %d No\r\n\r\n" % status)) as server:
        assert await whole(client, post(server.url)) == (status, b"")
        assert await whole(client, post(server.url)) == (status, b"")
    assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
        CHUNKED[:-9],
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
async def test_a_cut_answer_is_never_taken_for_a_whole_one(
    client: Http1Transport, said: bytes
) -> None:
    """And it is no connection that failed: the request may have been taken."""
    async with serving(always(said, again=False)) as server:
        with pytest.raises(httpx.ReadError):
            await whole(client, post(server.url))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000],
    ids=["no http", "no status", "endless headers"],
)
async def test_what_is_no_http_is_a_protocol_error(client: Http1Transport, said: bytes) -> None:
    async with serving(always(said)) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await whole(client, post(server.url))


async def test_silence_is_a_read_timeout(client: Http1Transport) -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.reader.read()
        gone.set()

    async with serving(talk) as server:
        with pytest.raises(httpx.ReadTimeout):
            await whole(client, post(server.url, read=0.05))
        await gone.wait()


async def test_a_stalled_body_is_a_read_timeout(client: Http1Transport) -> None:
    async with serving(always(PLAIN[:-2])) as server:
        with pytest.raises(httpx.ReadTimeout):
            await whole(client, post(server.url, read=0.05))


async def test_nobody_there_is_a_connect_error(client: Http1Transport) -> None:
    async with serving(always(PLAIN)) as server:
        url = server.url
    with pytest.raises(httpx.ConnectError):
        await whole(client, post(url))


async def test_a_name_that_does_not_resolve_is_a_connect_error(client: Http1Transport) -> None:
    with pytest.raises(httpx.ConnectError):
        await whole(client, post("http://nowhere.invalid/"))


async def test_an_address_that_says_nothing_is_not_all_of_a_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """IPv6 that leads nowhere, one dead machine of two: its time is not the other's."""

    class Broken(Http1Transport):
        async def _dial(self, made: Connection, host: str, *where: Any) -> Connection:
            if host == "2001:db8::1":
                await asyncio.Event().wait()
            return await super()._dial(made, host, *where)

    def getaddrinfo(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(0, 0, 0, "", (one, 0)) for one in ("2001:db8::1", "127.0.0.1")]

    client = Broken()
    async with serving(always(PLAIN)) as server:
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        url = server.url.replace("127.0.0.1", "gateway.invalid")
        assert await whole(client, post(url)) == (200, b"hello")
        await client.aclose()


async def test_cancelling_closes_the_connection(client: Http1Transport) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.reader.read()
        gone.set()

    async with serving(talk) as server:
        task = asyncio.create_task(whole(client, post(server.url, read=None)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()


async def test_closing_before_the_end_closes_the_connection(client: Http1Transport) -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\nhello")
        await peer.reader.read()
        gone.set()

    async with serving(talk) as server:
        answer = await client.handle_async_request(post(server.url))
        await answer.aclose()
        await gone.wait()


async def test_a_connection_closed_while_idle_is_not_used(client: Http1Transport) -> None:
    closed = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(PLAIN)
        peer.writer.close()
        await peer.writer.wait_closed()
        closed.set()

    async with serving(talk) as server:
        for _ in range(2):
            closed.clear()
            assert await whole(client, post(server.url)) == (200, b"hello")
            await closed.wait()
            await asyncio.sleep(0)
    assert server.connections == 2


async def test_what_comes_unasked_is_never_taken_for_an_answer(client: Http1Transport) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(PLAIN + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await peer.request()
        await peer.say(PLAIN)

    async with serving(talk) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert await whole(client, post(server.url)) == (200, b"hello")


async def test_a_slow_reader_holds_the_server_back(client: Http1Transport) -> None:
    size = 64 << 20
    sent = 0

    async def talk(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.say(bytes(1 << 16))
            sent += 1 << 16

    async with serving(talk) as server:
        answer = await client.handle_async_request(post(server.url))
        before = -1
        while sent != before:  # until the server is held back
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)
        assert sent < size // 2
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        length = 0
        async for chunk in answer.stream:
            length += len(chunk)
        assert length == size


async def test_a_large_body_is_sent_whole(client: Http1Transport) -> None:
    body = bytes(range(256)) * 20_000
    async with serving(always(PLAIN)) as server:
        assert await whole(client, post(server.url, body)) == (200, b"hello")
    assert server.requests[0].endswith(body)


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb"])
async def test_a_header_cannot_bring_another(client: Http1Transport, value: str) -> None:
    async with serving(always(PLAIN)) as server:
        request = httpx.Request("POST", server.url, headers=[("x-a", value)], stream=Body(b""))
        with pytest.raises(httpx.LocalProtocolError):
            await whole(client, request)
    assert not server.requests


async def test_tls_is_verified(client: Http1Transport) -> None:
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    trusting = Http1Transport(
        verify=ssl.create_default_context(cafile=str(CERTIFICATES / "localhost.pem"))
    )
    async with serving(always(PLAIN), server_tls) as server:
        assert await whole(trusting, post(server.url)) == (200, b"hello")
        assert await whole(trusting, post(server.url)) == (200, b"hello")
        with pytest.raises(httpx.ConnectError):
            await whole(client, post(server.url))
        await trusting.aclose()
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
     "10.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0", "[fe80::1]", "[2002:7f00:1::]", "224.0.0.1"],
)  # fmt: skip
async def test_public_means_public(host: str) -> None:
    transport = Http1Transport(public_only=True)
    async with serving(always(PLAIN)) as server:
        port = httpx.URL(server.url).port
        with pytest.raises(httpx.ConnectError) as caught:
            await whole(transport, post(f"http://{host}:{port}/"))
    assert isinstance(caught.value, NotPublic)
    assert server.connections == 0


async def test_proxies_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(always(PLAIN)) as server:
        place = httpx.URL(server.url)
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@{place.host}:{place.port}")
        monkeypatch.setenv("no_proxy", "direct.invalid")
        transport = Http1Transport()
        assert await whole(transport, post("http://gateway.invalid/v1/x")) == (200, b"hello")
        with pytest.raises(httpx.ConnectError):
            await whole(transport, post("http://direct.invalid/"))
        await transport.aclose()
    assert server.requests[0].startswith(b"POST http://gateway.invalid/v1/x HTTP/1.1\r\n")
    assert b"proxy-authorization: Basic dXNlcjpwQHNz" in server.requests[0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_no_proxy_is_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """What it has there is not ours: neither the sandbox nor a model of one's own would be found."""
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    transport = Http1Transport()
    async with serving(always(PLAIN)) as server:
        url = server.url.replace("127.0.0.1", host)
        assert await whole(transport, post(url)) == (200, b"hello")
    await transport.aclose()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_speaks_no_http_is_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    async with serving(always(PLAIN)) as server:
        place = httpx.URL(server.url)
        monkeypatch.setenv("all_proxy", f"socks5://{place.host}:{place.port}")
        transport = Http1Transport()
        request = post(f"{scheme}://gateway.invalid/")
        with pytest.raises(httpx.UnsupportedProtocol):
            await transport.handle_async_request(request)
        assert "sent" not in request.extensions
        assert not server.connections
        await transport.aclose()


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
async def test_tls_through_a_proxy_goes_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    tls, _ = localhost_tls()
    async with serving(always(PLAIN), tls) as inner:
        port = httpx.URL(inner.url).port or 0

        async def tunnel(peer: Peer) -> None:
            await peer.request()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await peer.say(b"HTTP/1.1 200 Connection established\r\n\r\n")

            async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    target.write(data)

            try:
                await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
            finally:
                writer.transport.abort()
                await asyncio.sleep(0)

        async with serving(tunnel, tls if secure else None) as outer:
            scheme, _, place = outer.url.partition("/path")[0].rpartition("//")
            monkeypatch.setenv("https_proxy", f"{scheme}//user:secret@{place}")
            trusted = ssl.create_default_context(cafile=str(CERTIFICATES / "localhost.pem"))
            trusted.check_hostname = False
            transport = Http1Transport(verify=trusted)
            for host in ("gateway.invalid", "gateway.invalid", "[2001:db8::1]"):
                request = post(f"https://{host}:{port}/")
                request.extensions["fresh"] = 1.0  # of which a tunnel bears a second one
                assert await whole(transport, request) == (200, b"hello")
            await transport.aclose()
    assert [one.split(b"\r\n")[:2] for one in outer.requests] == [
        [b"CONNECT %s:%d HTTP/1.1" % (host, port), b"host: %s:%d" % (host, port)]
        for host in (b"gateway.invalid", b"[2001:db8::1]")
    ]
    assert all(b"proxy-authorization: Basic " in one for one in outer.requests)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\njunk",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello\r\n\r\n",
    ],
)
async def test_what_follows_the_end_ends_the_connection_alone(
    client: Http1Transport, said: bytes
) -> None:
    """A paid submit's answer must not be lost for a byte too many."""

    async def talk(peer: Peer) -> None:
        await peer.request()
        peer.writer.write(said)
        await peer.reader.read()

    async with serving(talk) as server:
        for _ in range(2):
            assert await whole(client, post(server.url)) == (200, b"hello")
        assert server.connections == 2


async def test_a_tunnel_that_does_not_open_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.reader.read()
        closed.set()

    async with serving(silent) as outer:
        monkeypatch.setenv("https_proxy", outer.url.partition("/path")[0])
        transport = Http1Transport()
        request = post("https://gateway.invalid:1/")
        request.extensions["timeout"] = {"connect": 0.05}
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(request)
        await asyncio.wait_for(closed.wait(), 10)
        await transport.aclose()


TOO_LARGE = b"HTTP/1.1 413 No\r\ncontent-length: 5\r\n\r\nlarge"


@pytest.mark.parametrize(
    ("said", "size"),
    [(TOO_LARGE, 100_000), (TOO_LARGE, 20_000_000), (PLAIN, 20_000_000)],
    ids=["refused, and taken by the system", "refused", "answered"],
)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_nothing_is_sent_behind_a_body_that_nobody_reads(
    secure: bool, said: bytes, size: int
) -> None:
    """The next request may be a paid one, and would wait behind what is left of this one."""
    tls, client = localhost_tls()

    async def talk(peer: Peer) -> None:
        if (await peer.reader.readuntil(b"\r\n\r\n")).endswith(b"content-length: 2\r\n\r\n"):
            await peer.reader.readexactly(2)
            await peer.say(PLAIN)
        else:
            await peer.say(said)
        await asyncio.Event().wait()

    async with serving(talk, tls if secure else None) as server:
        assert (await whole(client, post(server.url, bytes(size))))[0] == int(said[9:12])
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert server.connections == 2
        await client.aclose()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_large_body_that_was_read_is_no_reason_for_another_connection(secure: bool) -> None:
    tls, client = localhost_tls()
    async with serving(always(PLAIN), tls if secure else None) as server:
        for _ in range(2):
            assert await whole(client, post(server.url, bytes(2_000_000))) == (200, b"hello")
        assert server.connections == 1
        await client.aclose()


NO_CODING = b"Transfer-Encoding: identity\r\n"
ODD_HEADS = {
    "line feeds alone": b"HTTP/1.1 200 OK\ncontent-type: text/plain\ncontent-length: 5\n\nhello",
    "a folded line": b"HTTP/1.1 200 OK\r\nx-a: b\r\n  c\r\n\td\r\ncontent-length: 5\r\n\r\nhello",
    "a folded length": b"HTTP/1.1 200 OK\r\ncontent-length:\r\n 5\r\n\r\nhello",
    "a length twice": PLAIN.replace(b"\r\n\r\n", b"\r\ncontent-Length: 5\r\n\r\n"),
    "a list of one length": PLAIN.replace(b": 5", b": 5, 5"),
    "length and chunks": CHUNKED.replace(b"OK\r\n", b"OK\r\ncontent-length: 3\r\n"),
    "chunks and length": CHUNKED.replace(b"\r\n\r\n2", b"\r\ncontent-length: 3\r\n\r\n2"),
    "behind an interim one": b"HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\n"
    b"HTTP/1.1 102 Processing\n\n" + PLAIN.replace(b"\r\n", b"\n"),
    "a coding that is none, and a length": PLAIN.replace(b"OK\r\n", b"OK\r\n%s" % NO_CODING),
    "a length, and a coding that is none": PLAIN.replace(b"5\r\n", b"5\r\n%s" % NO_CODING),
    "until its end": b"HTTP/1.1 200 OK\nx-a: b\n\nhello",
    "a coding that is none, until its end": b"HTTP/1.1 200 OK\r\n%s\r\nhello" % NO_CODING,
}


@pytest.mark.parametrize("cut", [1, 7, 1000])
@pytest.mark.parametrize("said", ODD_HEADS.values(), ids=ODD_HEADS)
async def test_a_head_that_is_written_oddly(client: Http1Transport, said: bytes, cut: int) -> None:
    """A whole and paid answer; but two may see two ends in it, and the connection is not used again."""
    ends = b"content-" not in said and b"transfer-" not in said
    pieces = [said[at : at + cut] for at in range(0, len(said), cut)]
    async with serving(always(*pieces, again=not ends)) as server:
        for _ in range(2):
            assert await whole(client, post(server.url)) == (200, b"hello")
        assert server.connections == 2


async def test_a_folded_line_is_one(client: Http1Transport) -> None:
    async with serving(always(ODD_HEADS["a folded line"])) as server:
        answer = await client.handle_async_request(post(server.url))
        assert answer.headers["x-a"] == "b c d"
        await answer.aclose()


def test_a_head_of_spaces_is_read_once() -> None:
    """Of a server that a client has named, say. Looking for a fold from each space in turn takes minutes, in which
    nobody is served."""
    head = b"HTTP/1.1 200 OK\nx-a: b" + b" " * 120_000 + b"c"
    assert mended(head) == head.replace(b"\n", b"\r\n") + b"\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [
        PLAIN.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n"),
        PLAIN.replace(b": 5", b": 5, 3"),
        PLAIN.replace(b": 5", b": -5"),
        b"HTTP/1.1 200 OK\nx-a b\n\nhello",
        b"HTTP/1.1 200 OK\nx-a: b\0\ncontent-length: 5\n\nhello",
    ],
    ids=["two lengths", "two in one", "no length", "no header", "a NUL"],
)
async def test_a_head_that_says_two_things_or_none(client: Http1Transport, said: bytes) -> None:
    async with serving(always(said)) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await whole(client, post(server.url))


def idle_for(client: Http1Transport, seconds: float) -> None:
    for connections in client._idle.values():
        for one in connections:
            one.since -= seconds


def keeping(said: bytes) -> Talk:
    return always(PLAIN.replace(b"\r\n\r\n", b"\r\nKeep-Alive: %s\r\n\r\n" % said))


@pytest.mark.parametrize(
    ("said", "idle", "connections"),
    [
        (b"timeout=0", 0.0, 2),
        (b"timeout=1", 0.0, 2),
        (b"timeout=2, max=100", 0.0, 1),
        (b"timeout=2, max=100", 1.5, 2),
        (b'max=100, Timeout = "3"', 1.5, 1),
        (b"timeout=60", 3.0, 1),
        (b"timeout=60", 4.5, 2),  # a minute is longer than what lies between may keep it
        (b"max=100", 3.0, 1),
    ],
)
async def test_how_long_a_server_keeps_its_connections(
    client: Http1Transport, said: bytes, idle: float, connections: int
) -> None:
    """What it is about to close is not used: the request might be lost, and a paid job with it."""
    async with serving(keeping(said)) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        idle_for(client, idle)
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert server.connections == connections


async def test_a_request_that_wants_a_fresh_connection(client: Http1Transport) -> None:
    async with serving(always(PLAIN)) as server:

        async def connections_after(fresh: bool) -> int:
            request = post(server.url)
            if fresh:
                request.extensions["fresh"] = 1.0
            assert await whole(client, request) == (200, b"hello")
            return server.connections

        assert await connections_after(True) == 1
        assert await connections_after(True) == 1
        idle_for(client, 1.5)
        assert await connections_after(True) == 2
        assert len(client._idle[next(iter(client._idle))]) == 2  # the older one is left to others
        idle_for(client, 1.5)
        assert await connections_after(False) == 2


def probed(one: socket.socket) -> bool:
    on = one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    times = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)
    return bool(on) and all(one.getsockopt(socket.IPPROTO_TCP, time) == 60 for time in times)


def test_a_client_that_waits_long_is_not_forgotten_either() -> None:
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert probed(accepted)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_long_silence_is_not_one_for_the_network(secure: bool) -> None:
    """What lies between forgets silent connections, and with one the answer to a paid request of 15 minutes."""
    tls, client = localhost_tls()
    async with serving(always(PLAIN), tls if secure else None) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        transport = client._idle[next(iter(client._idle))][0]._transport
        assert transport is not None
        assert probed(transport.get_extra_info("socket"))
        await client.aclose()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_an_end_that_only_the_kernel_knows_of(secure: bool) -> None:
    """The loop was busy while the server closed: a submit sent there would be in doubt."""
    tls, client = localhost_tls()
    peers: list[Peer] = []

    async def talk(peer: Peer) -> None:
        peers.append(peer)
        await always(PLAIN)(peer)

    async with serving(talk, tls if secure else None) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        with socket.socket(fileno=os.dup(peers[0].writer.get_extra_info("socket").fileno())) as one:
            one.shutdown(socket.SHUT_WR)
        idle = client._idle[next(iter(client._idle))][0]
        assert idle._transport is not None
        select.select([idle._transport.get_extra_info("socket")], [], [], 10)
        assert idle.usable()
        request = post(server.url)
        request.extensions["fresh"] = 1.0
        assert await whole(client, request) == (200, b"hello")
        assert server.connections == 2
        await client.aclose()


async def test_who_closes_before_anything_was_sent_has_taken_nothing() -> None:
    """As a balancer does whose servers are away: another target may be asked, also for what is paid."""

    class Late(Http1Transport):
        async def _connect(self, *place: Any) -> Connection:
            made = await super()._connect(*place)
            await becoming(lambda: not made.usable())
            return made

    async def away(peer: Peer) -> None:
        return

    client = Late()
    async with serving(away) as server:
        request = post(server.url)
        with pytest.raises(httpx.ConnectError):
            await client.handle_async_request(request)
        assert "sent" not in request.extensions
    await client.aclose()


async def test_a_server_that_ends_connections_early_is_known_then(client: Http1Transport) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(PLAIN)
        await peer.request()
        if dying:
            return
        await peer.say(PLAIN)

    dying = True
    async with serving(talk) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        idle_for(client, 2.0)
        with pytest.raises(httpx.ReadError):
            await whole(client, post(server.url))
        dying = False
        assert await whole(client, post(server.url)) == (200, b"hello")
        idle_for(client, 1.5)
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert server.connections == 3
        idle_for(client, 0.5)
        assert await whole(client, post(server.url)) == (200, b"hello")
        assert server.connections == 3


async def test_a_server_that_dies_at_work_is_no_reason(client: Http1Transport) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.say(PLAIN)
        await peer.request()

    async with serving(talk) as server:
        assert await whole(client, post(server.url)) == (200, b"hello")
        with pytest.raises(httpx.ReadError):
            await whole(client, post(server.url))
        assert not client._ages


class Clock:
    """A loop's clock, which stands until it is put on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, wait: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        self.due.append((self.now + wait, call))
        return asyncio.get_running_loop().call_later(1000, int)

    def create_future(self) -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()

    def until(self, now: float) -> None:
        while self.due and (first := min(self.due, key=lambda one: one[0]))[0] <= now:
            self.due.remove(first)
            self.now = first[0]
            first[1]()
        self.now = now


class Uplink:
    """A connection that takes its request as slowly as the test says."""

    def __init__(self, left: int) -> None:
        self.clock = Clock()
        self.loop: Any = self.clock
        self.left = left
        self.over = False

    def unsent(self) -> int:
        return self.left

    def kept(self, said: bytes) -> None:
        raise AssertionError("nothing has come")

    def pause(self, paused: bool) -> None:
        raise AssertionError("nothing has come")

    def ended(self, *, reusable: bool) -> None:
        self.over = True


async def test_a_request_that_is_taken_steadily_is_no_silence() -> None:
    line = Uplink(1_000_000)
    Exchange(line, 8.0, 1_000_000)
    for second in range(1, 60):
        line.left -= 10_000
        line.clock.until(second)
    line.left = 0
    line.clock.until(66)
    assert not line.over
    line.clock.until(70)  # silent since the last of it has gone
    assert line.over


async def test_a_request_that_nobody_takes_is_silence() -> None:
    line = Uplink(900_000)  # the operating system has taken some
    exchange = Exchange(line, 8.0, 1_000_000)
    line.clock.until(8)
    assert not line.over
    line.clock.until(11)
    assert line.over
    with pytest.raises(httpx.ReadTimeout):
        await exchange.more()


async def test_a_small_request_is_not_looked_after() -> None:
    line = Uplink(10)
    Exchange(line, 8.0)
    assert [due for due, _ in line.clock.due] == [8.0]
    line.clock.until(8)
    assert line.over
