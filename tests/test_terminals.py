"""The `anygate` command where it is run: in a pipe, a terminal of another encoding, behind a company's proxy."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread, write
from tests.test_commands import anygate, started

NOWHERE = "http://127.0.0.1:1"
CLIENT_KEY = "sk-terminal-123456"
LONG = "a-model-of-" + "a-name-" * 12 + "that-no-terminal-holds"


def test_a_table_in_a_pipe_is_whole(gateways: Sandbox, tmp_path: Path) -> None:
    models = {LONG: ["openai/gpt-4o-mini", "onysoft/gpt-4o-mini"]}
    with (
        proxy_in_thread(tmp_path, config_for(gateways, models=models)) as proxy,
        proxy.http() as http,
    ):
        assert http.post(CHAT, json=body(LONG)).status_code == 200
    done = started("usage", "--by", "day,key,route,provider,kind", folder=tmp_path, COLUMNS="80")
    (line,) = [one for one in done.stdout.splitlines() if LONG in one]
    assert line.split()[-1] == "0.000000"
    assert "…" not in done.stdout
    with ProxyProcess(tmp_path, config_for(gateways, models=models)):
        (line,) = [one for one in said(tmp_path).splitlines() if LONG in one]
    assert line.split()[1:] == ["openai/gpt-4o-mini", "→", "onysoft/gpt-4o-mini"]


def said(folder: Path) -> str:
    return (folder / "proxy.log").read_text(errors="replace")


@pytest.mark.parametrize("name", ["gpt[free]", "gpt[/free]"])
def test_a_name_in_brackets_is_a_name(gateways: Sandbox, tmp_path: Path, name: str) -> None:
    with ProxyProcess(tmp_path, config_for(gateways, models={name: "openai/gpt-4o-mini"})):
        assert f" {name} " in said(tmp_path)


def test_a_terminal_that_knows_no_arrows(
    gateways: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    with ProxyProcess(tmp_path, config_for(gateways, models={"m": ["openai/x", "onysoft/x"]})):
        assert "openai/x ? onysoft/x" in said(tmp_path)


def test_an_answer_that_the_terminal_cannot_show(proxy: Proxy, tmp_path: Path) -> None:
    asked = ("chat", "Привет, Anygate", "-m", "chat-openai")
    done = started(*asked, folder=tmp_path, ANYGATE_URL=proxy.url, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "??????, Anygate" in done.stdout


@pytest.mark.parametrize("words", [("-",), (os.fsdecode(b"caf\xe9"),), ("Hello", "-p", "x=\udce9")])
def test_what_is_no_text_is_a_line(proxy: Proxy, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "chat", *words],
        cwd=tmp_path,
        env={**os.environ, "ANYGATE_URL": proxy.url, "PYTHONUTF8": "1"},
        input=b"caf\xe9",
        capture_output=True,
        timeout=50,
    )
    assert done.returncode == 1
    assert done.stderr.decode() == "what is asked must be UTF-8 text\n"


def test_a_companys_proxy_knows_nothing_of_this_machine(proxy: Proxy, tmp_path: Path) -> None:
    elsewhere = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), NOWHERE)
    unset = dict.fromkeys(("NO_PROXY", "no_proxy"), "")
    done = started("chat", "Hello", folder=tmp_path, ANYGATE_URL=proxy.url, **elsewhere, **unset)
    assert "Hello" in done.stdout, done.stderr


def keyed(gateways: Sandbox, **sections: Any) -> dict[str, Any]:
    """As `anygate keys new` has it: the configuration knows the digest alone."""
    digest = hashlib.sha256(CLIENT_KEY.encode()).hexdigest()
    return config_for(gateways, keys=[{"name": "web", "key": f"sha256:{digest}"}], **sections)


def test_straight_from_a_configuration_of_digests(gateways: Sandbox, tmp_path: Path) -> None:
    write(tmp_path, keyed(gateways))
    done = anygate("chat", "Hello", "--direct", "--key", CLIENT_KEY, folder=tmp_path)
    assert "Hello" in done.stdout, done.stderr
    done = anygate("chat", "Hello", "--direct", folder=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--key" in done.stderr


def test_straight_beside_the_key_of_another_proxy(gateways: Sandbox, tmp_path: Path) -> None:
    """ANYGATE_KEY belongs to ANYGATE_URL, of which --direct asks nothing."""
    write(tmp_path, config_for(gateways, keys=[{"name": "web", "key": CLIENT_KEY}]))
    elsewhere = {"ANYGATE_URL": NOWHERE, "ANYGATE_KEY": "sk-of-another-proxy"}
    done = anygate("chat", "Hello", "--direct", folder=tmp_path, **elsewhere)
    assert "Hello" in done.stdout, done.stderr


def test_straight_with_a_store_that_is_away(gateways: Sandbox, tmp_path: Path) -> None:
    write(tmp_path, config_for(gateways, store="redis://127.0.0.1:1/0"))
    done = anygate("chat", "Hello", "--direct", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("the store: ")
    assert len(done.stderr.splitlines()) == 1


def test_straight_from_a_wrong_configuration_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps({"providres": {}}))
    done = anygate("chat", "Hello", "--direct", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("config.yaml:1: providres: unknown key")
