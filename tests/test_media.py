"""Files on a real disk, links through httpx's transport interface, and a real server where it must break."""

import asyncio
import gzip
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.accounts import Account
from proxy.config import parse
from proxy.disk import BLOCK
from proxy.driver import Driver
from proxy.errors import ApiError, Lost, Unreachable
from proxy.media import Media
from proxy.ranges import AHEAD, relay
from translators import TRANSLATORS

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
VIDEO = MP4 + bytes(range(256)) * 20
URL = "http://cdn.example/v.mp4"


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(tmp_path / "media", 100_000)


def files(media: Media) -> list[str]:
    folder = media._folder
    return sorted(one.name for one in folder.iterdir() if one.is_file()) if folder.exists() else []


def asked(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw})


@dataclass
class Sent:
    """What a client got of an answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


async def sent(response: Response, request: Request) -> Sent:
    got = Sent()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            got.status = message["status"]
            got.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            got.chunks.append(message["body"])

    await response(request.scope, receive, send)
    return got


class Stream(httpx.AsyncByteStream):
    """A file server's body in pieces; an exception among them is raised in its turn."""

    def __init__(self, pieces: Iterable[bytes | Exception | asyncio.Event]) -> None:
        self._pieces = pieces
        self.taken = 0
        self.closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece

    async def aclose(self) -> None:
        self.closed.set()


def pieces(data: bytes, step: int = 1000) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


def upstream(body: Any = None, status: int = 200, /, **headers: str) -> httpx.Response:
    """An answer of a file server; a list is a body without Content-Length, unless it is given."""
    body = VIDEO if body is None else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        named = {"content-length": str(len(body)), **named}
        body = pieces(body)
    return httpx.Response(status, headers=named, stream=Stream(body))


def closed(answer: httpx.Response) -> bool:
    assert isinstance(answer.stream, Stream)
    return answer.stream.closed.is_set()


@contextmanager
def refused(status: int, code: str) -> Any:
    with pytest.raises(ApiError) as caught:
        yield caught
    assert (caught.value.status, caught.value.code) == (status, code)


