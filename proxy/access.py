"""The access log: one line of JSON a request on stderr, written a few times a second for all of them.

It goes past `logging`, which takes several times as long for a line as all that is in it, and writes each by
itself. What level it has is still the logger's, `anygate.access`.
"""

import asyncio
import logging
import sys
import time
from typing import Any

import orjson
from starlette.types import Scope

from proxy.exchange import Exchange
from proxy.redact import Redactor
from translators.core import Source

log = logging.getLogger("anygate.access")

_EVERY = 0.1  # seconds
_MANY = 500  # lines that are written at once rather than kept for so long


class AccessLog:
    """What one worker has to write."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self, scope: Scope, exchange: Exchange, status: int, seconds: float, redactor: Redactor
    ) -> None:
        """A request has ended. `seconds`: since it came."""
        if not log.isEnabledFor(logging.INFO):
            return
        self._lines.append(_line(scope, exchange, status, seconds, redactor))
        if len(self._lines) >= _MANY:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_EVERY, self.flush)

    def flush(self) -> None:
        """Write what there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            try:
                sys.stderr.write(b"".join(lines).decode())
                sys.stderr.flush()
            except (OSError, ValueError):  # nobody reads it any more: requests go on
                return


def _line(
    scope: Scope, exchange: Exchange, status: int, seconds: float, redactor: Redactor
) -> bytes:
    tally = exchange.tally
    first, headers = exchange.first_byte, exchange.headers
    line: dict[str, Any] = {
        "time": round(time.time(), 3),
        "id": exchange.id,
        "method": scope["method"],
        "endpoint": exchange.endpoint,
        "key": exchange.client.name,
        "route": exchange.route,
        "target": exchange.target,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "first_byte_ms": None if first is None else round(first * 1000, 1),
        "prompt_tokens": tally and tally.prompt_tokens,
        "completion_tokens": tally and tally.completion_tokens,
        "cost_usd": tally.cost if tally else None,
        "job": headers.get("x-anygate-job"),
    }
    if exchange.asked is not None:
        passed = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
        said = orjson.dumps(exchange.asked, default=_shown, option=passed).decode()
        line["request"] = orjson.Fragment(redactor.text(said))
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _shown(value: Any) -> str:
    if isinstance(value, Source):
        return value.url or f"<{value.mime}, {len(value.data or b'')} bytes>"
    return str(value)
