"""What end-to-end tests of the gateways' wire share: inputs, what a double was sent, jobs at their end."""

from typing import Any

import httpx

from proxy.sandbox.assets import asset
from proxy.sandbox.core import Double
from tests.eventually import eventually

PNG = asset("png", "1:1")
FACE = asset("png", "16:9")
CLIP = asset("mp4")
# Nobody's: the doubles believe every address that is not on this machine.
A, B = "https://example.com/a.png", "https://example.com/b.png"
VIDEO = "https://example.com/clip.mp4"


def png(name: str = "a.png", data: bytes = PNG) -> tuple[str, bytes, str]:
    return name, data, "image/png"


def sent(double: Double) -> Any:
    """The body of the last paid request; of its callback, which has a secret in it, it is said elsewhere."""
    body = dict(double.submits[-1].body)
    body.pop("callback_url", None)
    return body


def ended(http: httpx.Client, job: str) -> Any:
    """The job as it ended."""

    def look() -> Any:
        shown = http.get(f"/v1/jobs/{job}").json()
        return shown if shown["status"] in ("completed", "failed") else None

    return eventually(look)


def posted(http: httpx.Client, path: str, **body: Any) -> httpx.Response:
    """The answer to a request that must be taken."""
    answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text[:400]
    return answer


def refused(http: httpx.Client, path: str, **body: Any) -> tuple[str, str | None]:
    """The code and param of a 400, with which the gateway was not bothered."""
    answer = http.post(path, json=body)
    assert answer.status_code == 400, answer.text[:400]
    error = answer.json()["error"]
    return error["code"], error["param"]
