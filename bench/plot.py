"""The plot that the README shows: CPU a request and a chunk, drawn from the results without a library."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from bench import report
from bench.measure import Figure
from bench.process import ROOT

FILE = ROOT / "docs" / "performance.svg"
_OURS = "Anygate"
_WIDTH, _BAR, _GAP, _LEFT, _RIGHT = 760, 22, 8, 150, 130
_PLAIN, _CHUNK = "plain chat: ", "streamed chunk: "

Bar = tuple[str, float]  # name, µs


def write(file: Path = FILE) -> None:
    """Draw the last results; of peers where they were measured, of Anygate and nginx otherwise."""
    panels = [(title, bars) for title, bars in _panels() if bars]
    if panels:
        file.write_text(draw(panels))


def draw(panels: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """An SVG of horizontal bars, a panel below the other; lengths are logarithmic, from 10 µs."""
    parts, y = [], 20
    for title, bars in panels:
        parts.append(f'<text x="20" y="{y + 14}" class="title">{escape(title)}</text>')
        y += 30
        most = max(value for _, value in bars)
        for name, value in bars:
            parts += _bar(name, value, most, y)
            y += _BAR + _GAP
        y += 14
    style = (
        "<style>text{font:14px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}"
        ".other{fill:#8c959f}.ours{fill:#1a7f37}</style>"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}"'
        f' height="{y}" role="img" aria-label="CPU time of a request and of a chunk">'
    )
    paper = f'<rect width="{_WIDTH}" height="{y}" rx="8" fill="#ffffff"/>'
    return "\n".join([head, style, paper, *parts, "</svg>", ""])


def _bar(name: str, value: float, most: float, y: int) -> Iterable[str]:
    room = _WIDTH - _LEFT - _RIGHT
    length = room * max(math.log10(value / 5), 0.02) / max(math.log10(most / 5), 0.1)
    kind = "ours" if name == _OURS else "other"
    text = y + _BAR - 6
    yield f'<text x="{_LEFT - 10}" y="{text}" text-anchor="end">{escape(name)}</text>'
    yield f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="3" class="{kind}"/>'
    yield f'<text x="{_LEFT + length + 8:.1f}" y="{text}">{report.number(value)} µs</text>'


def _panels() -> Iterable[tuple[str, Sequence[Bar]]]:
    told = " (logarithmic; shorter is better)"
    peers = report.read("peers")
    if peers:
        yield f"CPU time of a chat request{told}", _bars(peers, _PLAIN)
        yield f"CPU time of a streamed chunk{told}", _bars(peers, _CHUNK)
        return
    own = {one.name: one for one in report.read("bench")}
    for title, name, times in (
        ("a chat request", "plain chat: CPU a request", "plain chat: CPU, times nginx's"),
        ("a streamed chunk", "streamed chunk: CPU", "streamed chunk: CPU, times nginx's"),
    ):
        if name in own and times in own:
            value = own[name].value
            yield (
                f"CPU time of {title}{told}",
                [("nginx", value / own[times].value), (_OURS, value)],
            )


def _bars(figures: Sequence[Figure], prefix: str) -> list[Bar]:
    bars = (
        (one.name.removeprefix(prefix), one.value)
        for one in figures
        if one.name.startswith(prefix) and one.unit == "µs"
    )
    return sorted(((_OURS if n == "anygate" else n, v) for n, v in bars), key=lambda bar: bar[1])
