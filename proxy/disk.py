"""Files on disk without ever blocking the event loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, TypeVar

from proxy.errors import ApiError, Lost
from proxy.ranges import (
    Span,
)
from proxy.sniff import HEAD

BLOCK: Final = 1 << 18  # bytes in memory at a time, for each file on its way
P = ParamSpec("P")


T = TypeVar("T")


async def blocks(data: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Not every packet is worth a thread: small chunks are written together."""
    if isinstance(data, bytes):
        yield data
        return
    block = bytearray()
    async for chunk in data:
        block += chunk
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


async def read_span(file: BinaryIO, span: Span) -> AsyncIterator[bytes]:
    left = span.length
    await asyncio.to_thread(file.seek, span.start)
    while left:
        chunk = await asyncio.to_thread(file.read, min(BLOCK, left))
        if not chunk:
            raise Lost("the file is shorter than it was")
        left -= len(chunk)
        yield chunk


def open_file(path: Path) -> tuple[BinaryIO, os.stat_result, bytes]:
    file = path.open("rb")
    return file, os.fstat(file.fileno()), file.read(HEAD)


def unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


async def on_disk(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except OSError as exc:
        message = "The media folder cannot be written."
        raise ApiError(503, "server_error", "store_unavailable", message) from exc
