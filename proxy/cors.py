"""What a browser wants to be told before a web page may ask, and may read what it is answered.

CORS: https://fetch.spec.whatwg.org/#http-cors-protocol. `Gate.check_page` has said by then which page is let in:
with client keys any, for it must have one, and without them those of this machine alone. A browser adds no
credentials of its own ("*" forbids them), so that no page asks with what it does not have.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

READABLE: Final[Mapping[str, str]] = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
}
API: Final = "/v1/"  # what pages may read; not the metrics, which have no client key
_ASKED: Final = "access-control-request-"
_LONGEST: Final = "7200"  # seconds that a browser may remember it: Chrome's limit


def is_preflight(request: Request) -> bool:
    """Whether a browser asks if a page may ask."""
    headers = request.headers
    asks = request.method == "OPTIONS" and "origin" in headers and f"{_ASKED}method" in headers
    return asks and request.scope["path"].startswith(API)


def allowed(request: Request, methods: Iterable[str]) -> Response:
    """The answer to that: by these methods, with whatever headers (an SDK has dozens)."""
    told = {
        "access-control-allow-methods": ", ".join(methods),
        "access-control-max-age": _LONGEST,
    }
    if names := request.headers.get(f"{_ASKED}headers"):
        told["access-control-allow-headers"] = names
    if f"{_ASKED}private-network" in request.headers:
        told["access-control-allow-private-network"] = "true"
    return Response(status_code=204, headers=told)
