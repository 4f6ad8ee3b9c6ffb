"""Which connections are ended, told by a clock of the test's own: drips are no progress, honest slowness is."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from proxy.config import ClientTimeout
from proxy.http1_server import HttpConnection
from proxy.patience import Watch

TIMES = ClientTimeout(headers=20, body=30, write=60, idle=90)
POST = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"


class Transport(asyncio.Transport):
    """Takes what is written, and holds as much of it back as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.held = 0
        self.closing = self.aborted = self.eof = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.held

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        assert not self.eof
        self.eof = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client:
    """A connection to an application that reads its request, and answers when it is told to."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.got: list[Any] = []
        quiet = {"log_config": None, "access_log": False, "proxy_headers": False}
        config = uvicorn.Config(self.app, interface="asgi3", **quiet)  # type: ignore[arg-type]
        self.watch = Watch(lambda: TIMES)
        self.transport = Transport()
        self.server = ServerState()
        self.connection = HttpConnection(config, self.server, {"watch": self.watch})
        self.connection.connection_made(self.transport)
        self.now = 0.0

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            self.got.append(message := await receive())
            more = message.get("more_body", False)
        while self.got[-1]["type"] == "http.request" and (message := await self.answers.get()):
            await send(message)

    async def says(self, data: bytes) -> None:
        self.connection.data_received(data)
        for _ in range(3):
            await asyncio.sleep(0)

    async def hears(self, *messages: Any) -> None:
        for message in messages:
            self.answers.put_nowait(message)
        for _ in range(3):
            await asyncio.sleep(0)

    def after(self, seconds: float) -> bool:
        """Whether we have not ended the connection so many seconds later."""
        self.now += seconds
        self.watch.look(self.now)
        return not (self.transport.closing or self.transport.eof)

    def leave(self) -> None:
        self.answers.put_nowait(None)
        self.connection.connection_lost(None)


@pytest.fixture
async def client() -> Any:
    made = Client()
    made.watch.look(0.0)
    yield made
    made.leave()
    await asyncio.gather(*made.server.tasks)


START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"done"}


def part(size: int) -> dict[str, Any]:
    return {"type": "http.response.body", "body": b"x" * size, "more_body": True}


async def test_who_says_nothing(client: Client) -> None:
    assert client.after(19)
    assert not client.after(1)
    assert client.transport.aborted
    assert client.transport.written == b""  # it might be taken for the answer to the next request


async def test_a_head_in_drips(client: Client) -> None:
    for _ in range(3):
        await client.says(b"GET / HTTP/1.1\r\n" if client.now == 0 else b"x-a: b\r\n")
        client.after(5)
    assert not client.transport.closing
    await client.says(b"x-a: b\r\n")
    assert not client.after(5)


async def test_the_second_head_has_its_own_time(client: Client) -> None:
    await client.says(GET)
    await client.hears(START, END, None)
    assert client.after(1)
    assert client.after(89)
    await client.says(GET[:10])
    assert client.after(1)
    assert client.after(19)
    assert not client.after(1)


async def test_the_next_head_is_no_reason_to_end_the_request_before_it(client: Client) -> None:
    await client.says(GET + GET[:10])
    assert client.after(1)
    assert client.after(1000)
    await client.hears(START, END, None)
    assert client.transport.written.endswith(b"done\r\n0\r\n\r\n")
    assert client.after(1)  # from here on it is awaited
    assert client.after(19)
    assert not client.after(1)


async def test_a_body_in_drips(client: Client) -> None:
    await client.says(POST)
    for _ in range(4):
        await client.says(b"x" * 1000)
        client.after(10)
    assert client.transport.written.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in client.transport.written
    assert client.transport.eof
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert client.got[-1] == {"type": "http.disconnect"}  # nobody works on what has not come


async def test_a_slow_body_that_comes(client: Client) -> None:
    await client.says(POST)
    for _ in range(15):
        await client.says(b"x" * 65_536)
        assert client.after(29)


async def test_a_body_that_we_do_not_take_is_our_own_affair(client: Client) -> None:
    client.connection.data_received(POST + b"x" * 100_000)  # more than waits for the application
    assert client.after(1)
    assert client.after(1000)
    await client.says(b"")  # it takes what is there, and the rest may come
    assert client.after(1)
    assert client.after(29)
    assert not client.after(1)


async def test_our_own_slowness_is_no_ones_fault(client: Client) -> None:
    await client.says(GET)
    for _ in range(5):
        assert client.after(1000)
    await client.hears(START, part(10))
    for _ in range(5):
        assert client.after(1000)


async def test_an_answer_that_nobody_takes(client: Client) -> None:
    await client.says(GET)
    await client.hears(START, part(200_000))
    client.transport.held = 200_000
    client.connection.pause_writing()
    assert client.after(1)
    client.transport.held -= 1000  # a sip is not enough
    assert client.after(59)
    client.transport.held -= 1000
    assert not client.after(1)
    assert client.transport.aborted


async def test_an_answer_that_is_taken_slowly(client: Client) -> None:
    await client.says(GET)
    await client.hears(START, part(500_000))
    client.connection.pause_writing()
    for held in range(500_000, 100_000, -70_000):
        client.transport.held = held
        assert client.after(59)
    # Each time as full as the last, but it was empty in between.
    client.transport.held = 100_000
    for _ in range(5):
        client.connection.resume_writing()
        client.connection.pause_writing()
        assert client.after(59)


async def test_an_end_that_nobody_takes(client: Client) -> None:
    await client.says(GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    client.transport.held = 10_000
    await client.hears(START, END, None)
    assert client.transport.closing
    client.after(1)
    client.after(59)
    assert not client.transport.aborted
    client.after(1)
    assert client.transport.aborted


async def test_the_rest_of_a_body_whose_answer_is_there(client: Client) -> None:
    client.connection.data_received(POST)
    client.got.append({"type": "http.request"})
    turn = client.connection.turn
    assert turn is not None
    await turn.send(START)
    await turn.send(END)
    for _ in range(3):
        await client.says(b"x" * 100_000)
        client.after(10)
    assert not client.transport.closing
    assert not client.after(10)


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a request line": (b"GET /", b"x" * 1000),
    "a header": (b"GET / HTTP/1.1\r\nx-a: ", b"x" * 1000),
    "many headers": (b"GET / HTTP/1.1\r\n", b"x-a: b\r\n" * 100),
    "trailers": (
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        b"x-a: b\r\n" * 100,
    ),
    "a trailer": (
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-a: ",
        b"x" * 1000,
    ),
    "a chunk's extension": (
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5;a=",
        b"x" * 1000,
    ),
}


@pytest.fixture(params=ENDLESS)
def endless(request: pytest.FixtureRequest) -> Iterator[tuple[bytes, bytes]]:
    yield ENDLESS[request.param]


async def test_what_has_no_end(client: Client, endless: tuple[bytes, bytes]) -> None:
    begin, more = endless
    await client.says(begin)
    for _ in range(60):
        await client.says(more)
    assert not client.transport.closing
    for _ in range(40):
        await client.says(more)
    assert client.transport.written.startswith(b"HTTP/1.1 431 ")
    assert client.transport.written.count(b"HTTP/1.1 ") == 1
    assert b'"error"' in client.transport.written
    assert client.transport.eof


async def test_nothing_is_written_into_an_answer(client: Client) -> None:
    await client.says(GET)
    await client.hears(START, part(10))
    sent = client.transport.written
    await client.says(b"\0 nonsense\r\n\r\n")
    assert client.transport.written == sent
    await client.hears(END)
    assert client.transport.written == sent + b"4\r\ndone\r\n0\r\n\r\n"
    assert client.transport.eof


@pytest.mark.parametrize("requests", [1, 2])
@pytest.mark.parametrize(
    "behind",
    [
        b"nonsense\r\n\r\n",
        GET.replace(b"\r\n\r\n", b"\r\nx-a: " + b"b" * 200_000),
        POST.replace(b"content-length: 1000000", b"transfer-encoding: chunked") + b"no chunk\r\n",
    ],
    ids=["nonsense", "an endless head", "a broken body"],
)
async def test_what_is_no_request_does_not_cost_those_before_it(
    client: Client, requests: int, behind: bytes
) -> None:
    """They may be paid already: they are answered, and the connection ends."""
    await client.says(GET * requests + behind[:60_000])
    await client.says(behind[60_000:])
    assert client.transport.written == b""
    for _ in range(requests):
        await client.hears(START, END, None)
    assert client.transport.written.count(b"HTTP/1.1 200 OK\r\n") == requests
    assert client.transport.written.count(b"HTTP/1.1 ") == requests
    assert client.transport.written.count(b"connection: close\r\n") == 1
    assert client.transport.eof


async def test_garbage_without_an_end(client: Client) -> None:
    await client.says(GET + b"nonsense\r\n\r\n")
    for _ in range(2):
        client.connection.data_received(bytes(1 << 20))
    assert client.transport.aborted


async def test_a_broken_body_behind_the_beginning_of_its_answer(client: Client) -> None:
    chunked = b"transfer-encoding: chunked"
    client.connection.data_received(POST.replace(b"content-length: 1000000", chunked))
    turn = client.connection.turn
    assert turn is not None
    await turn.send(START)
    await client.says(b"no chunk\r\n")
    assert client.transport.aborted


@pytest.mark.parametrize(
    "said",
    [
        POST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        POST.replace(b"HTTP/1.1", b"HTTP/1.0"),
        POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"),
    ],
    ids=["close", "HTTP/1.0", "expect"],
)
async def test_an_early_answer_is_not_taken_back(client: Client, said: bytes) -> None:
    """Closed upon what is unread, a connection is reset, and its client never sees the answer."""
    client.connection.data_received(said + b"x" * 100_000)
    client.got.append({"type": "http.request"})
    turn = client.connection.turn
    assert turn is not None
    assert not client.transport.reading
    await turn.send(START)
    await turn.send(END)
    assert b"\r\nconnection: close\r\n" in client.transport.written
    assert client.transport.eof
    assert client.transport.reading
    for _ in range(3):
        await client.says(b"x" * 100_000)
        client.after(10)
    assert not client.transport.closing
    client.after(10)
    assert client.transport.aborted


@pytest.mark.parametrize(("said", "most"), [(b"nonsense\r\n\r\n", 1), (POST, 256)])
async def test_a_client_that_sends_without_an_end(client: Client, said: bytes, most: int) -> None:
    await client.says(said)
    if said is POST:
        client.connection.refuse(408, None, "too slow")
    assert client.transport.eof
    for _ in range(most):
        client.connection.data_received(bytes(1 << 20))
    assert not client.transport.closing
    client.connection.data_received(bytes(1 << 20))
    assert client.transport.aborted


async def test_an_answer_is_written_at_once(client: Client) -> None:
    writes: list[bytes] = []
    client.transport.write = writes.append  # type: ignore[method-assign]
    await client.says(GET)
    await client.hears({**START, "headers": [(b"content-length", b"4")]}, END)
    assert len(writes) == 1
    assert writes[0].endswith(b"\r\ncontent-length: 4\r\n\r\ndone")


async def test_who_speaks_http_1_0_gets_no_chunks(client: Client) -> None:
    await client.says(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    await client.hears(START, part(3), END)
    assert client.transport.written.endswith(b"\r\nconnection: close\r\n\r\nxxxdone")
    assert client.transport.closing


async def test_requests_in_advance_are_answered_in_their_order(client: Client) -> None:
    await client.says(GET + GET)
    await client.hears(START, part(3), END, None)
    assert client.transport.written.count(b"HTTP/1.1 200 OK\r\n") == 1
    await client.hears(START, END)
    assert client.transport.written.count(b"HTTP/1.1 200 OK\r\n") == 2


async def test_a_line_break_in_an_answer_s_header(client: Client) -> None:
    await client.says(GET)
    await client.hears({**START, "headers": [(b"x-a", b"b\r\nset-cookie: c")]})
    assert client.transport.written.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in client.transport.written


async def test_a_body_of_another_length_than_was_said(client: Client) -> None:
    await client.says(GET)
    await client.hears({**START, "headers": [(b"content-length", b"5")]}, END)
    assert client.transport.aborted


async def test_who_asks_for_another_protocol_is_answered_in_this_one(client: Client) -> None:
    upgrade = b"\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    await client.says(GET.replace(b"\r\n\r\n", upgrade))
    await client.hears(START, END)
    assert client.transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.transport.closing


async def test_a_client_that_goes_cancels_who_watches(client: Client) -> None:
    await client.says(GET)
    turn = client.connection.turn
    assert turn is not None
    task = asyncio.ensure_future(asyncio.Event().wait())
    assert turn.watched_by(task)
    client.connection.connection_lost(None)
    assert not turn.watched_by(None)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_connection_that_is_lost_leaves_no_cycle(client: Client) -> None:
    await client.says(POST)
    client.connection.connection_lost(None)
    assert client.connection.turn is None
    assert client.connection.reading is None


@pytest.mark.parametrize(
    "body",
    [b"content-length: 4\r\n\r\nbody", b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"],
)
@pytest.mark.parametrize("cut", [0, 3])
async def test_the_body_of_who_asks_for_another_protocol(
    client: Client, body: bytes, cut: int
) -> None:
    """As Java's client does at first on every plain connection."""
    upgrade = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
    said = b"POST /x HTTP/1.1\r\nhost: x\r\n" + upgrade + body
    await client.says(said[: len(said) - cut])
    if cut:
        await client.says(said[len(said) - cut :])
    await client.hears(START, END, None)
    assert b"".join(one["body"] for one in client.got) == b"body"
    assert client.transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.transport.closing


