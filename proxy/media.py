"""Files: results kept for clients, uploads lent to gateways, and links passed through.

No file is held in memory but by `read` and `load`, and no disk blocks the loop. The folder is shared
by all workers, and its entries are all the state there is:

    k_<random>.mp4           a kept result; the oldest go first when they exceed `max_bytes`, but those that
                             no client has been given yet are spared for a while (room.py)
    u_<random>.png           a client's upload; stays until it is removed with its job, or forgotten
    public/u_<random>.png    a mark: this upload may be fetched by whoever knows its name
    .<random>.part           being written; thrown away when its writer has died
"""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any, BinaryIO, Final

from starlette.requests import Request
from starlette.responses import Response

from proxy.accounts import Account
from proxy.disk import blocks, on_disk, open_file, read_span, unlink
from proxy.driver import Driver
from proxy.errors import ApiError
from proxy.links import download, fetched, gone, too_large
from proxy.ranges import Body, Span, parse_range, relay, wanted
from proxy.room import Room
from proxy.sniff import HEAD, extension, sniff, told, type_of
from proxy.writable import Writable

_NAME: Final = re.compile(r"[ku]_[A-Za-z0-9_-]{32}\.[a-z0-9]{1,8}")
_ANY_SIZE: Final = 1 << 62


class Media:
    """The media folder, of whose kept results there are at most `max_bytes` at a time."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._public = folder / "public"
        self._max_bytes = max_bytes
        self._room = Room(folder, self._public, max_bytes)
        self.writable = Writable(folder)

    async def save(
        self, data: bytes | AsyncIterator[bytes], mime: str, *, upload: bool = False
    ) -> str:
        """Store a file, whole or not at all, and return its name: 192 random bits and an extension.

        A kept result makes room for itself; an `upload` neither counts nor is evicted.
        Raises ApiError store_unavailable where the disk refuses, and whatever `data` raises.
        """
        token = secrets.token_urlsafe(24)
        name = f"{'u' if upload else 'k'}_{token}.{extension(mime)}"
        part = self._folder / f".{token}.part"
        written = 0
        try:
            file = await on_disk(self._create, part)
        except ApiError as exc:
            self.writable.refused(exc, written)
            raise
        try:
            async for block in blocks(data):
                written += len(block)
                await on_disk(file.write, block)
            await on_disk(self._finish, file, part, name)
        except BaseException as exc:
            if isinstance(exc, ApiError) and isinstance(exc.__cause__, OSError):
                self.writable.refused(exc, written)
            # Cancelled, `_finish` may still be at work in its thread: in this order nothing remains.
            with suppress(OSError):
                file.close()
            unlink([part, self._folder / name])
            raise
        return name

    def path(self, name: str) -> Path | None:
        """Where a file is; `None` for one that is gone, and for what is no name of ours."""
        path = self._folder / name if _NAME.fullmatch(name) else None
        return path if path and path.is_file() else None

    def public_path(self, name: str) -> Path | None:
        """Where a file is that may be fetched at /media/{name}."""
        path = self.path(name)
        return path if path and (self._public / name).is_file() else None

    async def read(self, name: str) -> bytes:
        """A whole file; raises ApiError content_expired where it is gone."""
        data = await self._whole(name)
        if data is None:
            raise gone()
        return data

    async def given(self, name: str) -> None:
        """A client has been given a kept result: it need not wait for one any longer."""
        if _NAME.fullmatch(name):
            await asyncio.to_thread(self._room.given, name)

    def allow(self, max_bytes: int) -> None:
        """From now on there are at most so many bytes of kept results."""
        self._max_bytes = max_bytes
        self._room.allow(max_bytes)

    async def tidy(self) -> None:
        """Remove what was spared beyond `max_bytes`, as far as it need not be spared any longer."""
        await on_disk(self._room.tidy)

    async def forget(self, before: float) -> None:
        """Remove uploads that were stored before that time (Unix seconds)."""
        await on_disk(self._room.forget, before)

    async def publish(self, name: str) -> None:
        """Let a stored file be fetched at /media/{name}: from every worker, and after a restart."""
        if self.path(name) is None:
            raise gone()
        await on_disk(self._public.mkdir, mode=0o700, exist_ok=True)
        await on_disk((self._public / name).touch, mode=0o600)

    async def unpublish(self, names: Iterable[str]) -> None:
        await on_disk(unlink, [self._public / one for one in names if _NAME.fullmatch(one)])

    async def remove(self, names: Iterable[str]) -> None:
        """Delete files, and what publishes them; those that are gone already do not matter."""
        ours = [one for one in names if _NAME.fullmatch(one)]
        await on_disk(unlink, [at / one for one in ours for at in (self._public, self._folder)])

    async def response(
        self, path: Path, mime: str | None, request: Request, filename: str | None = None
    ) -> Response:
        """A file, or the range of it that the request asks for; raises ApiError 410 or 416."""
        try:
            file, status, head = await asyncio.to_thread(open_file, path)
        except FileNotFoundError as exc:
            raise gone() from exc

        def done() -> None:
            try:
                if not file.closed and file.tell() == status.st_size:  # and not a part of it alone
                    self._room.given(path.name)
            finally:
                file.close()

        async def close() -> None:
            await asyncio.to_thread(done)

        known = {
            "etag": f'"{status.st_mtime_ns:x}-{status.st_size:x}"',
            "last-modified": formatdate(status.st_mtime, usegmt=True),
        }
        try:
            span = wanted(request, status.st_size, known)
        except ApiError:
            await close()
            raise
        headers = told(type_of(mime, head, None), filename, known)
        body = read_span(file, span or Span(0, status.st_size))
        return Body(body, close, headers, span or status.st_size)

    async def content(
        self,
        driver: Driver,
        asset: Mapping[str, Any],
        *,
        account: Account | None,
        request: Request,
        filename: str | None = None,
    ) -> Response:
        """A result as the client gets it: the kept file, else what its link leads to.

        Raises ApiError (410 content_expired, 416, 502), Unreachable or Lost.
        """
        if path := self.path(asset.get("file") or ""):
            return await self.response(path, asset.get("mime"), request, filename)
        span = request.headers.get("range") if request.method == "GET" else None
        # With If-Range the whole is fetched: whether the condition holds is known only by its etag.
        valid = "if-range" not in request.headers and parse_range(span, _ANY_SIZE)
        headers = {"range": span} if span and isinstance(valid, Span) else None
        upstream = await fetched(driver, asset, account, headers)
        return await relay(upstream, request, asset.get("mime"), filename)

    async def keep(
        self, driver: Driver, asset: Mapping[str, Any], account: Account | None
    ) -> dict[str, Any]:
        """The asset with its link's file stored: `file`, `size` (bytes) and `mime` added.

        Raises ApiError (the link is dead, the file larger than `max_bytes`), Unreachable or Lost.
        """
        async with download(driver, asset, account, self._max_bytes) as (mime, body):
            name = await self.save(body, mime)
        status = await on_disk((self._folder / name).stat)
        return {**asset, "file": name, "size": status.st_size, "mime": mime}

    async def load(
        self, driver: Driver, asset: Mapping[str, Any], account: Account | None, limit: int
    ) -> tuple[bytes, str]:
        """The whole of a result of at most `limit` bytes, and its type; raises as `keep` does."""
        data = await self._whole(asset.get("file") or "", limit)
        if data is not None:
            return data, sniff(data[:HEAD]) or type_of(asset.get("mime"), b"", None)
        async with download(driver, asset, account, limit) as (mime, body):
            return b"".join([chunk async for chunk in body]), mime

    async def _whole(self, name: str, limit: int = _ANY_SIZE) -> bytes | None:
        """The bytes of a file, `None` where it is gone; raises ApiError where there are more than `limit`."""
        path = self.path(name)
        if path is None:
            return None
        held: list[bytes] = []

        def read() -> None:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size > limit:
                    raise too_large(limit)
                held.append(file.read())

        with suppress(FileNotFoundError):
            # As its result, the bytes would stay with two futures that hold each other, until the
            # collector comes by: tens of megabytes a picture.
            await asyncio.to_thread(read)
        return held.pop() if held else None

    def _create(self, part: Path) -> BinaryIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _finish(self, file: BinaryIO, part: Path, name: str) -> None:
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
        file.close()
        part.rename(self._folder / name)
        if name.startswith("k_"):
            self._room.taken(name, size)
