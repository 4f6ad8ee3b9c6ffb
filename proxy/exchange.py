"""What one request carries with it from the edge to its endpoint and into the log."""

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import Request

from proxy.auth import ANONYMOUS, Client

if TYPE_CHECKING:
    from proxy.limits import Place
    from proxy.service import Service
    from proxy.tally import Tally


@dataclass(slots=True)
class Exchange:
    """One request. `headers`: of its answer, whatever that turns out to be; `delivers`: the id of the job
    whose outcome that answer tells; `tally`: of a request that passes through; `place`: among those of its
    client that are under way, where they are limited."""

    service: "Service"
    id: str = field(default_factory=lambda: "req_" + secrets.token_hex(12))
    started: float = field(default_factory=time.monotonic)
    client: Client = ANONYMOUS
    endpoint: str = "other"
    provider: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delivers: str | None = None
    route: str = ""
    tally: "Tally | None" = None
    place: "Place | None" = None

    @property
    def age(self) -> float:
        """Seconds since the request came."""
        return time.monotonic() - self.started

    def answered_by(self, provider: str, target: str, dropped: tuple[str, ...] = ()) -> None:
        """Note which target answers; what it could not take is named to the client."""
        self.provider = provider
        self.target = target
        self.headers["x-anygate-provider"] = provider
        self.headers["x-anygate-model"] = target.partition("/")[2]
        if dropped:
            self.headers["x-anygate-dropped"] = ",".join(dropped)
        else:
            self.headers.pop("x-anygate-dropped", None)

    def costs(self, usd: float | None) -> None:
        """Tell the client, where it is known."""
        if usd is not None:
            self.headers["x-anygate-cost"] = f"{usd:.6f}".rstrip("0").rstrip(".")


def exchange_of(request: Request) -> Exchange:
    exchange = request.scope["anygate"]
    assert isinstance(exchange, Exchange)
    return exchange