class Files:
    """A transport that answers with what it is given, and notes what it was asked."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def driver(serve: Callable[[httpx.Request], httpx.Response]) -> Driver:
    async def spend(*_: Any, **__: Any) -> float:
        return 0.0

    transport = httpx.MockTransport(serve)
    return Driver(named=transport, public=transport, origins=frozenset(), spend=spend)


def gateway() -> Account:
    text = "providers: {a: {translator: openai, api_key: sk-secret, base_url: 'http://gate/v1'}}"
    return Account(
        "a", parse(text, "c.yaml", {}, TRANSLATORS).providers["a"], TRANSLATORS["openai"]
    )


class TestStore:
    async def test_a_kept_result(self, media: Media) -> None:
        name = await media.save(VIDEO, "video/mp4")
        assert name.startswith("k_") and name.endswith(".mp4") and len(name) == 38
        assert await media.read(name) == VIDEO
        path = media.path(name)
        assert path is not None and stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert files(media) == [name]

    async def test_a_stream_in_blocks(self, media: Media) -> None:
        async def stream() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield bytes(BLOCK - 1)
            yield b"end"

        name = await media.save(stream(), "video/mp4")
        assert await media.read(name) == bytes(3 * (BLOCK - 1)) + b"end"

    async def test_a_stream_that_fails_leaves_nothing(self, media: Media) -> None:
        async def stream() -> AsyncIterator[bytes]:
            yield bytes(2 * BLOCK)
            raise Lost("cut off")

        with pytest.raises(Lost):
            await media.save(stream(), "video/mp4")
        assert files(media) == []

    async def test_a_save_that_is_cancelled_leaves_nothing(self, media: Media) -> None:
        begun = asyncio.Event()

        async def stream() -> AsyncIterator[bytes]:
            yield bytes(BLOCK)
            begun.set()
            await asyncio.Event().wait()

        saving = asyncio.create_task(media.save(stream(), "video/mp4"))
        await begun.wait()
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert files(media) == []

    async def test_no_folder_to_write_to(self, tmp_path: Path) -> None:
        (tmp_path / "media").write_text("a file")
        with refused(503, "store_unavailable"):
            await Media(tmp_path / "media", 10).save(b"x", "image/png")

    async def test_the_oldest_results_make_room(self, media: Media) -> None:
        upload = await media.save(bytes(90_000), "image/png", upload=True)
        names = [await media.save(bytes(40_000), "video/mp4") for _ in range(2)]
        for age, name in enumerate(names):
            os.utime(media._folder / name, (age, age))
        await media.publish(names[0])
        newest = await media.save(bytes(40_000), "video/mp4")
        assert files(media) == sorted([upload, names[1], newest])
        assert list((media._folder / "public").iterdir()) == []

    async def test_the_folder_is_not_looked_through_for_each_result(
        self, media: Media, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ten thousand kept pictures made each further one read ten thousand names."""
        looks: list[object] = []
        scan = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: looks.append(path) or scan(path))
        for _ in range(200):
            await media.save(bytes(100), "image/png")
        assert len(looks) < 10
        for _ in range(60):
            await media.given(await media.save(bytes(10_000), "image/png"))
            kept = [one for one in media._folder.iterdir() if one.name.startswith("k_")]
            assert sum(one.stat().st_size for one in kept) <= 100_000

    async def test_a_result_is_kept_however_large(self, media: Media) -> None:
        older = await media.save(b"x", "video/mp4")
        await media.given(older)
        name = await media.save(bytes(100_001), "video/mp4")
        assert media.path(name) and not media.path(older)

    async def test_a_start_with_less_room_than_before_makes_it(self, media: Media) -> None:
        """By itself: where the disk is full no result may come that would."""
        names = [await media.save(bytes(40_000), "image/png") for _ in range(2)]
        for name in names:
            await media.given(name)
        started = Media(media._folder, 50_000)
        await started.tidy()
        assert files(media) == names[1:]

    async def test_what_nobody_has_been_given_is_spared_for_a_while(self, media: Media) -> None:
        """It is paid for, and its client may still wait for the others of the same request."""
        names = [await media.save(bytes(40_000), "image/png") for _ in range(4)]
        assert files(media) == sorted(names)
        await media.tidy()
        assert files(media) == sorted(names)
        await media.given(names[2])
        others = Media(media._folder, 100_000)  # another worker, which knows it by the file
        names.append(await others.save(bytes(10_000), "image/png"))
        del names[2]
        assert files(media) == sorted(names)
        os.utime(media._folder / names[1], (1, 1))  # its client has had time enough
        await media.tidy()
        del names[1]
        assert files(media) == sorted(names)

    @pytest.mark.parametrize(
        ("request_", "gone"),
        [
            (asked(), True),
            (asked(range="bytes=10-"), True),
            (asked(range="bytes=0-9"), False),
            (asked("HEAD"), False),
        ],
    )
    async def test_what_a_client_has_read_to_its_end_may_go(
        self, media: Media, request_: Request, *, gone: bool
    ) -> None:
        name = await media.save(bytes(60_000), "image/png")
        path = media.path(name)
        assert path is not None
        await sent(await media.response(path, None, request_), request_)
        await media.save(bytes(60_000), "image/png")
        assert (media.path(name) is None) is gone

    async def test_less_room_than_before(self, media: Media) -> None:
        names = [await media.save(bytes(30_000), "image/png") for _ in range(3)]
        for age, name in enumerate(names):
            os.utime(media._folder / name, (age, age))
        media.allow(70_000)
        await media.tidy()
        assert files(media) == sorted(names[1:])
        with refused(502, "provider_error"):
            await media.keep(driver(Files(upstream(bytes(70_001)))), {"url": URL}, gateway())

    async def test_what_a_killed_worker_left(self, media: Media) -> None:
        await media.save(b"x", "image/png", upload=True)
        dead, alive = media._folder / ".a.part", media._folder / ".b.part"
        for path in (dead, alive):
            path.touch()
        os.utime(dead, (0, 0))
        await media.save(b"x", "video/mp4")
        assert alive.exists() and not dead.exists()

    @pytest.mark.parametrize(
        "name",
        [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "public",
            "k_" + "a" * 32,
            "k_" + "a" * 32 + ".mp4/../x",
            "k_" + "a" * 32 + ".mp4\n",
            "k_" + "a" * 32 + ".mp4\0",
            "x_" + "a" * 32 + ".mp4",
            "/k_" + "a" * 32 + ".mp4",
            "k_..%2f" + "a" * 26 + ".mp4",
        ],
    )
    async def test_names_that_are_none(self, media: Media, name: str) -> None:
        await media.save(b"x", "image/png")
        assert media.path(name) is None and media.public_path(name) is None
        with refused(410, "content_expired"):
            await media.read(name)
        with refused(410, "content_expired"):
            await media.publish(name)
        await media.unpublish([name])
        await media.remove([name])
        assert len(files(media)) == 1

    @given(name=st.text())
    def test_any_name(self, name: str) -> None:
        assert Media(Path("/"), 1).path(name) is None

    async def test_only_what_is_published_is_public(self, media: Media) -> None:
        name = await media.save(b"x", "image/png", upload=True)
        assert media.public_path(name) is None
        await media.publish(name)
        await media.publish(name)
        other = Media(media._folder, 1)  # another worker, or this one after a restart
        assert other.public_path(name) == media.path(name)
        await other.unpublish([name, name])
        assert media.public_path(name) is None and media.path(name)

    async def test_removal(self, media: Media) -> None:
        name = await media.save(b"x", "image/png", upload=True)
        await media.publish(name)
        await media.remove([name, "k_" + "a" * 32 + ".mp4"])
        await media.remove([name])
        assert media.path(name) is None and media.public_path(name) is None
        assert list((media._folder / "public").iterdir()) == []


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=1-99", 1, 100),
    ("bytes=999-1000", 999, 1001),
    ("bytes=2500-", 2500, len(VIDEO)),
    ("bytes=-1500", len(VIDEO) - 1500, len(VIDEO)),
    ("bytes=0-999999", 0, len(VIDEO)),
]


