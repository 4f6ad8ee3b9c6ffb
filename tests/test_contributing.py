"""CONTRIBUTING's "Add a gateway", followed step by step, ends in a gateway that works."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.harness import ProxyProcess

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text().partition("## Work on Anygate")[0]


class ExampleGateway:
    """The invented gateway of the guide, as it describes it."""

    def __init__(self) -> None:
        self.orders: list[dict[str, object]] = []
        self.polls = 0
        self.url = ""
        self.app = Starlette(
            routes=[
                Route("/render", self.render, methods=["POST"]),
                Route("/render/{job}", self.show),
                Route("/files/{name}", self.file),
            ]
        )

    async def render(self, request: Request) -> Response:
        if request.headers["authorization"] != "Bearer example-key":
            return JSONResponse({"error": "who are you?"}, 401)
        self.orders.append(await request.json())
        return JSONResponse({"job": f"j{len(self.orders)}"})

    async def show(self, request: Request) -> Response:
        self.polls += 1
        if self.polls == 1:
            return JSONResponse({"state": "working", "percent": 40})
        return JSONResponse({"state": "ready", "file": f"{self.url}/files/v.mp4"})

    async def file(self, request: Request) -> Response:
        return Response(b"\0\0\0\x18ftypmp42" + bytes(100), media_type="video/mp4")


@pytest.fixture
def gateway() -> Iterator[ExampleGateway]:
    made = ExampleGateway()
    config = uvicorn.Config(
        made.app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=lambda: asyncio.run(server._serve([listener])))
    thread.start()
    yield made
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code with the guide's two steps carried out."""
    for folder in ("proxy", "translators"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    row = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    lines = re.search(r"```diff\n(.*?)```", GUIDE, re.DOTALL)
    assert row and lines
    (tmp_path / "translators" / "example_gateway.py").write_text(row[1])
    table = tmp_path / "translators" / "__init__.py"
    line = lines[1].removeprefix("+")
    table.write_text(table.read_text().replace("_GATEWAYS = (\n", f"_GATEWAYS = (\n{line}", 1))
    return tmp_path


def test_a_sixth_gateway_takes_a_file_under_80_lines_and_one_line(
    checkout: Path, gateway: ExampleGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = checkout / "translators" / "example_gateway.py"
    assert len(row.read_text().splitlines()) < 80
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    config = {
        "server": {"port": 0},
        "providers": {
            "example": {
                "translator": "example-gateway",
                "api_key": "example-key",
                "base_url": gateway.url,
            }
        },
        "models": {"my-video": "example/fast"},
        "store": "sqlite:jobs.db",
        "jobs": {"poll_min": 0.02, "poll_max": 0.1},
    }
    with ProxyProcess(checkout, config) as proxy, proxy.sdk() as client:
        video = client.videos.create_and_poll(
            model="my-video", prompt="A kite", seconds="8", size="1280x720"
        )
        assert video.status == "completed"
        assert client.videos.download_content(video.id).read().startswith(b"\0\0\0\x18ftyp")
    assert gateway.orders == [{"engine": "fast", "text": "A kite", "length": 10, "shape": "16:9"}]


def test_the_row_of_the_guide_is_typed(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-p", "translators"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
