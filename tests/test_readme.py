"""Every command and example of the README, run against a sandbox of its own as a reader would."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from proxy.config import parse
from translators import TRANSLATORS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    """The shell's lines, without comments; lines of `.env` are none."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    found = [shlex.join(shlex.split(line, comments=True)) for line in lines]
    return [one for one in found if one and not re.match(r"[A-Z_]+=", one)]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`anygate serve --sandbox` in an empty folder: its URL, and the folder."""
    folder = tmp_path_factory.mktemp("sandbox")
    log = folder / "log"
    with log.open("wb") as out:
        served = subprocess.Popen(
            [sys.executable, "-m", "proxy", "serve", "--sandbox", "--port", "0"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=out,
        )
    try:
        yield announced(log), folder
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(30)


def announced(log: Path) -> str:
    for _ in range(2000):
        said = log.read_text()
        if " at http://" in said:
            url = "http://" + said.partition(" at http://")[2].split("/")[0].strip()
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url + "/readyz", trust_env=False).status_code == 200:
                    return url
        time.sleep(0.01)
    raise AssertionError(log.read_text())


def run(command: str, sandbox: tuple[str, Path]) -> str:
    url, folder = sandbox
    done = subprocess.run(
        command.replace("http://127.0.0.1:8080", url),
        shell=True,
        cwd=folder,
        env={**os.environ, "ANYGATE_URL": url, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("curl")])
def test_curl(command: str, sandbox: tuple[str, Path]) -> None:
    assert '"object":"chat.completion"' in run(command, sandbox)


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("anygate")])
def test_the_command(command: str, sandbox: tuple[str, Path]) -> None:
    config = " --config .sandbox/config.yaml" if command.startswith("anygate explain") else ""
    assert run(command + config, sandbox).strip()


def test_make_is_all_else_that_the_readme_runs() -> None:
    rest = [one for one in commands() if not one.startswith(("curl", "anygate"))]
    assert rest == ["make run", "make test"]
    targets = (ROOT / "Makefile").read_text()
    assert "\nrun: " in targets
    assert "\ntest: " in targets


@pytest.mark.parametrize("example", blocks("python"))
def test_the_example(example: str, sandbox: tuple[str, Path]) -> None:
    url, folder = sandbox
    script = folder / "example.py"
    script.write_text(example.replace("http://127.0.0.1:8080", url))
    run(f"{sys.executable} -W ignore {script}", sandbox)
    assert (folder / "lighthouse.mp4").read_bytes()[4:8] == b"ftyp"
    assert (folder / "hello.mp3").stat().st_size > 1000


@pytest.mark.parametrize("example", blocks("yaml"))
def test_the_configuration(example: str) -> None:
    environ = {
        "APIIN_API_KEY": "aio_123456",
        "ONYSOFT_API_KEY": "sk-ony-123456",
        "WEB_KEY": "sk-123456",
    }
    assert parse(example, "config.yaml", environ, TRANSLATORS).models


def test_the_shipped_configuration() -> None:
    text = (ROOT / "config.yaml").read_text()
    assert parse(text, "config.yaml", {}, TRANSLATORS).models
