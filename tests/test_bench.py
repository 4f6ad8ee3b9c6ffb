"""The instruments of bench/: that they list, count, judge and draw."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from bench import __main__ as command
from bench import load, plot, report
from bench.load import Spec
from bench.measure import STREAM_BODY, Cost, Figure, Turns
from bench.upstream import Gateway

STREAM = {**STREAM_BODY, "max_tokens": 5, "seed": 1}


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """The benchmarks' gateway, on this loop."""
    server = await asyncio.get_running_loop().create_server(Gateway, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def test_every_bench_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--list"])
    assert command.main() == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == list(command.BENCHES)
    assert all(len(line) > 2 for line in lines), "each says what it measures"


async def test_the_load_counts_chunks_and_how_late_they_are(port: int) -> None:
    found = await load.run(Spec(port, connections=3, body=STREAM))
    assert (found["answers"], found["due"], found["failures"]) == (3, 15, 0)
    assert found["chunks"] == 18, "the last of each says why it stopped"
    assert 0 <= found["late50"] <= found["late99"] <= found["latest"] < 5


async def test_the_load_breaks_streams_off(port: int) -> None:
    found = await load.run(Spec(port, connections=2, number=6, cut=2, body=STREAM))
    assert (found["cuts"], found["answers"], found["failures"]) == (6, 0, 0)


async def test_the_load_tells_failures(port: int) -> None:
    found = await load.run(Spec(port, connections=2, number=4, path="/nowhere"))
    assert (found["answers"], found["failures"]) == (4, 4)
    assert "404" in found["failure"] and "no such path" in found["failure"]


async def test_the_load_tells_that_nobody_listens(unused_tcp_port: int) -> None:
    found = await load.run(Spec(unused_tcp_port))
    assert (found["answers"], found["failures"]) == (0, 1)


def test_what_two_spent_is_compared_round_by_round() -> None:
    """The second round was a slow one for all of them."""
    cheap, dear = (
        Turns({"a": [Cost(cpu, 10, 1.0) for cpu in one]})["a"] for one in ((1,), (9, 1, 3))
    )
    assert (cheap.cpu, dear.cpu) == (1, 3)
    found = Turns(
        {
            "plain": [Cost(10, 5, 3.0), Cost(30, 4, 1.0), Cost(9, 3, 2.0)],
            "jobs": [Cost(30, 1, 1.0), Cost(81, 1, 1.0), Cost(36, 1, 1.0)],
            "half": [Cost(20, 1, 1.0)],
        }
    )
    assert found["plain"] == Cost(10, 5, 2.0)
    assert found.ratio("jobs", "plain") == 3.0
    assert found.ratio("half", "plain") == 2.0
    assert math.isnan(found.ratio("jobs", "nginx"))
    assert list(found) == ["plain", "jobs", "half"] and len(found) == 3


def test_figures_are_judged_by_their_targets() -> None:
    figure = Figure("1", "a ratio", 2.5, "×")
    assert (figure.at_most(2.5).good, figure.at_most(2.4).good) == (True, False)
    assert (figure.at_least(2.5).good, figure.at_least(2.6).good) == (True, False)
    lines = report.table([figure.at_most(2), replace(figure, beside="a | b")]).splitlines()
    assert lines[2] == "| 1 | a ratio | 2.5 × | ≤ 2 × | ✗ |  |"
    assert lines[3] == r"| 1 | a ratio | 2.5 × |  |  | a \| b |"


def test_a_table_replaces_the_last_one_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- peers: make x -->\nold\n<!-- /peers -->\nbelow\n")
    report.into_page("peers", r"new \1", page)
    assert page.read_text() == ("above\n<!-- peers: make x -->\nnew \\1\n<!-- /peers -->\nbelow\n")
    with pytest.raises(LookupError, match="engines"):
        report.into_page("engines", "", page)


@pytest.mark.parametrize("name", ["bench", "peers", "engines"])
def test_the_page_has_a_place_for_each_table(name: str) -> None:
    page = report.PAGE.read_text()
    assert f"<!-- {name}: make " in page and f"<!-- /{name} -->" in page


def test_the_plot_draws_a_bar_for_each() -> None:
    drawn = ElementTree.fromstring(
        plot.draw([("CPU & time", [("nginx", 15.0), ("Anygate", 180.0), ("slow", 12_000.0)])])
    )
    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if "class" in one.attrib]
    widths = [float(one.attrib["width"]) for one in bars]
    assert widths == sorted(widths) and len(set(widths)) == 3
    assert [one.attrib["class"] for one in bars] == ["other", "ours", "other"]
