"""The one error mapper: whatever went wrong, as a status and OpenAI's envelope.

ApiError                 what a client is told
GatewayDown              no answer from the gateway
├── Unreachable          … and it certainly has not taken the request
├── Lost                 … but it may have: timed out or cut off after sending began
└── Throttled            … since our own limits for it are spent
"""

import math
from collections.abc import Mapping
from typing import Any

from proxy.store.base import KeyReused, StoreUnavailable
from translators.errors import Fault, FaultKind, MalformedReply, TranslationError

INVALID = "invalid_request_error"
PROVIDER = "provider_error"
_DAY = 86_400


class GatewayDown(Exception):
    """The gateway gave no answer. `certain`: it has surely taken no work."""

    certain = True
    retry_after: float | None = None


class Unreachable(GatewayDown):
    """No connection could be made. `timed_out`: that was waited for in vain."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class Throttled(GatewayDown):
    """The provider's own limit in the config (`rpm`, `max_concurrency`) is spent for now."""

    def __init__(self, provider: str, retry_after: float) -> None:
        super().__init__(f"provider '{provider}' is at its configured limit")
        self.retry_after = retry_after


class Lost(GatewayDown):
    """Cut off or timed out once sending had begun."""

    certain = False

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class GatewayFault(Exception):
    """The gateway answered with a refusal or an error of its own."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class ApiError(Exception):
    """An answer in OpenAI's error envelope.

    `retry`: whether the SDKs may repeat the request by themselves; `None` leaves it to the status.
    `headers`: further headers of the answer.
    """

    def __init__(  # noqa: PLR0913 (an envelope has these fields)
        self,
        status: int,
        kind: str,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        retry: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message
        self.param = param
        self.retry = retry
        self.headers = dict(headers or {})

    def envelope(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }

    def answer_headers(self) -> dict[str, str]:
        """With `x-should-retry: false` where a repetition cannot mend it, or may be paid again."""
        retry = self.retry if self.retry is not None else self.status in (429, 503)
        return self.headers if retry else {**self.headers, "x-should-retry": "false"}

    def stored(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {
            "status": self.status,
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
        }

    @classmethod
    def from_stored(cls, error: Mapping[str, Any]) -> "ApiError":
        """A failed job's error as an answer; never to be retried, since the job exists."""
        return cls(
            error.get("status", 502),
            error.get("type", PROVIDER),
            error.get("code"),
            error.get("message", "The generation failed."),
            param=error.get("param"),
            retry=bool(error.get("retry")),
            headers=error.get("headers"),
        )


def invalid(
    message: str, *, code: str | None = "invalid_value", param: str | None = None
) -> ApiError:
    """400: the request itself is wrong."""
    return ApiError(400, INVALID, code, message, param=param)


def not_found(message: str, *, code: str = "not_found", param: str | None = None) -> ApiError:
    return ApiError(404, INVALID, code, message, param=param)


def gateway_error(message: str, code: str = "provider_error", *, retry: bool = False) -> ApiError:
    """502: the gateway's fault."""
    return ApiError(502, PROVIDER, code, message, retry=retry)


_FAULTS: Mapping[FaultKind, tuple[int, str, str]] = {
    FaultKind.REJECTED: (400, INVALID, "provider_rejected"),
    FaultKind.MODERATED: (400, INVALID, "content_policy_violation"),
    FaultKind.AUTH: (502, PROVIDER, "provider_auth_failed"),
    FaultKind.QUOTA: (429, "insufficient_quota", "provider_insufficient_quota"),
    FaultKind.RATE: (429, "rate_limit_error", "provider_rate_limited"),
    FaultKind.NOT_FOUND: (404, INVALID, "model_not_found"),
    FaultKind.EXPIRED: (410, INVALID, "content_expired"),
    FaultKind.TIMEOUT: (504, PROVIDER, "provider_timeout"),
    FaultKind.FAILED: (502, PROVIDER, "provider_error"),
}


def from_fault(fault: Fault) -> ApiError:
    """A gateway's refusal of a request, in its own words."""
    status, kind, code = _FAULTS[fault.kind]
    headers = {}
    if fault.kind is FaultKind.RATE:
        headers["retry-after"] = _retry_after(fault.retry_after)
    retry = fault.certain and fault.kind in (FaultKind.RATE, FaultKind.FAILED, FaultKind.TIMEOUT)
    return ApiError(status, kind, code, fault.message, retry=retry, headers=headers)


def from_failed_task(fault: Fault) -> ApiError:
    """A task that a gateway took and then failed."""
    if fault.kind is FaultKind.MODERATED:
        return from_fault(fault)
    return gateway_error(fault.message, "generation_failed")


def from_down(down: GatewayDown) -> ApiError:
    """No answer, for a request that is not a job's submit."""
    if isinstance(down, Throttled):
        return ApiError(
            429,
            "rate_limit_error",
            "provider_rate_limited",
            str(down),
            headers={"retry-after": _retry_after(down.retry_after)},
        )
    if isinstance(down, Lost) and down.timed_out:
        return ApiError(504, PROVIDER, "provider_timeout", str(down))
    if isinstance(down, Lost):
        return gateway_error(str(down))
    return gateway_error(str(down), "provider_unreachable", retry=True)


def _retry_after(seconds: float | None) -> str:
    """Never too early. At least a second: who is told 0 comes back at once, and is refused again."""
    return str(max(1, math.ceil(min(_DAY, seconds or 1))))


def to_api_error(exc: BaseException) -> ApiError | None:
    """The answer for any exception that has one; None for what is our own fault."""
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, TranslationError):
        return invalid(str(exc), code=exc.code, param=exc.param)
    if isinstance(exc, MalformedReply):
        return gateway_error(str(exc), "malformed_response")
    if isinstance(exc, GatewayDown):
        return from_down(exc)
    if isinstance(exc, GatewayFault):
        return from_fault(exc.fault)
    if isinstance(exc, KeyReused):
        return invalid(
            "This Idempotency-Key was used before with another body.", code="idempotency_key_reused"
        )
    if isinstance(exc, StoreUnavailable):
        return ApiError(
            503, "server_error", "store_unavailable", "The job store cannot be reached.", retry=True
        )
    return None


def internal(request_id: str) -> ApiError:
    """500: our own fault, which says nothing of itself but where to look in the log."""
    return ApiError(
        500,
        "server_error",
        "internal_error",
        f"Internal error. Request id: {request_id}.",
        retry=False,
    )
