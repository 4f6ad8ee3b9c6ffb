"""`anygate serve --sandbox`, several in one folder and on other addresses than the usual one."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from proxy.config import Config, ConfigError, load
from proxy.listening import bind, url_at
from proxy.sandbox.assets import asset
from proxy.sandboxed import gateways
from tests.eventually import eventually
from translators import TRANSLATORS

ROOT = Path(__file__).parent.parent
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


@contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """`anygate serve --sandbox` in that folder: its URL."""
    log = folder / "log"
    command = [sys.executable, "-m", "proxy", "serve", "--sandbox", "--port", "0", *words]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=ENVIRON, stdout=out, stderr=out)
    try:
        eventually(lambda: "is ready" in log.read_text() or process.poll() is not None)
        said = log.read_text()
        assert process.poll() is None, said
        yield "http://" + said.partition(" at http://")[2].partition("/v1")[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def read(path: Path) -> Config:
    return load(path, rows=TRANSLATORS)


def test_two_in_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    """Jobs, files and doubles are each one's own, and the first to come afterwards finds the first's again."""
    with gateways(tmp_path, "http://127.0.0.1:1") as first:
        before = first.read_text()
        with gateways(tmp_path, "http://127.0.0.1:2") as second:
            assert first.read_text() == before
            one, other = read(first), read(second)
    assert one.store != other.store
    assert one.media.dir != other.media.dir
    assert not {p.base_url for p in one.providers.values()} & {
        p.base_url for p in other.providers.values()
    }
    assert (one.server.public_url, other.server.public_url) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
    )
    with gateways(tmp_path, "http://127.0.0.1:3") as again:
        assert again == first
        assert read(again).providers == one.providers  # whose tasks the doubles still know


@pytest.mark.slow
def test_one_that_cannot_start_leaves_the_running_one_alone(tmp_path: Path) -> None:
    with served(tmp_path) as url, httpx.Client(base_url=url, trust_env=False) as http:
        files = {one: one.read_bytes() for one in (tmp_path / ".sandbox").rglob("*.yaml")}
        command = [sys.executable, "-m", "proxy", "serve", "--sandbox", "--port"]
        second = subprocess.run(
            [*command, url.rpartition(":")[2]],
            cwd=tmp_path,
            env=ENVIRON,
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert second.returncode == 2
        assert "cannot be listened on" in second.stderr
        assert {one: one.read_bytes() for one in (tmp_path / ".sandbox").rglob("*.yaml")} == files
        chat = {"messages": [{"role": "user", "content": "Hello"}]}
        assert http.post("/v1/chat/completions", json=chat).status_code == 200


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6(tmp_path: Path, host: str) -> None:
    """The doubles fetch uploads from there, too."""
    with served(tmp_path, "--host", host) as url, httpx.Client(base_url=url) as http:
        assert url.startswith("http://[::1]:")
        picture = {"image": ("a.png", asset("png"), "image/png")}
        asked = {"prompt": "A lighthouse", "model": "flux"}
        answer = http.post("/v1/images/edits", data=asked, files=picture, timeout=30)
        assert answer.status_code == 200, answer.text


def test_an_address_is_had_by_one_alone() -> None:
    """From the moment it is bound, before anybody is served."""
    with bind("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        assert url_at(listener) == f"http://{host}:{port}"
        with pytest.raises(ConfigError, match="cannot be listened on"):
            bind(host, port)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    own = gateways(tmp_path / "taken", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="the sandbox cannot be kept there"), own:
        raise AssertionError
