"""The `anygate` command, run as a user runs it: what it prints, what it exits with, what it sends."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proxy.cli import app
from proxy.sandbox import Sandbox
from tests.harness import Proxy, config_for, write

ROOT = Path(__file__).parent.parent


Done = subprocess.CompletedProcess[str]


def anygate(*words: str, folder: Path, **environ: str) -> Done:
    """Within this process, whose second start for every command would take longer than all that it does."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, words, env={"COLUMNS": "200", **environ})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(words, done.exit_code, done.stdout, done.stderr)


def started(*words: str, folder: Path, **environ: str) -> Done:
    """As a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        timeout=50,
    )


@pytest.fixture
def folder(gateways: Sandbox, tmp_path: Path) -> Path:
    """A folder with a config.yaml in front of the doubles."""
    write(tmp_path, config_for(gateways))
    return tmp_path


def test_a_wrong_configuration_ends_with_2_and_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "providers:\n  onysoft: {translator: onysoft, api_key: sk-ony-12345}\nmodels:\n  sora-2: onisoft/sora-2\n"
    )
    for run, command in ((started, "serve"), (started, "check"), (anygate, "check")):
        done = run(command, folder=tmp_path)
        assert done.returncode == 2
        said = "config.yaml:4: models.sora-2: unknown provider 'onisoft' (did you mean 'onysoft'?)"
        assert done.stderr.strip() == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "server.host"),
        (("--workers", "2"), "memory:"),
        (("--config", "none.yaml"), "none.yaml"),
    ],
)
def test_what_must_not_be_served_ends_with_2(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    config: dict[str, Any] = json.loads((folder / "config.yaml").read_text())
    write(folder, {**config, "store": "memory:"})
    done = started("serve", *words, folder=folder)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_there_is_not_ends_with_2(folder: Path, port: str) -> None:
    done = started("serve", "--port", port, folder=folder)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("check",), ("serve", "--port", "0")])
@pytest.mark.parametrize("query", ["nonsense=abc", "db=abc", "protocol=9"])
def test_a_store_that_there_cannot_be_ends_with_2(
    folder: Path, words: tuple[str, ...], query: str
) -> None:
    config: dict[str, Any] = json.loads((folder / "config.yaml").read_text())
    write(folder, {**config, "store": f"redis://:hunter2secret@127.0.0.1:1/0?{query}"})
    done = started(*words, folder=folder)
    assert done.returncode == 2
    assert "the store's URL cannot be read" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("check",), ("serve", "--port", "0")])
def test_an_open_proxy_without_keys_ends_with_2(folder: Path, words: tuple[str, ...]) -> None:
    config: dict[str, Any] = json.loads((folder / "config.yaml").read_text())
    write(folder, {**config, "server": {"host": "0.0.0.0"}})
    done = started(*words, folder=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("config.yaml: server.host: 0.0.0.0 is open to the network")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("store", ["redis://:hunter2secret@127.0.0.1:1/0", "sqlite:."])
def test_a_store_that_is_away_at_the_start_ends_with_1(
    folder: Path, store: str, workers: str
) -> None:
    config: dict[str, Any] = json.loads((folder / "config.yaml").read_text())
    write(folder, {**config, "store": store})
    done = started("serve", "--port", "0", "--workers", workers, folder=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("the store: ")
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2secret" not in done.stdout + done.stderr


def test_check(folder: Path, gateways: Sandbox) -> None:
    assert anygate("check", folder=folder).returncode == 0
    live = anygate("check", "--live", folder=folder)
    assert live.returncode == 0, live.stdout
    assert "ok (models)" in live.stdout
    gateways["onysoft"].fault("models", status=401, body={"error": {"message": "no such key"}})
    refused = anygate("check", "--live", folder=folder)
    assert refused.returncode == 1
    assert "no such key" in refused.stdout
    for key in gateways.keys.values():
        assert key not in live.stdout + refused.stdout + refused.stderr


def test_check_tells_of_a_media_folder_that_cannot_be_written(folder: Path) -> None:
    (folder / "media").write_text("a file")
    done = anygate("check", folder=folder)
    assert done.returncode == 1
    assert "media.dir" in done.stderr


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"", b"null", b"{}"])
def test_check_tells_of_an_answer_that_is_no_gateways(
    folder: Path, gateways: Sandbox, page: bytes
) -> None:
    """A base_url that lacks its /v1 often leads to a page, under status 200."""
    gateways["openai"].fault("models", body=page, headers={"content-type": "text/html"})
    done = anygate("check", "--live", folder=folder)
    assert done.returncode == 1
    (line,) = [one for one in done.stdout.splitlines() if one.startswith(" openai ")]
    assert "base_url" in line


def test_models(folder: Path, gateways: Sandbox) -> None:
    done = anygate("models", folder=folder)
    lines = done.stdout.splitlines()
    assert "sora-2" in lines
    assert "onysoft/google/imagen4" in lines
    assert not done.stderr
    gateways["openai"].fault("models", status=401)
    done = anygate("models", folder=folder)
    assert "sora-2" in done.stdout.splitlines()
    assert done.stderr == "no list from openai: `anygate check --live` says why\n"


def test_explain_shows_the_native_request_and_sends_nothing(
    folder: Path, gateways: Sandbox
) -> None:
    done = anygate(
        "explain", "sora-gate", "--video", "-p", "seconds=8", "-p", "size=1280x720", folder=folder
    )
    assert done.returncode == 0, done.stderr
    base = gateways.base_urls["ai-gate.one"]
    assert f"POST {base}/video" in done.stdout
    body = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
    assert body == {
        "apiKey": "***",
        "type": "Video",
        "modelName": "Sora2",
        "prompt": "A lighthouse at dawn",
        "durationSec": "10",
        "resolution": "720p",
        "aspectRatio": "16:9",
    }
    assert not gateways["ai-gate.one"].log


def test_explain_masks_a_key_in_the_header(folder: Path, gateways: Sandbox) -> None:
    done = anygate("explain", "gpt-4o-mini", "-p", "temperature=0.5", folder=folder)
    assert "authorization: Bearer ***" in done.stdout
    assert '"temperature": 0.5' in done.stdout
    assert gateways.keys["apiin.one"] not in done.stdout


@pytest.mark.parametrize(
    "words",
    [("nope",), ("sora-gate", "--video", "-p", "seconds=99"), ("flux", "--image", "-p", "x")],
)
def test_explain_says_what_cannot_be(folder: Path, words: tuple[str, ...]) -> None:
    done = anygate("explain", *words, folder=folder)
    assert done.returncode == 1
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_explain_tells_the_price_that_a_budget_is_charged(
    gateways: Sandbox, tmp_path: Path
) -> None:
    prices = {"voice": {"per_request": 0.25}, "sound": {"per_second": 0.01}}
    write(tmp_path, config_for(gateways, providers={"ai-gate-one": {"prices": prices}}))
    done = anygate("explain", "ai-gate-one/voice", "--speech", folder=tmp_path)
    assert "# price: $0.25\n" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("sora-2", "--video", "-p", "n=2"),
        ("kling-shop", "--video", "-p", "response_format=url"),
        ("ai-gate-one/voice", "--speech", "-p", "stream=true"),
    ],
)
def test_explain_refuses_what_the_endpoint_does(proxy: Proxy, words: tuple[str, ...]) -> None:
    model, kind, _, given = words
    name, _, value = given.partition("=")
    asked = {"model": model, "prompt": "A cat", name: value}
    path = "/v1/videos"
    if kind == "--speech":
        asked, path = (
            {"model": model, "input": "Hi", "voice": "alloy", name: True},
            "/v1/audio/speech",
        )
    with proxy.http() as http:
        refused = http.post(path, json=asked).json()["error"]
    done = anygate("explain", *words, folder=proxy.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == refused["message"]


def test_explain_shows_what_a_target_gets_of_what_is_for_the_proxy(proxy: Proxy) -> None:
    own = ("-p", "webhook_url=https://example.com/", "-p", "model=other", "-p", "temperature=1")
    done = anygate("explain", "chat-openai", *own, folder=proxy.folder)
    body = json.loads(done.stdout[done.stdout.index("{") :])
    messages = [{"role": "user", "content": "Hello"}]
    assert body == {"messages": messages, "temperature": 1, "model": "gpt-4o-mini"}
    done = anygate("explain", "openai/tts-1", "--speech", "-p", "seed=7", folder=proxy.folder)
    assert '"seed": 7' in done.stdout  # as JSON has it


@pytest.mark.parametrize(
    "words",
    [("flux", "--image", "-p", "prompt=1984"), ("openai/tts-1", "--speech", "-p", "input=1984")],
)
def test_explain_takes_what_is_asked_for_text(folder: Path, words: tuple[str, ...]) -> None:
    done = anygate("explain", *words, folder=folder)
    assert '"1984"' in done.stdout, done.stderr


def test_the_client_against_a_running_proxy(proxy: Proxy, tmp_path: Path) -> None:
    url = {"ANYGATE_URL": proxy.url}
    said = anygate("chat", "Hello", "-m", "chat-openai", folder=tmp_path, **url)
    assert "Hello" in said.stdout
    made = anygate("image", "A cat", "-m", "flux", "-o", "cat.png", folder=tmp_path, **url)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "cat.png").read_bytes().startswith(b"\x89PNG")
    wrong = anygate("image", "A cat", "-m", "nope", folder=tmp_path, **url)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("model_not_found: ")


def test_the_client_straight_from_the_configuration(folder: Path, gateways: Sandbox) -> None:
    said = anygate("chat", "Hello", "--direct", folder=folder)
    assert "Hello" in said.stdout, said.stderr
    words = ("speech", "Hello", "-m", "ai-gate-one/voice", "-o", "hello.mp3", "--direct")
    made = anygate(*words, folder=folder)
    assert made.returncode == 0, made.stderr
    assert (folder / "hello.mp3").stat().st_size > 1000
    assert len(gateways["ai-gate.one"].submits) == 1


def test_a_job_that_fails_is_told(proxy: Proxy, gateways: Sandbox, tmp_path: Path) -> None:
    gateways["onysoft"].fail_next("no cats today")
    done = anygate("video", "A cat", folder=tmp_path, ANYGATE_URL=proxy.url)
    assert done.returncode == 1
    assert "no cats today" in done.stderr


def test_nobody_there(tmp_path: Path) -> None:
    done = anygate("chat", "Hello", folder=tmp_path, ANYGATE_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("chat", "Hello", "--key", "clé"), 1, "--key must be printable ASCII"),
        (("chat", "Hello", "--key", "a\nb"), 1, "--key must be printable ASCII"),
        (("chat", "Hello", "--url", "http://[bad"), 1, "cannot be reached"),
        (("usage", "--days", "999999999999999999999999"), 2, "--days"),
    ],
)
def test_what_a_client_cannot_send_is_a_line(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = anygate(*words, folder=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
