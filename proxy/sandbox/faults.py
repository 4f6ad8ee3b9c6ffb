"""What a double can be told to do wrong.

A `Fault` is a rule waiting in a double's queue: the first one that fits a request is used for it and
counts down. Everything named in `What` may be combined in one rule, where that makes sense.

    double.fault("poll", times=3, status=503)
    double.fault("submit", cut="after")                  # the task is taken, nobody hears of it
    double.fault("chat", cut_after=2, split=7)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict

from .seen import Seen

Match = Callable[[Seen], bool]


class What(TypedDict, total=False):
    """The keywords of `Double.fault`. Seconds are floats, counts are integers."""

    status: int
    body: dict[str, Any] | bytes | str
    headers: Mapping[str, str]
    delay: float
    late: float
    cut: Literal["before", "after"]
    truncate: int
    hang: bool
    drip: float
    drip_size: int
    cut_after: int
    error_after: int
    stall_after: int
    stall: float
    no_done: bool
    no_finish: bool
    comments: bool
    split: int
    crlf: bool
    no_space: bool
    ignore_range: bool
    content_type: str


@dataclass(slots=True)
class Fault:
    """One rule.

    Instead of handling: `status`, `body`, `headers`. Before handling: `delay` seconds, `hang` until
    released, `cut="before"`. After handling, so that a task has been taken: `late` seconds before the
    answer (`float("inf")`: until released), `cut="after"` in its place. On the answer's bytes:
    `truncate` after N of them and cut, `drip` seconds between pieces of `drip_size` bytes (a tenth
    of the body by default).

    Streams count data events, [DONE] not among them: `cut_after` k, `error_after` k (one in-band
    error, then the end), `stall_after` k for `stall` seconds. `no_done` leaves out [DONE], `no_finish`
    the finish_reason; `comments` puts one before each event; `split` writes n-byte pieces; `crlf`
    ends lines so; `no_space` leaves out the one after "data:".

    Any answer: `content_type` lies. Files: `ignore_range` answers 200 to a Range request.
    """

    on: str
    times: int | None = 1
    match: Match | None = None
    path: str | None = None
    status: int | None = None
    body: dict[str, Any] | bytes | str | None = None
    headers: Mapping[str, str] | None = None
    delay: float = 0.0
    late: float = 0.0
    cut: Literal["before", "after"] | None = None
    truncate: int | None = None
    hang: bool = False
    drip: float | None = None
    drip_size: int | None = None
    cut_after: int | None = None
    error_after: int | None = None
    stall_after: int | None = None
    stall: float = 3600.0
    no_done: bool = False
    no_finish: bool = False
    comments: bool = False
    split: int | None = None
    crlf: bool = False
    no_space: bool = False
    ignore_range: bool = False
    content_type: str | None = None

    def fits(self, seen: Seen) -> bool:
        """Whether the rule is for this request."""
        if self.times == 0 or self.on not in ("*", seen.kind):
            return False
        if self.path is not None and self.path not in seen.path:
            return False
        return self.match is None or self.match(seen)

    @property
    def answers(self) -> bool:
        """Whether the rule answers by itself, so that the request is never handled."""
        return self.status is not None or self.body is not None or self.headers is not None

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> Fault:
        """Read a rule that came over HTTP; `match` is code and cannot."""
        known = {field.name for field in fields(cls)} - {"match"}
        if unknown := rule.keys() - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {sorted(known)}")
        return cls(**rule)


NO_FAULT = Fault("*", times=None)
