"""What a store keeps beside jobs: clients' rates, tokens and budgets, and the table of usage.

Money is counted in whole billionths of a dollar: sums are exact, and equal to what was put in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

NANOS = 1_000_000_000  # a dollar
_SLOTS = 720  # of a budget's window: an hour each of thirty days
_DAY = 86_400  # seconds
MINUTE = 60.0  # seconds over which `rpm` and `tpm` count
_SECOND = 1.0  # a slot of the minute over which tokens count
MOST_USD = 1e6  # that anything costs: what a gateway tells beyond it is believed as little as less than nothing
BUSY = 1.0  # seconds after which a client with too many requests under way may come again
DIMENSIONS = ("day", "key", "route", "provider", "kind")


class OverBudget(Exception):
    """A client has not so much left. `spent`: USD that are gone or reserved, `needed`: USD that this takes;
    `wait`: seconds until enough of it is free again, None where it never is."""

    def __init__(self, budget: "Budget", spent: float, needed: float, wait: float | None) -> None:
        super().__init__(f"{spent:g} of {budget.usd:g} USD are spent or reserved")
        self.budget = budget
        self.spent = spent
        self.needed = needed
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Budget:
    """US dollars in any `window` seconds."""

    usd: float
    window: float

    def slot(self, now: float) -> float:
        """Under which time money spent now is kept: the end of one of the window's 720 slots.

        It is free again a window later, so at most a slot too late, and never too early.
        """
        return _slot(now, self.window / _SLOTS)

    def check(self, spent: Iterable[tuple[float, int]], needed: int, now: float) -> None:
        """Raises OverBudget unless `needed` nanodollars, and at least one, are left.

        `spent`: (slot, nanodollars) of the window that ends now, in order of time.
        """
        needed, slots = max(needed, 1), list(spent)
        wait = _free_in(slots, nanos(self.usd) - needed, self.window, now)
        if wait != 0.0:
            total = sum(amount for _, amount in slots)
            raise OverBudget(self, total / NANOS, needed / NANOS, wait)


@dataclass(frozen=True, slots=True)
class Rates:
    """How many requests a client may make in a minute, how many may be under way at once, and how many
    tokens it may use in a minute."""

    rpm: int | None = None
    concurrency: int | None = None
    tpm: int | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request may come in: `refused` by "rpm", "concurrency" or "tpm", or None.

    `wait`: seconds until one may, None where it never fits; `remaining`: requests, or tokens, that are left
    of the minute; `reset`: seconds until all of them are there again; `at`: the slot that its tokens are
    counted under.
    """

    refused: str | None = None
    wait: float | None = 0.0
    remaining: int = 0
    reset: float = 0.0
    at: float = 0.0


class Charge(NamedTuple):
    """Money that a client's budget has less, or more where it is negative; `at`: a slot of the budget."""

    owner: str
    at: float
    nanos: int


class Line(NamedTuple):
    """A line of the table of usage. `day`: 2026-01-31 (UTC); `key`: the client key's name."""

    day: str
    key: str
    route: str
    provider: str
    kind: str


@dataclass(slots=True)
class Counts:
    """What a line counts, or several together."""

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    nanos: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to show: a cost that has moved to another line leaves zeros behind."""
        return any((self.requests, self.nanos, self.prompt_tokens, self.completion_tokens))

    def add(self, more: "Counts") -> None:
        self.requests += more.requests
        self.failed += more.failed
        self.prompt_tokens += more.prompt_tokens
        self.completion_tokens += more.completion_tokens
        self.nanos += more.nanos

    @property
    def usd(self) -> float:
        return self.nanos / NANOS


class Total(NamedTuple):
    """`of`: the dimensions asked for, with their values."""

    of: Mapping[str, str]
    counts: Counts


class Accounts(Protocol):
    """A part of the `Store`: every method may raise StoreUnavailable; all are atomic across workers."""

    async def admit(self, client: str, rates: Rates, *, holder: str, until: float) -> Admission:
        """Count a request of this minute and take it a place until then, or neither.

        `holder`: who has the place; where `concurrency` is no matter, none is taken.
        """

    async def stay(self, places: Iterable[tuple[str, str]], until: float) -> None:
        """Keep places, (client, holder) each, that are still taken."""

    async def leave(self, client: str, holder: str) -> None:
        """Give a place back."""

    async def take(self, client: str, tokens: int, limit: int) -> Admission:
        """Count so many tokens of this minute, of which a client has `limit`, or none."""

    async def correct(self, client: str, tokens: int, at: float) -> None:
        """Count more tokens, or fewer where it is negative, under the slot that they were taken under."""

    async def reserve(
        self, owner: str, usd: float, budget: Budget, now: float, *, once: str = ""
    ) -> None:
        """Take money from a budget, under its slot of `now`; raises OverBudget where it is not there.

        Of 0 USD only whether anything at all is left. `once`: see `book`.
        """

    async def book(
        self, lines: Mapping[Line, Counts], charges: Iterable[Charge], *, once: str = ""
    ) -> None:
        """Add to the table of usage and to what is spent, all or nothing.

        `once`: an id of what is booked: after Unanswered the same again, with the same id, is booked once
        in all; so is a reservation that is booked under its id. A store that never raises that has no use
        for it.
        """

    async def prune(self, *, used_before: str, spent_before: float) -> bool:
        """Forget a day of usage that is older, and what else is of no use any more; whether there is
        another such day. `spent_before`: of money; every budget's window must have passed since then."""

    async def usage(
        self, by: Sequence[str], *, since: str, until: str, key: str | None = None
    ) -> list[Total]:
        """What was used from one day to another (both included), by DIMENSIONS, in their order.

        `key`: of this client only.
        """


def taking(spent: Iterable[tuple[float, int]], tokens: int, limit: int, now: float) -> Admission:
    """What a client is told that wants so many tokens. `spent`: (slot, tokens) of the minute that ends now,
    in order of time; a minute is free again a second too late at most, and never too early."""
    slots = list(spent)
    left = limit - sum(amount for _, amount in slots)
    wait = _free_in(slots, limit - tokens, MINUTE, now)
    if wait == 0.0:
        at = token_slot(now)
        return Admission(remaining=left - tokens, reset=at + MINUTE - now, at=at)
    last = max((at for at, amount in slots if amount), default=now - MINUTE)
    return Admission("tpm", wait, max(left, 0), last + MINUTE - now)


def token_slot(now: float) -> float:
    """Under which time tokens taken now are kept."""
    return _slot(now, _SECOND)


def _slot(now: float, size: float) -> float:
    return (now // size + 1) * size


def _free_in(spent: list[tuple[float, int]], most: int, window: float, now: float) -> float | None:
    """Seconds until no more than `most` is spent within a window: 0.0 where that is so now, None: never."""
    left = sum(amount for _, amount in spent)
    if left <= most:
        return 0.0
    for at, amount in spent:
        left -= amount
        if left <= most:
            return at + window - now
    return None


def believable(usd: float) -> bool:
    """Whether something may cost so much. Infinity, or what is no number, would stop all bookkeeping."""
    return 0.0 <= usd <= MOST_USD


def nanos(usd: float) -> int:
    return round(usd * NANOS)


def countable(usd: float) -> float:
    """US dollars without what no book can hold: a thousand characters cost some millionths at many models."""
    # By way of whole numbers: to round to places takes six times as long.
    return nanos(usd) / NANOS if believable(usd) else usd


def day_of(seconds: float) -> str:
    """The day (UTC) of a Unix time."""
    return _day(int(seconds // _DAY))


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY, UTC).date().isoformat()