async def test_who_has_gone_is_not_told_to_continue(client: Client) -> None:
    client.connection.data_received(POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    client.connection.connection_lost(None)
    await client.says(b"") if client.connection._parser else await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert client.got == [{"type": "http.disconnect"}]
    assert client.transport.written == b""


async def test_too_many_requests_in_advance(client: Client) -> None:
    """They are not left in the socket, where they would hide that the client has gone."""
    await client.says(GET * 20)
    assert client.transport.reading
    for _ in range(9):
        await client.hears(START, END, None)
    assert client.transport.written.count(b"HTTP/1.1 200 OK\r\n") == 9
    assert client.transport.written.count(b"connection: close\r\n") == 1
    assert client.transport.eof


@pytest.mark.parametrize("framing", [b"content-length: 4", b"transfer-encoding: chunked"])
@pytest.mark.parametrize("again", [True, False], ids=["to another protocol", "plain"])
@pytest.mark.parametrize("cut", [1, 1000])
async def test_what_stands_behind_the_body_of_who_asks_for_another_protocol(
    client: Client, framing: bytes, again: bool, cut: int
) -> None:
    body = b"body" if b"length" in framing else b"4\r\nbody\r\n0\r\n\r\n"
    plain = b"POST /x HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n\r\n" + body
    upgrade = plain.replace(b"host", b"connection: upgrade\r\nupgrade: h2c\r\nhost")
    said = upgrade + (upgrade if again else plain)
    for at in range(0, len(said), cut):
        await client.says(said[at : at + cut])
    await client.hears(START, END, None)
    assert b"".join(one["body"] for one in client.got) == b"body"
    assert client.transport.written.count(b"HTTP/1.1 ") == 1