class TestResponse:
    async def file(self, media: Media, data: bytes, request: Request, mime: str | None) -> Sent:
        path = media.path(await media.save(data, "video/mp4"))
        assert path is not None
        return await sent(await media.response(path, mime, request, "video_1"), request)

    async def test_the_whole(self, media: Media) -> None:
        data = VIDEO * 120
        got = await self.file(media, data, asked(), None)
        assert (got.status, got.body == data) == (200, True)
        assert max(map(len, got.chunks)) == BLOCK
        etag, modified = got.headers.pop("etag"), got.headers.pop("last-modified")
        assert etag.startswith('"') and modified.endswith(" GMT")
        assert got.headers == {
            "content-type": "video/mp4",
            "content-length": str(len(data)),
            "content-disposition": 'inline; filename="video_1.mp4"',
            "accept-ranges": "bytes",
            "cache-control": "private, max-age=3600",
            "x-content-type-options": "nosniff",
        }

    @pytest.mark.parametrize(("header", "start", "stop"), RANGES)
    async def test_a_range(self, media: Media, header: str, start: int, stop: int) -> None:
        got = await self.file(media, VIDEO, asked(range=header), "video/mp4")
        assert (got.status, got.body) == (206, VIDEO[start:stop])
        assert got.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(VIDEO)}"
        assert got.headers["content-length"] == str(stop - start)

    @pytest.mark.parametrize("header", ["bytes=0-1,5-6", "bytes=x", "items=0-1"])
    async def test_no_range(self, media: Media, header: str) -> None:
        got = await self.file(media, VIDEO, asked(range=header), "video/mp4")
        assert (got.status, got.body) == (200, VIDEO)

    async def test_a_range_outside(self, media: Media) -> None:
        with refused(416, "range_not_satisfiable") as caught:
            await self.file(media, VIDEO, asked(range="bytes=999999-"), None)
        assert caught.value.headers == {"content-range": f"bytes */{len(VIDEO)}"}

    async def test_if_range(self, media: Media) -> None:
        path = media.path(await media.save(VIDEO, "video/mp4"))
        assert path is not None
        etag = (await sent(await media.response(path, None, asked()), asked())).headers["etag"]
        for condition, status in ((etag, 206), ('"other"', 200)):
            request = asked(range="bytes=0-9", if_range=condition)
            assert (await sent(await media.response(path, None, request), request)).status == status

    async def test_head(self, media: Media) -> None:
        got = await self.file(media, VIDEO, asked("HEAD", range="bytes=0-9"), None)
        assert (got.status, got.body, got.headers["content-length"]) == (200, b"", str(len(VIDEO)))

    async def test_an_empty_file(self, media: Media) -> None:
        got = await self.file(media, b"", asked(), None)
        assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")

    async def test_evicted_while_it_is_sent(self, media: Media) -> None:
        name = await media.save(VIDEO, "video/mp4")
        path = media.path(name)
        assert path is not None
        response = await media.response(path, None, asked())
        await media.remove([name])
        assert (await sent(response, asked())).body == VIDEO
        with refused(410, "content_expired"):
            await media.response(path, None, asked())

    async def test_shortened_while_it_is_sent(self, media: Media) -> None:
        path = media.path(await media.save(bytes(2 * BLOCK), "video/mp4"))
        assert path is not None
        response = await media.response(path, None, asked())
        os.truncate(path, BLOCK)
        with pytest.raises(Lost):
            await sent(response, asked())


