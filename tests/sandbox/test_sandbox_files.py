"""Results: whole, in ranges, and all that may be wrong with a link."""

import struct
import zlib

import pytest

from proxy.sandbox.assets import asset, fit, png, wav
from proxy.sandbox.files import Blob

VIDEO = {"model": "veo3", "prompt": "a cat"}
CLIP = asset("mp4")


@pytest.fixture
async def clip(double):
    """A finished video: the double, and a function that gets its file."""
    api = await double("onysoft")
    task = (await api.post("/video/generate", VIDEO)).json()["data"]["task_id"]
    url = api.double.link(api.double.tasks[task])

    async def get(**headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await api.client.get(url, headers=named)

    get.url = url
    return api, get


async def test_whole(clip):
    _, get = clip
    got = await get()
    assert (got.status_code, got.content) == (200, CLIP)
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["content-length"] == str(len(CLIP))


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", CLIP[:1]),
        ("bytes=10-19", CLIP[10:20]),
        ("bytes=100-", CLIP[100:]),
        ("bytes=-5", CLIP[-5:]),
        ("bytes=0-999999999", CLIP),
    ],
)
async def test_ranges(clip, asked, part):
    _, get = clip
    got = await get(range=asked)
    assert (got.status_code, got.content) == (206, part)
    assert got.headers["content-range"].endswith(f"/{len(CLIP)}")


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=-", "bytes=0-1,4-5", "lines=1-2"])
async def test_ranges_that_are_none(clip, asked):
    _, get = clip
    assert (await get(range=asked)).status_code == 200


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
async def test_ranges_beyond_the_end(clip, asked):
    _, get = clip
    got = await get(range=asked)
    assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(CLIP)}")


async def test_if_range(clip):
    _, get = clip
    etag = (await get()).headers["etag"]
    assert (await get(range="bytes=0-1", if_range=etag)).status_code == 206
    assert (await get(range="bytes=0-1", if_range='"other"')).status_code == 200


async def test_head(clip):
    api, get = clip
    got = await api.client.head(get.url)
    assert (got.headers["content-length"], got.content) == (str(len(CLIP)), b"")


async def test_ignoring_ranges(clip):
    api, get = clip
    api.double.fault("file", ignore_range=True)
    assert (await get(range="bytes=0-1")).status_code == 200
    assert (await get(range="bytes=0-1")).status_code == 206
    api.double.configure({"files": {"ignore_range": True}})
    got = await get(range="bytes=0-1")
    assert (got.status_code, got.content) == (200, CLIP)
    assert "accept-ranges" not in got.headers


async def test_dead_links_and_lies(clip):
    api, get = clip
    api.double.fault("file", content_type="text/html")
    assert (await get()).headers["content-type"] == "text/html"
    api.double.configure({"files": {"content_type": "application/octet-stream"}})
    assert (await get()).headers["content-type"] == "application/octet-stream"
    api.double.files.expired = True
    assert (await get()).status_code == 410
    api.double.configure({"files": {}, "link_seconds": -1})
    assert (await get()).status_code == 410
    api.double.files.seconds = None
    for url in (get.url.replace("/0.", "/1."), get.url.replace("/0.", "/x."), get.url + "/x"):
        assert (await api.client.get(url)).status_code == 404


async def test_unfinished(double):
    api = await double("onysoft", timing=3600)
    task = (await api.post("/video/generate", VIDEO)).json()["data"]["task_id"]
    assert (await api.get(api.double.link(api.double.tasks[task]))).status_code == 404


async def test_padding_and_dripping(clip):
    api, get = clip
    api.double.files.size = 300_000
    got = await get()
    assert len(got.content) == 300_000
    assert got.content[len(CLIP) + 4 : len(CLIP) + 8] == b"free"
    assert (await get(range="bytes=299990-")).content == bytes(10)
    api.double.files.drip = 0.00001
    api.double.files.drip_size = 100_000
    assert len((await get()).content) == 300_000


def test_blobs():
    blob = Blob(b"abc", 6)
    assert (blob.piece(0, 6), blob.piece(2, 4), blob.piece(4, 6)) == (b"abc\0\0\0", b"c\0", b"\0\0")
    assert Blob(b"abc").size == Blob(b"abc", 2).size == 3


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("1:1", (512, 512)), ("16:9", (512, 288)), ("720x1280", (288, 512)), ("auto", (512, 512))],
)
def test_pictures(ratio, size):
    data = png(*fit(ratio))
    assert data[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    assert struct.unpack(">II", data[16:24]) == size
    position = data.index(b"IDAT")
    length = struct.unpack(">I", data[position - 4 : position])[0]
    lines = zlib.decompress(data[position + 4 : position + 4 + length])
    assert len(lines) == size[1] * (1 + 3 * size[0])


def test_sounds():
    assert wav(0.5)[:4] == b"RIFF"
    assert len(wav(0.5)) == 44 + 8000
    assert asset("wav")[8:12] == b"WAVE"
    assert asset("mp3")[0] == 0xFF
    assert CLIP.index(b"moov") < CLIP.index(b"mdat")
