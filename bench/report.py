"""What was measured, as a table for people and as JSON for whoever compares runs."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.measure import Figure
from bench.process import ROOT

_MACHINE = {"cpu", "cores", "python"}
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"
_MARKS = {True: "✓", False: "✗", None: ""}


def table(figures: Iterable[Figure]) -> str:
    """Markdown, a line a figure."""
    lines = [
        "| goal | measured | Anygate | target | | beside |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.goal} | {one.name} | {number(one.value)} {one.unit}".rstrip()
        + f" | {one.target} | {_MARKS[one.good]} | {_cell(one.beside)} |"
        for one in figures
    ]
    return "\n".join(lines)


def number(value: float) -> str:
    """As many digits as mean something: 12.3, 0.217, 4,360."""
    if math.isnan(value):
        return "–"
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def write(name: str, figures: list[Figure], machine: Mapping[str, str], took: float) -> None:
    """Results of a whole run: JSON, and its table between the marks of docs/performance.md."""
    RESULTS.mkdir(exist_ok=True)
    found = {
        "machine": dict(machine),
        "seconds": round(took),
        "figures": [_plain(one) for one in figures],
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    into_page(name, f"{_where(machine)}\n\n{table(figures)}")


def read(name: str) -> list[Figure]:
    """The figures of the last whole run; none where there was none."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    return [Figure(**one) for one in json.loads(path.read_text())["figures"]]


def into_page(name: str, text: str, page: Path = PAGE) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->`; raises LookupError without them."""
    old = page.read_text()
    marks = re.compile(rf"(<!-- {name}\b[^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    new, found = marks.subn(lambda held: f"{held[1]}{text}\n{held[2]}", old)
    if not found:
        raise LookupError(f"{page.name} has no place for {name}")
    page.write_text(new)


def _where(machine: Mapping[str, str]) -> str:
    others = (f", {name} {its}" for name, its in machine.items() if name not in _MACHINE)
    where = f"{machine['cores']} cores of an {machine['cpu']}, Python {machine['python']}"
    return f"Measured on {where}{''.join(others)}."


def _plain(one: Figure) -> dict[str, Any]:
    found = asdict(one)
    return {**found, "value": None if math.isnan(one.value) else float(f"{one.value:.4g}")}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:160]
