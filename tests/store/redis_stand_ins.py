"""Servers that stand between a Redis store and its server, or in its place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.store.redis_scripts import Script


@asynccontextmanager
async def stand_in(answer: bytes | None) -> AsyncIterator[str]:
    """A server that gives one answer to everything, or none; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if answer is not None:
                writer.write(answer * data.count(b"*"))  # as many as there are commands
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def cut_then(answer: bytes) -> AsyncIterator[str]:
    """A server that cuts its first connection once a script has come, and gives one answer to all later."""
    cut = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal cut
        while data := await reader.read(65536):
            if not cut and b"EVAL" in data:  # before, the connection is made
                cut = True
                break
            writer.write(answer * data.count(b"*"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def relay(path: str) -> AsyncIterator[tuple[str, list[Script]]]:
    """Passes everything on. Instead of the answer to a script in its list, it cuts the connection."""
    lose: list[Script] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, out = await asyncio.open_unix_connection(path)
        while data := await reader.read(65536):
            out.write(data)
            answer = await upstream.read(65536)
            if lose and lose[0].digest.encode() in data:
                del lose[0]
                writer.transport.abort()
                break
            writer.write(answer)
        out.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", lose
