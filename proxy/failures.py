"""What is wrong when a gateway gives no good answer, in a few words: for its health, for retries and metrics."""

from dataclasses import dataclass

from proxy.errors import ApiError, GatewayFault, Lost, Throttled, Unreachable
from translators.errors import Fault, FaultKind, MalformedReply

UNREACHABLE = "unreachable"
_THROTTLED = "throttled"  # by our own limits

# What speaks against a target, and what says nothing of it. All else is the request's own fault.
_AGAINST = frozenset(
    {UNREACHABLE, "cut", "malformed", FaultKind.TIMEOUT, FaultKind.FAILED}
    | {FaultKind.AUTH, FaultKind.QUOTA}
)
_NEITHER = frozenset({_THROTTLED, FaultKind.RATE})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target gave no good answer. `kind`: one of a few words; `refused`: no connection was made, and
    that became clear at once; `wait`: the seconds after which the gateway itself wants to be asked again."""

    kind: str
    refused: bool = False
    wait: float | None = None

    @property
    def against(self) -> bool | None:
        """Whether it speaks against the target; False: for it, since it could answer; None: neither."""
        if self.kind in _AGAINST or self.wait is not None:
            return True
        return None if self.kind in _NEITHER else False

    @property
    def busy(self) -> bool:
        """Whether the gateway answered that it cannot do it now."""
        return self.kind == FaultKind.FAILED or self.wait is not None


def failure_of(exc: Exception) -> Failure | None:
    """What an exception says of the target that was asked; None where it is not about that."""
    if isinstance(exc, GatewayFault):
        return fault_of(exc.fault)
    if isinstance(exc, Throttled):
        return Failure(_THROTTLED)
    if isinstance(exc, Unreachable):
        return Failure(UNREACHABLE, refused=not exc.timed_out)
    if isinstance(exc, Lost):
        return Failure("timeout" if exc.timed_out else "cut")
    if isinstance(exc, TimeoutError):
        return Failure("timeout")
    bad = isinstance(exc, ApiError) and exc.status == 502  # such as a page instead of a file
    return Failure("malformed") if bad or isinstance(exc, MalformedReply) else None


def fault_of(fault: Fault) -> Failure:
    """What a gateway's refusal says of its target."""
    wait = fault.retry_after if fault.kind is FaultKind.RATE else None
    return Failure(fault.kind, wait=wait or None)
