"""Geometry of the forest graphic: each method's difference to the reference on one common scale.

    x = (value - low) / (high - low) * width        the scale always shows zero and twice the margin to either side

One hopeless method must not squeeze the others: what lies further out than `REACH` margins is drawn at the edge as an arrow.
"""

from __future__ import annotations

from dataclasses import dataclass

from leantune.core import human
from leantune.report.rows import Line, Table

WIDTH = 230.0
REACH = 8.0
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Seed:
    """One seed's difference to the reference with the same seed."""

    x: float
    words: str


@dataclass(frozen=True)
class Mark:
    """One method's place on the scale, in pixels; `cut` is "left", "right" or nothing."""

    low: float
    mean: float
    high: float
    cut: str
    seeds: list[Seed]
    words: str


@dataclass(frozen=True)
class Forest:
    """The common scale (differences are fractions)."""

    low: float
    high: float
    margin: float

    def x(self, value: float) -> float:
        """The pixel of a difference, kept inside the graphic."""
        inside = min(max(value, self.low), self.high)
        return round((inside - self.low) / (self.high - self.low) * WIDTH, 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Pixel and word of at most six round differences."""
        step = next((step for step in _STEPS if (self.high - self.low) / step <= 6), 1.0)
        first, last = int(self.low / step), int(self.high / step)
        return [(self.x(at * step), f"{100 * at * step:+g}".replace("-", "−") if at else "0") for at in range(first, last + 1)]

    def mark(self, line: Line, table: Table) -> Mark | None:
        """Where a line's interval goes; None where there is none."""
        gap = line.row.difference_to_full
        if gap is None:
            return None
        cut = "left" if gap.mean < self.low else "right" if gap.mean > self.high else ""
        words = f"{line.row.name}: {human.points_interval(gap)} points against {table.yardstick}"
        return Mark(self.x(gap.low), self.x(gap.mean), self.x(gap.high), cut, self._seeds(line, table.reference), words)

    def _seeds(self, line: Line, reference: Line | None) -> list[Seed]:
        base = {trial.seed: trial.scores.test for trial in reference.finals} if reference else {}
        pairs = [(trial.seed, trial.scores.test, base.get(trial.seed)) for trial in line.finals]
        gaps = [(seed, own - other) for seed, own, other in pairs if own is not None and other is not None]
        return [Seed(self.x(gap), f"seed {seed}: {human.points(gap)} points") for seed, gap in gaps if self.low <= gap <= self.high]


def make_forest(table: Table, margin: float) -> Forest:
    """The scale that fits every method, floors and hopeless ones apart."""
    margin = max(margin, 0.001)
    gaps = [line.row.difference_to_full for line in table.methods if line.row.difference_to_full]
    low = max(min([-2 * margin, *(gap.low for gap in gaps)]), -REACH * margin)
    high = min(max([2 * margin, *(gap.high for gap in gaps)]), REACH * margin)
    pad = 0.04 * (high - low)
    return Forest(low - pad, high + pad, margin)
