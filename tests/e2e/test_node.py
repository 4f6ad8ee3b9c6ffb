"""OpenAI's Node SDK against the proxy, where node, npm and npm's registry are at hand."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from proxy.sandbox import Sandbox
from tests.harness import config_for, proxy_in_thread

SCRIPT = Path(__file__).parent / "node" / "check.mjs"
PACKAGE = "openai@>=5"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anygate-tests" / "node"


def installed() -> Path:
    """The folder `node_modules` with the SDK, installed once for all runs; skips where that cannot be."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    place = CACHE / "node_modules"
    if (place / "openai" / "package.json").is_file():
        return place
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        command = [
            "npm",
            "install",
            "--prefix",
            folder,
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]
        command += ["--fetch-retries=0", "--fetch-timeout=20000", PACKAGE]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folder)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
            said = (exc.stderr or b"").decode(errors="replace").strip()
            pytest.skip(f"npm could not install {PACKAGE}: {said.partition(chr(10))[0][:200]}")
        if not place.exists():
            CACHE.mkdir(exist_ok=True)
            (Path(folder) / "node_modules").rename(place)
    return place


@pytest.mark.timeout(150)
def test_the_node_sdk(gateways: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(installed())
    script = shutil.copy(SCRIPT, tmp_path)
    gateways["aigate.shop"].fault(
        "chat", times=None, error_after=2, match=lambda seen: seen.body["model"] == "deepseek/chat"
    )
    gateways["aigate.shop"].models["deepseek/chat"] = "chat"  # type: ignore[attr-defined]
    config = config_for(gateways, models={"broken": "aigate-shop/deepseek/chat"})
    environment = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    with proxy_in_thread(tmp_path, config) as proxy:
        done = subprocess.run(
            ["node", script, proxy.url + "/v1"],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 11
