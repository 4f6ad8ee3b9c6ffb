"""The table of usage, as it is asked for: by GET /v1/usage and by `anygate usage`."""

import asyncio
import time
from collections.abc import Sequence

from rich.table import Table

from proxy.store import open_store
from proxy.store.money import DIMENSIONS, Counts, Total, day_of

BY = "key,route,provider"
DAYS = 30
MOST_DAYS = 36_500  # a calendar has no more
_DAY = 86_400


def dimensions(text: str) -> tuple[str, ...]:
    """`by`, read; raises ValueError that says what there is."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown:
        raise ValueError(f"by {unknown[0][:40]!r}: there is only {', '.join(DIMENSIONS)}")
    return names


def first_day(days: int) -> str:
    """The first of so many days that end today (UTC)."""
    return day_of(time.time() - (days - 1) * _DAY)


def today() -> str:
    return day_of(time.time())


def table(store: str, by: str, days: int) -> Table:
    """What the store of a configuration has counted. Raises ValueError or StoreUnavailable."""
    names = dimensions(by)
    if store == "memory:":
        raise ValueError("store: memory: is the serving process's own: ask it, GET /v1/usage")
    rows = asyncio.run(_rows(store, names, days))
    shown = [name for name in DIMENSIONS if name in names]
    made = Table(*shown, box=None, title=f"{first_day(days)} to {today()} (UTC)")
    for name in ("requests", "failed", "prompt tokens", "completion tokens", "cost (USD)"):
        made.add_column(name, justify="right")
    total = Counts()
    for row in rows:
        total.add(row.counts)
        made.add_row(*(row.of[name] or "–" for name in shown), *_cells(row.counts))
    if shown:
        made.add_section()
        made.add_row("total", *[""] * (len(shown) - 1), *_cells(total))
    return made


async def _rows(url: str, by: Sequence[str], days: int) -> list[Total]:
    store = open_store(url)
    await store.open()
    try:
        return await store.usage(by, since=first_day(days), until=today())
    finally:
        await store.close()


def _cells(counts: Counts) -> list[str]:
    numbers = (
        counts.requests,
        counts.failed,
        counts.prompt_tokens,
        counts.completion_tokens,
    )
    return [*(f"{number:,}" for number in numbers), f"{counts.usd:,.6f}"]
