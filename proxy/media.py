"""Files: results kept for clients, uploads lent to gateways, and links passed through.

No file is held in memory but by `load`, and no disk blocks the loop. The folder is shared by all
workers and its entries are all the state there is:

    k_<random>.mp4           a kept result; the oldest go first when they exceed `max_bytes`
    u_<random>.png           a client's upload; stays until it is removed
    public/u_<random>.png    a mark: this upload may be fetched by whoever knows its name
    .<random>.part           being written; thrown away when its writer has died
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import httpx
from starlette.requests import Request
from starlette.responses import Response

from proxy.driver import Account, Driver
from proxy.errors import ApiError
from proxy.ranges import Body, Span, parse_range, peek, wanted
from proxy.sniff import HEAD, extension, served_type, sniff

BLOCK: Final = 1 << 18  # bytes in memory at a time, for each file on its way
AHEAD: Final = 1 << 20  # bytes that are read ahead to learn where a file of unknown size ends
_DEAD: Final = 3600.0  # seconds after which an unfinished file has no writer any more
_MAX_AGE: Final = 3600
_NAME: Final = re.compile(r"[ku]_[A-Za-z0-9_-]{32}\.[a-z0-9]{1,8}")
_PAGES: Final = (
    "text/html",
    "application/xhtml+xml",
    "application/json",
    "text/xml",
    "application/xml",
)

P = ParamSpec("P")
T = TypeVar("T")


class Media:
    """The media folder, of whose kept results there are at most `max_bytes` at a time."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._public = folder / "public"
        self._max_bytes = max_bytes

    async def save(
        self, data: bytes | AsyncIterator[bytes], mime: str, *, upload: bool = False
    ) -> str:
        """Store a file, whole or not at all, and return its name: 192 random bits and an extension.

        A kept result makes room for itself; an `upload` neither counts nor is ever evicted.
        Raises ApiError where the disk refuses, and whatever `data` raises.
        """
        token = secrets.token_urlsafe(24)
        name = f"{'u' if upload else 'k'}_{token}.{extension(mime)}"
        part = self._folder / f".{token}.part"
        file = await _disk(self._create, part)
        try:
            async for block in _blocks(data):
                await _disk(file.write, block)
            await _disk(self._finish, file, part, name)
        except BaseException:
            _discard(file, part)
            raise
        return name

    def path(self, name: str) -> Path | None:
        """Where a file is; `None` for one that is gone, and for whatever is no name of ours."""
        if not _NAME.fullmatch(name):
            return None
        path = self._folder / name
        return path if path.is_file() else None

    def public_path(self, name: str) -> Path | None:
        """Where a published file is."""
        path = self.path(name)
        return path if path and (self._public / name).is_file() else None

    async def read(self, name: str) -> bytes:
        """A whole file; raises ApiError content_expired where it is gone."""
        path = self.path(name)
        if path is None:
            raise _gone()
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as exc:
            raise _gone() from exc

    async def publish(self, name: str) -> None:
        """Let a stored file be fetched at /media/{name}, by every worker and after a restart."""
        if self.path(name) is None:
            raise _gone()
        await _disk(self._mark, name)

    async def unpublish(self, names: Iterable[str]) -> None:
        await _disk(_unlink, [self._public / one for one in names if _NAME.fullmatch(one)])

    async def remove(self, names: Iterable[str]) -> None:
        """Delete files and what publishes them; those that are gone already do not matter."""
        ours = [one for one in names if _NAME.fullmatch(one)]
        await _disk(
            _unlink, [folder / one for one in ours for folder in (self._public, self._folder)]
        )

    async def response(
        self, path: Path, mime: str | None, request: Request, filename: str | None = None
    ) -> Response:
        """A file, or the range of it that the request asks for; raises ApiError 410 or 416."""
        try:
            file, status, head = await asyncio.to_thread(_open, path)
        except FileNotFoundError as exc:
            raise _gone() from exc

        async def close() -> None:
            await asyncio.to_thread(file.close)

        size = status.st_size
        known = {
            "etag": f'"{status.st_mtime_ns:x}-{size:x}"',
            "last-modified": formatdate(status.st_mtime, usegmt=True),
        }
        try:
            span = wanted(request, size, known)
        except ApiError:
            await close()
            raise
        headers = _headers(served_type(mime, head), filename, known)
        return Body(request, _read(file, span or Span(0, size)), close, headers, span or size)

    async def relay(
        self,
        upstream: httpx.Response,
        request: Request,
        *,
        mime: str | None = None,
        filename: str | None = None,
    ) -> Response:
        """A file's server's 200 or 206 as our own, and closed with it.

        A range that the server ignored is cut out here; only where it depends on a size that the
        server does not tell, the client gets the whole. Raises ApiError 416, 502, or Lost.
        """
        try:
            return await _relayed(upstream, request, mime, filename)
        except BaseException:
            await upstream.aclose()
            raise

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
        if "file" in asset:
            path = self.path(asset["file"])
            if path is None and not asset.get("url"):
                raise _gone()
            if path is not None:
                return await self.response(path, asset.get("mime"), request, filename)
        # A condition is the server's to judge only if it knows the file by our etag: it is judged here.
        span = None if "if-range" in request.headers else request.headers.get("range")
        headers = {"range": span} if span and parse_range(span, _ANY_SIZE) else {}
        upstream = await _fetched(driver, asset, account, headers)
        return await self.relay(upstream, request, mime=asset.get("mime"), filename=filename)

    async def keep(
        self, driver: Driver, asset: Mapping[str, Any], account: Account | None
    ) -> dict[str, Any]:
        """The asset with its link's file stored: `file`, `size` and `mime` are added.

        Raises ApiError (the link is dead, the file larger than the folder may be), Unreachable or Lost.
        """
        if "file" in asset:
            return dict(asset)
        upstream = await _fetched(driver, asset, account)
        try:
            size = _size(upstream)
            if size is not None and size > self._max_bytes:
                raise _too_large(self._max_bytes)
            head, body = await peek(_whole(upstream, size), HEAD)
            mime = sniff(head) or _type(upstream, head, asset.get("mime"))
            counted = _Counted(body, self._max_bytes)
            name = await self.save(counted.chunks(), mime)
        finally:
            await upstream.aclose()
        return {**asset, "file": name, "size": counted.length, "mime": mime}

    async def load(
        self, driver: Driver, asset: Mapping[str, Any], account: Account | None, limit: int
    ) -> tuple[bytes, str]:
        """The whole of a result of at most `limit` bytes, and its type.

        Raises as `keep` does.
        """
        if "file" in asset and (path := self.path(asset["file"])):
            if path.stat().st_size > limit:
                raise _too_large(limit)
            data = await self.read(asset["file"])
            return data, sniff(data[:HEAD]) or served_type(asset.get("mime"), b"")
        ...
