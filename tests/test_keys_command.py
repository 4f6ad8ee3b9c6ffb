"""`anygate keys new`: what it prints is a key that the configuration lets in."""

import base64
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from proxy.auth import Gate
from proxy.cli import app
from proxy.config import load
from translators import TRANSLATORS

RUN = CliRunner()


def printed(*arguments: str) -> tuple[str, str]:
    done = RUN.invoke(app, ["keys", "new", *arguments])
    assert done.exit_code == 0, done.output
    key, line = done.stdout.splitlines()
    return key, line


def test_a_key_is_random_and_long() -> None:
    keys = {printed()[0] for _ in range(20)}
    assert len(keys) == 20
    for key in keys:
        assert len(base64.urlsafe_b64decode(key.removeprefix("sk-anygate-"))) * 8 == 192


@pytest.mark.parametrize("name", ["web", "yes", 'a "b": {c}', "${HOME}", "1", "ключ 🔑"])
def test_the_line_lets_the_key_in(tmp_path: Path, name: str) -> None:
    key, line = printed(name)
    path = tmp_path / "config.yaml"
    provider = "providers: {one: {translator: openai, api_key: none}}"
    path.write_text(f"{provider}\nkeys:\n  {line}\n", encoding="utf-8")
    config = load(path, environ={}, rows=TRANSLATORS)
    assert Gate(config).client({b"authorization": f"Bearer {key}".encode()}).name == name


def test_the_line_holds_no_key() -> None:
    key, line = printed("web")
    assert key not in line
    assert yaml.safe_load(line) == [
        {"name": "web", "key": f"sha256:{sha256(key.encode()).hexdigest()}"}
    ]


def test_a_name_is_not_empty() -> None:
    assert RUN.invoke(app, ["keys", "new", " "]).exit_code == 2