class TestRelay:
    async def relayed(self, answer: httpx.Response, request: Request) -> Sent:
        response = await relay(answer, request, filename="video_1")
        got = await sent(response, request)
        assert closed(answer)
        return got

    async def test_the_whole_and_no_header_more(self, media: Media) -> None:
        answer = upstream(
            etag='"up"',
            last_modified="Sat, 01 Jan 2028 00:00:00 GMT",
            set_cookie="a=b",
            server="gate",
            x_key="sk-secret",
            content_type="binary/octet-stream",
            content_disposition="attachment; filename=evil.html",
            cache_control="public",
        )
        got = await self.relayed(answer, asked())
        assert (got.status, got.body) == (200, VIDEO)
        assert max(map(len, got.chunks)) == 1000
        assert got.headers == {
            "content-type": "video/mp4",
            "content-length": str(len(VIDEO)),
            "content-disposition": 'inline; filename="video_1.mp4"',
            "accept-ranges": "bytes",
            "cache-control": "private, max-age=3600",
            "x-content-type-options": "nosniff",
            "etag": '"up"',
            "last-modified": "Sat, 01 Jan 2028 00:00:00 GMT",
        }

    @pytest.mark.parametrize(("header", "start", "stop"), RANGES)
    async def test_a_range_that_the_server_ignored(
        self, media: Media, header: str, start: int, stop: int
    ) -> None:
        got = await self.relayed(upstream(), asked(range=header))
        assert (got.status, got.body) == (206, VIDEO[start:stop])
        assert got.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(VIDEO)}"
        assert got.headers["content-length"] == str(stop - start)
        assert got.headers["content-type"] == "video/mp4"

    async def test_a_range_that_the_server_knows(self, media: Media) -> None:
        answer = upstream(VIDEO[10:20], 206, content_range=f"bytes 10-19/{len(VIDEO)}")
        got = await self.relayed(answer, asked(range="bytes=10-19"))
        assert (got.status, got.body) == (206, VIDEO[10:20])
        assert got.headers["content-range"] == f"bytes 10-19/{len(VIDEO)}"
        assert got.headers["content-length"] == "10"

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"content_range": "bytes 9-5/20"},
            {"content_range": "bytes 0-9/*", "content_encoding": "br"},
        ],
    )
    async def test_a_part_of_nobody_knows_what(self, media: Media, headers: dict[str, str]) -> None:
        answer = upstream(b"0123456789", 206, **headers)
        with refused(502, "provider_error"):
            await relay(answer, asked(range="bytes=0-9"))
        assert closed(answer)

    async def test_a_range_outside(self, media: Media) -> None:
        answer = upstream()
        with refused(416, "range_not_satisfiable") as caught:
            await relay(answer, asked(range="bytes=999999-"))
        assert caught.value.headers == {"content-range": f"bytes */{len(VIDEO)}"}
        assert closed(answer)

    @pytest.mark.parametrize(
        ("header", "status", "start", "stop", "told"),
        [
            (None, 200, 0, None, None),
            ("bytes=5000-", 200, 0, None, None),
            ("bytes=-5", 200, 0, None, None),
            (f"bytes=0-{AHEAD}", 200, 0, None, None),
            ("bytes=100-199", 206, 100, 200, "bytes 100-199/*"),
            ("bytes=5000-9000", 206, 5000, len(VIDEO), f"bytes 5000-{len(VIDEO) - 1}/{len(VIDEO)}"),
        ],
    )
    async def test_an_unknown_size(
        self, media: Media, header: str | None, status: int, start: int, stop: int | None, told: Any
    ) -> None:
        request = asked(range=header) if header else asked()
        got = await self.relayed(upstream(pieces(VIDEO)), request)
        assert (got.status, got.body) == (status, VIDEO[start:stop])
        assert got.headers.get("content-range") == told
        assert ("content-length" in got.headers) == (status == 206)

    async def test_an_unknown_size_that_ends_before(self, media: Media) -> None:
        with refused(416, "range_not_satisfiable") as caught:
            await relay(upstream(pieces(VIDEO)), asked(range="bytes=99999-100000"))
        assert caught.value.headers == {}

    async def test_constant_memory(self, media: Media) -> None:
        """Of an endless stream no more is taken than is sent."""

        def endless() -> Any:
            while True:
                yield bytes(1000)

        size = 1 << 40
        answer = upstream(endless(), content_length=str(size))
        request = asked(range="bytes=500000-599999")
        got = await self.relayed(answer, request)
        assert len(got.body) == 100_000 and max(map(len, got.chunks)) <= 1000
        assert isinstance(answer.stream, Stream) and answer.stream.taken <= 601

    async def test_if_range_by_the_server_s_etag(self, media: Media) -> None:
        for condition, status in (('"up"', 206), ('"other"', 200)):
            request = asked(range="bytes=0-9", if_range=condition)
            assert (await self.relayed(upstream(etag='"up"'), request)).status == status

    async def test_compressed_unasked(self, media: Media) -> None:
        answer = upstream(gzip.compress(VIDEO), content_encoding="gzip", etag='"zip"')
        got = await self.relayed(answer, asked())
        assert got.body == VIDEO
        assert not {"content-length", "content-encoding", "etag"} & got.headers.keys()

    async def test_head(self, media: Media) -> None:
        got = await self.relayed(upstream(), asked("HEAD"))
        assert (got.body, got.headers["content-length"]) == (b"", str(len(VIDEO)))

    async def test_a_page_instead_of_the_file(self, media: Media) -> None:
        answer = upstream(b"<html>Sorry</html>", content_type="text/html")
        with refused(502, "malformed_response"):
            await relay(answer, asked())
        assert closed(answer)

    async def test_an_empty_file(self, media: Media) -> None:
        answer = upstream(b"", content_length="0")
        with pytest.raises(Lost, match="empty"):
            await relay(answer, asked(range="bytes=0-9"))
        assert closed(answer)

    async def test_a_video_called_a_page(self, media: Media) -> None:
        got = await self.relayed(upstream(content_type="text/html"), asked())
        assert got.headers["content-type"] == "video/mp4"

    @pytest.mark.parametrize("how", ["raises", "ends", "goes on"])
    @pytest.mark.parametrize("header", [None, "bytes=100-5000"])
    async def test_not_what_was_promised(self, media: Media, how: str, header: str | None) -> None:
        body: list[Any] = [VIDEO[:1000]]
        if how == "raises":
            body.append(httpx.ReadError("cut"))
        if how == "goes on":
            body += [VIDEO] * 2
        answer = upstream(body, content_length=str(len(VIDEO)))
        request = asked(range=header) if header and how != "goes on" else asked()
        response = await relay(answer, request)
        with pytest.raises(Lost):
            await sent(response, request)
        assert closed(answer)

    async def test_cut_off_before_anything_came(self, media: Media) -> None:
        answer = upstream([httpx.ReadTimeout("slow")], content_length="10")
        with pytest.raises(Lost) as caught:
            await relay(answer, asked())
        assert caught.value.timed_out and closed(answer)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Any:
        yield


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none"
    )
    server, socket = _Server(config), config.bind_socket()
    running = asyncio.create_task(server.serve([socket]))
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        socket.close()


