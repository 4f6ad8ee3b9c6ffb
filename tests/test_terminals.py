"""The `anygate` command where it is run: in a pipe, a terminal of another encoding, behind a company's proxy."""

from pathlib import Path

import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread
from tests.test_commands import anygate

LONG = "a-model-of-" + "a-name-" * 12 + "that-no-terminal-holds"


def test_a_table_in_a_pipe_is_whole(gateways: Sandbox, tmp_path: Path) -> None:
    models = {LONG: ["openai/gpt-4o-mini", "onysoft/gpt-4o-mini"]}
    with (
        proxy_in_thread(tmp_path, config_for(gateways, models=models)) as proxy,
        proxy.http() as http,
    ):
        assert http.post(CHAT, json=body(LONG)).status_code == 200
    done = anygate("usage", "--by", "day,key,route,provider,kind", folder=tmp_path, COLUMNS="80")
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
    done = anygate(*asked, folder=tmp_path, ANYGATE_URL=proxy.url, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "??????, Anygate" in done.stdout
