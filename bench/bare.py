"""uvicorn and Starlette alone, answering a chat request by themselves: `python -m bench.bare PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.upstream import WHOLE


async def chat(request: Request) -> Response:
    await request.body()
    return Response(WHOLE, media_type="application/json")


app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, ws="none")
