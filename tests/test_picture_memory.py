"""What a picture costs in memory while it is made into JSON."""

import tracemalloc
from typing import Any

import pytest
from starlette.requests import Request

from proxy.endpoints import images
from proxy.exchange import Exchange
from proxy.store.base import Entry
from tests.jobs import changes

_SIZE = 6_000_000  # bytes, of which base64 makes a third more


async def test_a_picture_is_not_held_beside_what_is_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def loaded(*_: Any, **__: Any) -> tuple[bytes, str]:
        return bytes(_SIZE), "image/png"

    monkeypatch.setattr(images, "_loaded", loaded)
    done = Entry(state="completed", assets=[{"role": "content", "file": "k_1.png"}])
    request = Request({"type": "http", "anygate": Exchange()})
    tracemalloc.start()
    try:
        made = await images._images(request, changes.job().but(tasks=[done]), "b64_json")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(made) == 1
    assert peak < _SIZE * 3.5  # 3.0: its base64, and that in quotes; 4.0 with the bytes themselves