class TestConnection:
    """What becomes of the client's connection, over real sockets."""

    async def test_a_cut_body_is_seen_as_incomplete(self, media: Media) -> None:
        known = upstream([VIDEO[:1000], httpx.ReadError("cut")], content_length=str(len(VIDEO)))
        unknown = upstream([VIDEO[:1000], httpx.ReadError("cut")])
        answers = [known, unknown]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            await (await relay(answers.pop(0), request))(scope, receive, send)

        async with serving(app) as url, httpx.AsyncClient(trust_env=False) as client:
            for _ in range(2):
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(url)
        assert closed(known) and closed(unknown)

    async def test_a_client_that_goes_away(self, media: Media) -> None:
        stuck = Stream([VIDEO[:1000], asyncio.Event()])
        answer = httpx.Response(200, headers={"content-length": "5000"}, stream=stuck)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            await (await relay(answer, request))(scope, receive, send)

        async with serving(app) as url, httpx.AsyncClient(trust_env=False) as client:
            async with client.stream("GET", url) as got:
                assert await anext(got.aiter_raw()) == VIDEO[:1000]
            async with asyncio.timeout(5):
                await stuck.closed.wait()

    async def test_a_file_and_its_ranges(self, media: Media) -> None:
        data = VIDEO * 200
        path = media.path(await media.save(data, "video/mp4"))
        assert path is not None

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await media.response(path, None, Request(scope, receive), "v")
            await response(scope, receive, send)

        async with serving(app) as url, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).content == data
            part = await client.get(url, headers={"range": "bytes=300000-700000"})
            assert (part.status_code, part.content) == (206, data[300_000:700_001])
            assert (await client.head(url)).headers["content-length"] == str(len(data))


