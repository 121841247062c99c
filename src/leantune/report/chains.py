"""Chains of compressors: what each link made of the trained model, and the way of those that go step by step.

make_chains(table) -> [Chain("full | shrink(layers=3)", stages, curve)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from leantune.core import human
from leantune.core.measured import Importance, Point, Stage
from leantune.report.rows import Line, Table

WIDTH, HEIGHT = 520.0, 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 16.0, 12.0, 34.0
_ZEROS = 0.01
"""A share of zeros that is worth a word."""
_LESS = 0.02
"""A share by which something has become less that is worth a curve."""


@dataclass(frozen=True)
class Link:
    """One stage in words; scores are means over the seeds, costs those of the first one."""

    name: str
    dev: str
    test: str
    params: str
    size: str
    zeros: str
    """A share that takes no less room and time; empty where there are next to none."""
    latency: str
    faster: str
    """Against the trained model."""
    seconds: str
    notes: list[str]


@dataclass(frozen=True)
class Dot:
    """One model of a curve, in pixels."""

    x: float
    y: float
    kept: bool
    words: str


@dataclass(frozen=True)
class Curve:
    """Dev score against what is left of the parameters, or of the time for one row."""

    link: str
    left: str
    """Of what, in words."""
    dots: list[Dot]
    xs: list[tuple[float, str]]
    ys: list[tuple[float, str]]

    @property
    def path(self) -> str:
        """The line through the models that were kept, from the largest to the smallest."""
        return " ".join(f"{dot.x},{dot.y}" for dot in sorted(self.dots, key=lambda dot: dot.x) if dot.kept)


@dataclass(frozen=True)
class Picture:
    """How much each part matters to the task: a row for each layer, a cell for each head or group of neurons, from 0 to 1."""

    title: str
    rows: list[list[float]]

    @property
    def width(self) -> int:
        """Cells of the longest row."""
        return max(map(len, self.rows))


@dataclass(frozen=True)
class Chain:
    """One method."""

    name: str
    links: list[Link]
    curves: list[Curve]
    pictures: list[Picture]


def make_chains(table: Table) -> list[Chain]:
    """Of every method with compressors that finished."""
    return [_chain(line) for line in table.methods if any(trial.stages for trial in line.finals)]


def _chain(line: Line) -> Chain:
    runs = [trial.stages for trial in line.finals if trial.status == "ok"]
    links = [_link([run[place] for run in runs if len(run) > place], runs[0][0]) for place in range(len(runs[0]))]
    curves = [curve for stage in runs[0] for curve in _curves(stage.link, stage.curve)]
    seen = next((stage.importance for stage in runs[0] if stage.importance), None)
    return Chain(line.row.name, links, curves, [] if seen is None else _pictures(seen))


def _pictures(seen: Importance) -> list[Picture]:
    """Of the kinds that are there."""
    found = [
        Picture("layers", [[value] for value in seen.layers]),
        Picture("heads", seen.heads),
        Picture("neurons, in 24 groups by falling importance", seen.neurons),
    ]
    return [picture for picture in found if picture.rows]


def _link(stages: Sequence[Stage], trained: Stage) -> Link:
    first = stages[0]
    share = first.zeros / first.model_params if first.model_params else 0.0
    latency, before = first.latency_ms, trained.latency_ms
    faster = ""
    if latency and before and first is not trained:
        faster = f"{before.batch_1 / latency.batch_1:.2f} × / {before.batch_32 / latency.batch_32:.2f} ×"
    return Link(
        name=first.link,
        dev=human.percent(_mean([stage.scores.dev for stage in stages])),
        test=human.percent(_mean([stage.scores.test for stage in stages])),
        params=human.count(first.model_params),
        size=human.size(first.model_bytes),
        zeros=human.percent(share) if share > _ZEROS else "",
        latency=f"{latency.batch_1:.1f} / {human.milliseconds(latency.batch_32)}" if latency else human.DASH,
        faster=faster,
        seconds=human.duration(fmean(stage.seconds for stage in stages)),
        notes=first.notes,
    )


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return fmean(known) if known else None


def _curves(link: str, points: Sequence[Point]) -> list[Curve]:
    """Against whatever of the model became less."""
    sides = {
        "the parameters": [float(point.model_params) for point in points],
        "the time for one row": [point.latency_ms.batch_1 for point in points],
    }
    return [_curve(link, left, points, costs) for left, costs in sides.items() if len(points) > 1 and min(costs) < (1 - _LESS) * costs[0]]


def _curve(link: str, left: str, points: Sequence[Point], costs: Sequence[float]) -> Curve:
    devs, shares = [point.dev for point in points], [cost / costs[0] for cost in costs]
    least, most = min(shares), max(shares)
    low, high = min(devs), max(devs)
    pad = max(0.01, 0.1 * (high - low))
    low, high = max(0.0, low - pad), min(1.0, high + pad)

    def x(share: float) -> float:
        return round(_LEFT + (most - share) / (most - least) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(score: float) -> float:
        return round(_TOP + (high - score) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    dots = [Dot(x(share), y(point.dev), point.kept, _words(point, points[0])) for share, point in zip(shares, points, strict=True)]
    xs = [(x(share), human.percent(share)) for share in (most, (most + least) / 2, least)]
    return Curve(link, left, dots, xs, [(y(score), human.percent(score)) for score in (low, (low + high) / 2, high)])


def _words(point: Point, trained: Point) -> str:
    faster = trained.latency_ms.batch_1 / point.latency_ms.batch_1
    said = f"{point.step}: dev {human.percent(point.dev)}, {human.count(point.model_params)} parameters, {faster:.2f} times as fast"
    return said if point.kept else f"{said}; not kept"
