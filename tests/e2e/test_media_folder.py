"""A media folder that cannot be written: told before anything is ordered that nobody could keep."""

from pathlib import Path

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import config_for, proxy_in_thread

PICTURE = {"model": "openai/gpt-image-1", "prompt": "A lighthouse"}


def test_what_could_not_be_kept_is_not_ordered(gateways: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.write_text("a file")
    with proxy_in_thread(tmp_path, config_for(gateways)) as proxy, proxy.http() as http:
        told = {"status": "ready", "media": "unwritable"}
        eventually(lambda: http.get("/readyz").json() == told)
        refused = http.post("/v1/images/generations", json=PICTURE)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "store_unavailable"
        assert "x-should-retry" not in refused.headers
        assert http.post("/v1/jobs/image", json=PICTURE).status_code == 503
        chat = {"model": "chat-openai", "messages": [{"role": "user", "content": "Hi"}]}
        assert http.post("/v1/chat/completions", json=chat).status_code == 200
        assert gateways["openai"].seen("submit") == []
        folder.unlink()
        eventually(lambda: http.get("/readyz").json() == {"status": "ready"})
        assert http.post("/v1/images/generations", json=PICTURE).status_code == 200
