"""Steering a double that runs in another process, over its own port.

POST /_control/fault   {"on": "poll", "times": 3, "status": 503}, or a list of such
POST /_control/set     {"timing": 0, "ready_after_polls": 2, "variants": [...], "key": ...}
POST /_control/fail    {"message": "...", "moderation": false}: Double.fail_next
POST /_control/finish  {"task_id": "..."}; also /hold and /fail_task (with message)
POST /_control/release ends every wait; /_control/clear forgets the rules; /_control/reset all
GET  /_control/log     {"log": [...], "tasks": [...], "faults": n}
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from .core import Double
from .faults import Fault
from .tasks import shortened


def steered(double: Double) -> Starlette:
    """Return a double with its control routes."""

    async def act(request: Request) -> Response:
        raw = await request.body()
        try:
            done = _act(double, request.path_params["action"], orjson.loads(raw) if raw else {})
        except (ValueError, TypeError, KeyError) as exc:
            return Response(f"{type(exc).__name__}: {exc}\n", 400, media_type="text/plain")
        return Response(status_code=204 if done else 404)

    async def log(request: Request) -> Response:
        body = {
            "log": [asdict(seen) for seen in double.log],
            "tasks": [asdict(task) | {"state": task.state} for task in double.tasks.values()],
            "faults": len(double.faults),
        }
        return Response(orjson.dumps(shortened(body, 2000)), media_type="application/json")

    return Starlette(
        routes=[
            Route("/_control/log", log, methods=["GET"]),
            Route("/_control/{action}", act, methods=["POST"]),
            Mount("/", double),
        ]
    )


def _act(double: Double, action: str, body: Any) -> bool:
    simple = {"release": double.release, "clear": double.clear, "reset": double.reset}
    if action == "fault":
        for rule in [Fault.from_json(one) for one in (body if isinstance(body, list) else [body])]:
            double.add_fault(rule)
    elif action == "set":
        double.configure(body)
    elif action == "fail":
        double.fail_next(**body)
    elif action in ("finish", "hold", "fail_task"):
        {"finish": double.finish, "hold": double.hold, "fail_task": double.fail}[action](**body)
    elif action in simple:
        simple[action]()
    else:
        return False
    return True
