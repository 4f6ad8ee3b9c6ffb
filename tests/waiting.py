"""Jobs that a test wants finished before it begins."""

from tests.eventually import eventually
from tests.harness import Proxy


def finished_video(proxy: Proxy) -> str:
    """The id of a finished video of the double that is OpenAI's."""
    with proxy.http() as http:
        made = http.post("/v1/videos", json={"model": "openai/sora-2", "prompt": "A cat"})
        assert made.status_code == 200, made.text
        place = f"/v1/videos/{made.json()['id']}"
        eventually(lambda: http.get(place).json()["status"] == "completed", timeout=10)
    return str(made.json()["id"])
