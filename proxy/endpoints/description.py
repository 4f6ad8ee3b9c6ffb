"""GET /openapi.json: what this proxy takes and answers, as OpenAPI."""

from functools import cache

import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.description import description
from proxy.service import exchange_of


async def described(request: Request) -> Response:
    """Without a key: nothing in it is of this installation but whether clients need one."""
    exchange = exchange_of(request)
    keys = exchange.service.runtime.config.keys is not None
    return Response(_written(keys=keys), media_type="application/json")


@cache
def _written(*, keys: bool) -> bytes:
    return orjson.dumps(description(keys=keys))
