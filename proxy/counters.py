"""What the metrics are counted in: a number costs one look into a dictionary.

prometheus_client writes them out. Its own counters take a lock for their labels and one for their value, some
ten times as much, and those that several processes share write into a mapped file each time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

Labels = tuple[str, ...]
Cells = dict[Labels, list[float]]  # labels → the value, or a histogram's buckets and then its sum
Snapshot = Mapping[str, Sequence[tuple[Sequence[str], Sequence[float]]]]


class Family:
    """Numbers of one name, one for each set of labels. `passing`: true now, and nothing to be added up over
    time; it dies with its process."""

    passing = False

    def __init__(self, name: str, about: str, labels: Labels) -> None:
        self.name = name
        self.about = about
        self.labels = labels
        self.cells: Cells = {}

    def written(self, cells: Cells) -> Metric:
        """As prometheus_client takes it."""
        raise NotImplementedError


class Counter(Family):
    def add(self, *labels: str, by: float = 1.0) -> None:
        cell = self.cells.get(labels)
        if cell is None:
            cell = self.cells[labels] = [0.0]
        cell[0] += by

    def written(self, cells: Cells) -> Metric:
        family = CounterMetricFamily(self.name, self.about, labels=self.labels)
        for labels, (value,) in cells.items():
            family.add_metric(labels, value)
        return family


class Gauge(Family):
    passing = True

    def set(self, *labels: str, to: float) -> None:
        self.cells[labels] = [to]

    def written(self, cells: Cells) -> Metric:
        family = GaugeMetricFamily(self.name, self.about, labels=self.labels)
        for labels, (value,) in cells.items():
            family.add_metric(labels, value)
        return family


class Histogram(Family):
    """`bounds`: seconds as floats, the upper end of each bucket but the last."""

    def __init__(self, name: str, about: str, labels: Labels, bounds: tuple[float, ...]) -> None:
        super().__init__(name, about, labels)
        self._bounds = bounds

    def observe(self, *labels: str, value: float) -> None:
        cell = self.cells.get(labels)
        if cell is None:
            cell = self.cells[labels] = [0.0] * (len(self._bounds) + 2)
        cell[bisect_left(self._bounds, value)] += 1
        cell[-1] += value

    def written(self, cells: Cells) -> Metric:
        family = HistogramMetricFamily(self.name, self.about, labels=self.labels)
        names = [*map(str, self._bounds), "+Inf"]
        for labels, (*counts, total) in cells.items():
            below, buckets = 0.0, []
            for name, count in zip(names, counts, strict=True):
                below += count
                buckets.append((name, below))
            family.add_metric(labels, buckets, total)
        return family


def snapshot(families: Iterable[Family]) -> Snapshot:
    """The numbers as they are now, as plain data."""
    return {one.name: [(k, list(v)) for k, v in one.cells.items()] for one in families}


def add(families: Iterable[Family], into: dict[str, Cells], data: Any, *, passing: bool) -> None:
    """Add a snapshot to sums by family; what it has that is none, or another shape, is passed over.

    `passing`: its process lives, so that also what dies with it counts.
    """
    for family in families:
        cells = into.setdefault(family.name, {})
        if family.passing and not passing:
            continue
        for labels, values in data.get(family.name, ()):
            known = cells.get(key := tuple(labels))
            if known is None:
                cells[key] = list(values)
            elif len(known) == len(values):
                cells[key] = [one + other for one, other in zip(known, values, strict=True)]
