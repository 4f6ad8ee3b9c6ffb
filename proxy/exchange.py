"""What one request carries with it from the edge into log, metrics, limits and traces."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import getrandbits
from typing import Any

from starlette.requests import Request

from proxy.auth import ANONYMOUS, Client
from proxy.place import Place
from proxy.store.document import Job
from proxy.tally import Tally


@dataclass(slots=True)
class Exchange:
    """One request.

    `given`: its headers, named in lower case; `headers`: of its answer, whatever that turns out to be;
    `delivers`: the job whose outcome that answer tells; `files`: the kept results that are in it;
    `tally`: of a request that passes through; `place`: among those of its client that are under way, where they
    are limited; `status`: of its answer, 0 before it has begun; `first_byte`: seconds until its body began;
    `streamed`: that is events; `asked`: what the request's body holds, where the access log is to tell it
    (`logged`).
    """

    id: str = field(default_factory=lambda: f"req_{getrandbits(96):024x}")
    started: float = field(default_factory=time.monotonic)
    given: Mapping[bytes, bytes] = field(default_factory=dict)
    client: Client = ANONYMOUS
    endpoint: str = "other"
    provider: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delivers: Job | None = None
    files: tuple[str, ...] = ()
    route: str = ""
    tally: Tally | None = None
    place: Place | None = None
    status: int = 0
    first_byte: float | None = None
    streamed: bool = False
    logged: bool = False
    asked: Any = None

    @property
    def settles(self) -> bool:
        """Whether something is settled at the end of its answer."""
        return self.place is not None or self.delivers is not None

    def age(self) -> float:
        """Seconds since the request came."""
        return time.monotonic() - self.started

    def told(self, params: Any) -> None:
        """Remember what the request holds, if that is to be logged."""
        if self.logged:
            self.asked = params

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

    def leave_job(self) -> None:
        """Another target is asked in place of a job that was refused: what it says is not the job's."""
        self.delivers = None
        self.headers.pop("x-anygate-job", None)

    def costs(self, usd: float | None) -> None:
        """Tell the client, where it is known."""
        if usd is not None:
            self.headers["x-anygate-cost"] = f"{usd:.9f}".rstrip("0").rstrip(".")


def given(request: Request, name: bytes) -> str | None:
    """A header of the request, by its name in lower case."""
    exchange: Exchange = request.scope["anygate"]
    value = exchange.given.get(name)
    return None if value is None else value.decode("latin-1")