class TestContent:
    async def content(
        self, media: Media, serve: Files, asset: Mapping[str, Any], request: Request | None = None
    ) -> Sent:
        request = request or asked()
        answer = await media.content(
            driver(serve), asset, account=gateway(), request=request, filename="video_1"
        )
        return await sent(answer, request)

    async def test_a_kept_file(self, media: Media) -> None:
        asset = {"file": await media.save(VIDEO, "video/mp4"), "url": URL, "mime": "video/mp4"}
        serve = Files(upstream())
        assert (await self.content(media, serve, asset)).body == VIDEO
        assert serve.requests == []

    async def test_an_evicted_file_with_a_link(self, media: Media) -> None:
        asset = {"file": "k_" + "a" * 32 + ".mp4", "url": URL}
        assert (await self.content(media, Files(upstream()), asset)).body == VIDEO

    @pytest.mark.parametrize("asset", [{"file": "k_" + "a" * 32 + ".mp4"}, {}, {"file": "../x"}])
    async def test_a_file_that_is_gone(self, media: Media, asset: dict[str, Any]) -> None:
        with refused(410, "content_expired"):
            await self.content(media, Files(upstream()), asset)

    @pytest.mark.parametrize(
        ("headers", "passed"),
        [
            ({"range": "bytes=0-9"}, "bytes=0-9"),
            ({"range": "bytes=5-"}, "bytes=5-"),
            ({"range": "bytes=-5"}, "bytes=-5"),
            ({"range": "bytes=0-1,4-5"}, None),
            ({"range": "nonsense"}, None),
            ({"range": "bytes=0-9", "if_range": '"a"'}, None),
            ({}, None),
        ],
    )
    async def test_the_range_goes_to_the_server(
        self, media: Media, headers: dict[str, str], passed: str | None
    ) -> None:
        serve = Files(upstream())
        await self.content(media, serve, {"url": URL}, asked(**headers))
        assert serve.requests[0].headers.get("range") == passed

    async def test_head_asks_for_no_range(self, media: Media) -> None:
        serve = Files(upstream())
        got = await self.content(media, serve, {"url": URL}, asked("HEAD", range="bytes=0-9"))
        assert got.status == 200 and "range" not in serve.requests[0].headers

    @pytest.mark.parametrize("auth", [True, False])
    async def test_the_key_goes_only_where_the_asset_wants_it(
        self, media: Media, auth: bool
    ) -> None:
        serve = Files(upstream())
        await self.content(media, serve, {"url": "http://gate/v1/videos/1/content", "auth": auth})
        assert ("authorization" in serve.requests[0].headers) is auth

    @pytest.mark.parametrize(
        ("status", "expires", "wanted", "code"),
        [
            (403, None, 410, "content_expired"),
            (404, None, 410, "content_expired"),
            (410, None, 410, "content_expired"),
            (400, 1.0, 410, "content_expired"),
            (400, 9e12, 502, "provider_error"),
            (400, None, 502, "provider_error"),
            (401, None, 502, "provider_auth_failed"),
            (206, None, 502, "provider_error"),
            (204, None, 502, "provider_error"),
            (429, 1.0, 502, "provider_error"),
            (500, 1.0, 502, "provider_error"),
        ],
    )
    async def test_refusals(
        self, media: Media, status: int, expires: float | None, wanted: int, code: str
    ) -> None:
        answer = upstream(b"no", status)
        with refused(wanted, code) as caught:
            await self.content(media, Files(answer), {"url": URL, "expires": expires})
        assert "sk-secret" not in caught.value.message and closed(answer)
        retry = caught.value.answer_headers().get("x-should-retry") != "false"
        assert retry is (status in (429, 500))

    @pytest.mark.parametrize(
        ("said", "passed"),
        [("bytes */500", {"content-range": "bytes */500"}), ("evil", {}), ("", {})],
    )
    async def test_the_server_s_416(self, media: Media, said: str, passed: dict[str, str]) -> None:
        answer = upstream(b"", 416, content_range=said)
        with refused(416, "range_not_satisfiable") as caught:
            await self.content(media, Files(answer), {"url": URL}, asked(range="bytes=600-"))
        assert caught.value.headers == passed

    async def test_no_connection(self, media: Media) -> None:
        with pytest.raises(Unreachable):
            await self.content(media, Files(httpx.ConnectError("no")), {"url": URL})


