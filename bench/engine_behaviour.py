"""What an engine does when things go wrong: cancellation, timeouts, cuts, proxies."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bench.engine_client import AS_IT_IS, Engine

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n"
_SHORT = 0.4  # seconds of read timeout
_SEQUENCE = 1000

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def behaviour(engine: Engine) -> dict[str, Any]:
    return {
        "connections": await _connections(engine),
        "first": await _first(engine),
        "closed": await _left(engine, cancelled=False),
        "cancelled": await _left(engine, cancelled=True),
        "silent": await _timeout(engine, b""),
        "stalled": await _timeout(engine, _HEAD + b"x"),
        "refused": await _refused(engine),
        "unanswered": await _cut(engine, b""),
        "cut": await _cut(engine, _HEAD + b"x"),
        "proxy": await _proxy(engine),
    }


async def _connections(engine: Engine) -> int:
    """How many a thousand requests one after the other take."""
    before = (await engine.seen())["connections"]
    for _ in range(_SEQUENCE):
        await engine.whole()
    return (await engine.seen())["connections"] - before - 1  # that of asking


async def _first(engine: Engine) -> float:
    """ms to the first of 10 chunks that the gateway sends 100 ms apart, from the transport as it is."""
    os.environ[AS_IT_IS] = "1"
    fresh = type(engine)(engine.name, engine.url.port or 0)
    del os.environ[AS_IT_IS]
    began = time.perf_counter()
    answer = await fresh.stream(10, 100)
    await anext(aiter(answer.stream))  # type: ignore[arg-type]
    took = (time.perf_counter() - began) * 1000
    await answer.aclose()
    await fresh.transport.aclose()
    return took


async def _left(engine: Engine, *, cancelled: bool) -> float | None:
    """ms until the gateway sees that a stream was left: closed, or its reader cancelled; None: not in 2 s."""
    before = (await engine.seen())["left"]
    answer = await engine.stream(10_000, 20)
    pieces = aiter(answer.stream)  # type: ignore[arg-type]
    await anext(pieces)
    began = time.perf_counter()
    if cancelled:
        reading = asyncio.ensure_future(_read(answer, pieces))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    else:
        await answer.aclose()
    while (await engine.seen())["left"] == before:
        if time.perf_counter() > began + 2:
            return None
        await asyncio.sleep(0.005)
    return (time.perf_counter() - began) * 1000


async def _read(answer: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
    try:
        async for _ in pieces:
            pass
    finally:
        await answer.aclose()


async def _timeout(engine: Engine, begun: bytes) -> str:
    """What a read timeout raises, and whether it comes when it should."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(begun)
        await reader.read()  # until the other side has gone
        writer.close()

    async with _server(talk) as port:
        began = time.perf_counter()
        raised = await _raised(engine, port, read=_SHORT)
        took = time.perf_counter() - began
    return raised if _SHORT * 0.9 <= took <= _SHORT * 2.5 else f"{raised} after {took:.1f} s"


async def _refused(engine: Engine) -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return await _raised(engine, port)


async def _cut(engine: Engine, begun: bytes) -> str:
    """What a connection raises that is closed after the request was sent: it may have been taken."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(begun)
        writer.close()

    async with _server(talk) as port:
        return await _raised(engine, port)


async def _proxy(engine: Engine) -> bool:
    """Whether the transport by itself goes through the proxy that the environment names."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with _server(talk) as port:
        os.environ["http_proxy"] = f"http://127.0.0.1:{port}"
        try:
            fresh = type(engine)(engine.name, 9)
            url = httpx.URL("http://gateway.invalid/v1")
            answer = await fresh.send(b"{}", url, connect=2.0, read=2.0)
            await answer.aclose()
            await fresh.transport.aclose()
        except (httpx.HTTPError, OSError):
            pass
        finally:
            del os.environ["http_proxy"]
    return bool(asked) and b"http://gateway.invalid/v1" in asked[0].partition(b"\r\n")[0]


async def _raised(engine: Engine, port: int, **timeout: float) -> str:
    """The class of what a request there raises."""
    try:
        async with asyncio.timeout(5):
            url = httpx.URL(f"http://127.0.0.1:{port}/v1")
            answer = await engine.send(b"{}", url, **timeout)
            try:
                async for _ in answer.stream:  # type: ignore[union-attr]
                    pass
            finally:
                await answer.aclose()
    except TimeoutError:
        return "nothing in 5 s"
    except Exception as exc:  # whatever it is, is the answer
        return type(exc).__name__
    return "nothing"


@asynccontextmanager
async def _server(talk: Talk) -> AsyncIterator[int]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
