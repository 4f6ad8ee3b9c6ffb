"""What the command tells of a job that it has ordered, whatever happens afterwards."""

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


def proxy(*polls: httpx.Response | Exception) -> httpx.Client:
    """A proxy that takes every order, answers its polls so, and then has it done."""
    left = list(polls)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=JOB, headers={"x-anygate-job": ID})
        if request.url.path.endswith("/content"):
            return httpx.Response(200, content=b"film", headers={"content-type": "video/mp4"})
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


@pytest.mark.parametrize("out", ["nowhere/a.mp4", "."])
def test_nothing_is_ordered_that_cannot_be_written(tmp_path: Path, out: str) -> None:
    def ordered(request: httpx.Request) -> httpx.Response:
        raise AssertionError

    transport = httpx.MockTransport(ordered)
    with httpx.Client(transport=transport) as http, pytest.raises(Failed, match="-o: "):
        make(http, asked(tmp_path / out), wait=at_once)