class TestKeepAndLoad:
    async def test_keeping(self, media: Media) -> None:
        asset = {"url": URL, "mime": "video/webm", "role": "content"}
        answer = upstream(content_type="application/octet-stream")
        kept = await media.keep(driver(Files(answer)), asset, gateway())
        name = kept["file"]
        assert kept == {**asset, "file": name, "size": len(VIDEO), "mime": "video/mp4"}
        assert await media.read(name) == VIDEO and name.endswith(".mp4") and closed(answer)

    @pytest.mark.parametrize(
        "answer",
        [
            lambda: upstream([VIDEO[:1000]], content_length=str(len(VIDEO))),
            lambda: upstream([VIDEO[:1000], httpx.ReadError("cut")]),
            lambda: upstream(b""),
            lambda: httpx.ReadTimeout("slow"),
        ],
    )
    async def test_what_is_not_whole_is_not_kept(self, media: Media, answer: Any) -> None:
        with pytest.raises(Lost):
            await media.keep(driver(Files(answer())), {"url": URL}, gateway())
        assert files(media) == []

    async def test_a_dead_link(self, media: Media) -> None:
        with refused(410, "content_expired"):
            await media.keep(driver(Files(upstream(b"", 404))), {"url": URL}, None)

    async def test_a_page(self, media: Media) -> None:
        answer = upstream(b"<html>", content_type="text/html")
        with refused(502, "malformed_response"):
            await media.keep(driver(Files(answer)), {"url": URL, "mime": "video/mp4"}, None)
        assert files(media) == [] and closed(answer)

    @pytest.mark.parametrize("told", [True, False])
    async def test_too_large(self, media: Media, told: bool) -> None:
        body = [bytes(60_000)] * 2
        answer = upstream(b"".join(body) if told else body)
        with refused(502, "provider_error"):
            await media.keep(driver(Files(answer)), {"url": URL}, None)
        assert files(media) == [] and closed(answer)
        assert isinstance(answer.stream, Stream) and answer.stream.taken == (0 if told else 2)

    async def test_loading_a_link(self, media: Media) -> None:
        loaded = await media.load(driver(Files(upstream())), {"url": URL}, None, len(VIDEO))
        assert loaded == (VIDEO, "video/mp4")

    async def test_loading_a_file(self, media: Media) -> None:
        asset = {"file": await media.save(VIDEO, "video/mp4")}
        loaded = await media.load(driver(Files(upstream())), asset, None, len(VIDEO))
        assert loaded == (VIDEO, "video/mp4")
        with refused(502, "provider_error"):
            await media.load(driver(Files(upstream())), asset, None, len(VIDEO) - 1)

    async def test_loading_too_much(self, media: Media) -> None:
        for body in (VIDEO, pieces(VIDEO)):
            with refused(502, "provider_error"):
                await media.load(driver(Files(upstream(body))), {"url": URL}, None, 2000)

    async def test_loading_what_is_gone(self, media: Media) -> None:
        with refused(410, "content_expired"):
            await media.load(driver(Files(upstream())), {"file": "k_gone"}, None, 10)


async def test_the_loop_is_never_blocked(media: Media, tmp_path: Path) -> None:
    """A disk that hangs (a FIFO without a writer) holds up a thread, not the loop."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    opening = asyncio.create_task(media.response(fifo, None, asked()))
    began = time.monotonic()
    await asyncio.sleep(0)
    assert not opening.done() and time.monotonic() - began < 1
    await asyncio.to_thread(fifo.write_bytes, b"x")
    with pytest.raises(OSError, match="seek"):  # closes it
        await sent(await opening, asked())
