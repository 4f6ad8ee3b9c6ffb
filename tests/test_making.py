"""What the command tells of a job that it has ordered, whatever happens afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.making import Asked, Failed, make

ID = "video_0123456789abcdef0123456789abcdef"
JOB = {"id": ID, "status": "in_progress", "progress": 5, "error": None, "assets": []}
DONE: dict[str, Any] = {
    **JOB,
    "status": "completed",
    "assets": [{"role": "content"}],
    "anygate": {"cost": 0.5, "target": "onysoft/sora-2"},
}
AWAY = httpx.ConnectError("refused")


class Cut(httpx.SyncByteStream):
    """A film that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"fi"
        raise httpx.ReadError("cut off")


def proxy(
    *polls: httpx.Response | Exception, film: bytes | httpx.SyncByteStream = b"film"
) -> httpx.Client:
    """A proxy that takes every order, answers its polls so, and then has it done."""
    left = list(polls)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=JOB, headers={"x-anygate-job": ID})
        if request.url.path.endswith("/content"):
            sent = {"content": film} if isinstance(film, bytes) else {"stream": film}
            return httpx.Response(200, **sent, headers={"content-type": "video/mp4"})
        found = left.pop(0) if left else httpx.Response(200, json=DONE)
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://proxy")


def asked(out: Path) -> Asked:
    return Asked("video", {"prompt": "A lighthouse"}, out, False)


def at_once(seconds: float) -> None: ...


def test_polls_that_fail_for_a_while_are_borne(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    busy = httpx.Response(503, json={"error": {"code": "store_unavailable", "message": "x"}})
    with proxy(AWAY, AWAY, busy, httpx.Response(200, json=JOB), *[AWAY] * 10) as http:
        assert make(http, asked(out), wait=at_once) == [out]
    assert out.read_bytes() == b"film"


@pytest.mark.parametrize(
    "polls",
    [
        [AWAY] * 11,
        [httpx.Response(503, json={"error": {"code": "store_unavailable", "message": "x"}})] * 11,
        [httpx.Response(404, json={"error": {"code": "not_found", "message": "x"}})],
        [httpx.Response(200, json={**JOB, "status": "failed", "error": {"code": "c", "message": "m"}})],
    ],
)  # fmt: skip
def test_whatever_fails_the_id_is_told(
    tmp_path: Path, polls: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with proxy(*polls) as http, pytest.raises(Failed, match=f"GET http://proxy/v1/jobs/{ID}"):
        make(http, asked(tmp_path / "a.mp4"), wait=at_once)
    assert ID in capsys.readouterr().err  # since the order


def test_so_it_is_where_the_file_is_lost_on_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()

    def remove(seconds: float) -> None:
        folder.rmdir()

    with proxy() as http, pytest.raises(Failed, match=ID):
        make(http, asked(folder / "a.mp4"), wait=remove)


@pytest.mark.parametrize("before", [None, b"another"])
def test_a_film_that_breaks_off_is_no_file(tmp_path: Path, before: bytes | None) -> None:
    out = tmp_path / "a.mp4"
    if before is not None:
        out.write_bytes(before)
    with proxy(film=Cut()) as http, pytest.raises(Failed, match=ID):
        make(http, asked(out), wait=at_once)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == ([] if before is None else [before])


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    """A pipe, or what /dev/stdout is: nothing can take its place."""
    out = tmp_path / "pipe"
    os.mkfifo(out)
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    with proxy() as http:
        make(http, asked(out), wait=at_once)
    assert os.read(reader, 10) == b"film"
    os.close(reader)
    assert out.is_fifo()


def test_a_link_leads_to_the_file_as_before(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    out = tmp_path / "a.mp4"
    out.symlink_to(folder / "b.mp4")
    with proxy() as http:
        make(http, asked(out), wait=at_once)
    assert out.is_symlink()
    assert (folder / "b.mp4").read_bytes() == b"film"


@pytest.mark.parametrize("out", ["nowhere/a.mp4", "."])
def test_nothing_is_ordered_that_cannot_be_written(tmp_path: Path, out: str) -> None:
    def ordered(request: httpx.Request) -> httpx.Response:
        raise AssertionError

    transport = httpx.MockTransport(ordered)
    with httpx.Client(transport=transport) as http, pytest.raises(Failed, match="-o: "):
        make(http, asked(tmp_path / out), wait=at_once)
