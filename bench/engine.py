"""One client engine at one task: `python -m bench.engine ENGINE TASK PORT` prints JSON.

Run in an environment that has all engines (see `bench.engines`).
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from bench.engine_behaviour import behaviour
from bench.engine_client import Engine

AT_ONCE, STREAMS, CHUNKS, IDLE = 64, 200, 100, 500


async def plain(engine: Engine) -> dict[str, float]:
    """µs of CPU a request, 64 at once."""
    await _times(engine, 300)
    number = int(os.environ.get("BENCH_REQUESTS", "6000"))
    cpu, wall = time.process_time(), time.perf_counter()
    await _times(engine, number)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / number * 1e6, "rate": number / wall, "memory": _memory() / 1e6}


async def _times(engine: Engine, number: int) -> None:
    left = iter(range(number))

    async def one_after_the_other() -> None:
        for _ in left:
            await engine.whole()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def streams(engine: Engine) -> dict[str, float]:
    """µs of CPU a chunk, 200 streams at once of 100 chunks 20 ms apart."""
    await engine.whole()

    async def read() -> int:
        answer = await engine.stream(CHUNKS, 20)
        number = 0
        async for piece in answer.stream:  # type: ignore[union-attr]
            number += piece.count(b"data: {")
        await answer.aclose()
        return number

    cpu = time.process_time()
    chunks = sum(await asyncio.gather(*(read() for _ in range(STREAMS))))
    cpu = time.process_time() - cpu
    assert chunks == STREAMS * (CHUNKS + 1), f"{chunks} chunks"
    return {"cpu": cpu / chunks * 1e6, "memory": _memory() / 1e6}


async def idle(engine: Engine) -> dict[str, float]:
    """KB of memory of each of 500 streams that are open and silent."""
    await engine.whole()
    before = _memory()
    answers = [await engine.stream(100, 600_000) for _ in range(IDLE)]
    readers = [aiter(one.stream) for one in answers]  # type: ignore[arg-type]
    for one in readers:
        await anext(one)
    each = (_memory() - before) / IDLE / 1000
    for answer in answers:
        await answer.aclose()
    return {"each": each}


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def run(name: str, task: str, port: int) -> dict[str, Any]:
    tasks: dict[str, Callable[[Engine], Coroutine[Any, Any, dict[str, Any]]]] = {
        "plain": plain,
        "tls": plain,
        "streams": streams,
        "idle": idle,
        "behaviour": behaviour,
    }
    engine = Engine(name, port, tls=task == "tls")
    try:
        return await tasks[task](engine)
    finally:
        await engine.transport.aclose()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
