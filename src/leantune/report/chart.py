"""The Pareto chart as a PNG: test score with its interval over trainable parameters. The one door to matplotlib.

matplotlib is the extra `chart`; where it is missing, `write_chart` says so in one line and the report goes on without the picture.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path
from typing import Any

from leantune.core import human
from leantune.core.records import Comparison
from leantune.report import facts
from leantune.report.axes import AXES
from leantune.report.payload import needs_zoom, zoom_span
from leantune.report.rows import Line, Table, make_table

MISSING = 'No chart.png: matplotlib is not installed. pip install "leantune[chart]"'
_COLOURS = {
    "better": "#0b7355",
    "as good": "#0b7355",
    "worse": "#ad3d1c",
    "undecided": "#835a00",
    "indicative": "#835a00",
    "dropped": "#ad3d1c",
    "reference": "#3f4d63",
}
_LETTERS: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "family": "monospace", "parse_math": False}
_NEAR = [
    (10, 0, "left"),
    (-10, 0, "right"),
    (0, 13, "center"),
    (0, -13, "center"),
    (10, 13, "left"),
    (10, -13, "left"),
    (-10, 13, "right"),
    (-10, -13, "right"),
]
_PLACES = [*_NEAR, *((dx, dy, side) for far in (28, 44, 60) for dy in (far, -far) for dx, side in ((12, "left"), (-12, "right")))]
"""Where a name may stand: points to the right and up of its mark, and which end of it; the far ones get a leader."""
_MARKS = {"up": "^", "circle": "o", "down": "v", "diamond": "D", "square": "s", "cross": "X", "bar": "_"}


def write_chart(comparison: Comparison, path: Path) -> str | None:
    """Draw the chart into `path`; returns why not, in one line, or None when it is there."""
    if importlib.util.find_spec("matplotlib") is None:
        return MISSING
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = make_table(comparison)
    lines = [line for line in table.methods if line.row.mean is not None and line.row.cost.trainable_params]
    if not lines:
        return "No chart.png: no method has both a test score and trainable parameters yet."
    figure = Figure(figsize=(8, 5), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for line in lines:
        _draw_point(axes, line)
    _draw_front(axes, lines)
    _dress(axes, comparison, table)
    _label(axes, lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": f"leantune {comparison.leantune}"})
    return None


def _spot(line: Line) -> tuple[float, float]:
    return float(AXES["trainable"].value(line.row) or 1), 100 * (line.row.mean or 0.0)


def _draw_point(axes: Any, line: Line) -> None:
    (x, y), colour = _spot(line), _COLOURS.get(line.row.verdict, "#565f67")
    if line.row.interval:
        axes.vlines(x, 100 * line.row.interval.low, 100 * line.row.interval.high, color=colour, alpha=0.45, linewidth=1.5, zorder=2)
    axes.plot(x, y, marker=_MARKS[line.shape], markersize=8, color=colour, markeredgecolor="white", linestyle="none", zorder=4)
    if line.row.chosen:
        axes.plot(x, y, marker="o", markersize=16, markerfacecolor="none", markeredgecolor="#0a655f", markeredgewidth=1.8, zorder=3)


def _draw_front(axes: Any, lines: list[Line]) -> None:
    front = _front([_spot(line) for line in lines])
    axes.step([x for x, _ in front], [y for _, y in front], where="post", color="#0a655f", alpha=0.7, linewidth=1.5, zorder=1)


def _front(spots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The spots that none beats in both: fewer parameters and a higher score; by parameters."""
    kept: list[tuple[float, float]] = []
    for x, y in sorted(spots, key=lambda spot: (spot[0], -spot[1])):
        if not kept or y > kept[-1][1]:
            kept.append((x, y))
    return kept


def _dress(axes: Any, comparison: Comparison, table: Table) -> None:
    margin = facts.margin_of(comparison)
    base = table.reference.row.mean if table.reference else None
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: human.count(value).replace(".0 ", " "))
    axes.margins(x=0.12, y=0.1)
    if base is not None:
        axes.axhspan(100 * (base - margin), 100 * base, color="#e6efe9", zorder=0)
    if needs_zoom(table, margin):
        top = max(line.row.interval.high if line.row.interval else line.row.mean or 0.0 for line in table.methods)
        axes.set_ylim(100 * (top - zoom_span(margin)), 100 * top + 0.6)
    band = f"   ·   shaded: the margin below {_short(table.yardstick)}" if base is not None else ""
    axes.set_xlabel(f"trainable parameters (log){band}", parse_math=False)
    axes.set_ylabel(f"{facts.test_score(comparison).lower()}, %", parse_math=False)
    axes.set_title(
        f"{_short(facts.data_name(comparison))}: what a point costs", loc="left", fontsize=12, fontweight="bold", parse_math=False
    )
    axes.grid(color="#e3e0d9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Any, lines: list[Line]) -> None:
    """Names beside their points, the chosen one first; a name that would cover something moves or, at last, is left out."""
    axes.figure.draw_without_rendering()
    frame, taken = axes.get_window_extent(), _obstacles(axes, lines)
    low, high = axes.get_ylim()
    for line in sorted(lines, key=lambda line: (not line.row.chosen, line.row.verdict != "reference")):
        if low <= _spot(line)[1] <= high:
            _place(axes, line, frame, taken)


def _place(axes: Any, line: Line, frame: Any, taken: list[Any]) -> None:
    renderer = axes.figure.canvas.get_renderer()
    for dx, dy, side in _PLACES:
        leader = (
            {"arrowstyle": "-", "linewidth": 0.6, "color": "#565f67", "relpos": (float(side == "right"), 0.5)} if abs(dy) > 20 else None
        )
        text = axes.annotate(_short(line.row.name), _spot(line), (dx, dy), ha=side, arrowprops=leader, **_LETTERS)
        box = _letters_box(text, renderer)
        if frame.x0 <= box.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1 and not any(box.overlaps(other) for other in taken):
            taken.append(box)
            return
        text.remove()


def _letters_box(text: Any, renderer: Any) -> Any:
    """The box of the letters alone, without the leader to the point."""
    from matplotlib.text import Text

    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def _obstacles(axes: Any, lines: list[Line]) -> list[Any]:
    """What a name must not cover, in pixels: points, intervals and the steps of the front."""
    from matplotlib.transforms import Bbox

    def between(first: tuple[float, float], second: tuple[float, float], reach: float) -> Any:
        (left, low), (right, high) = sorted([axes.transData.transform(first), axes.transData.transform(second)], key=lambda spot: spot[0])
        return Bbox.from_extents(left - reach, min(low, high) - reach, right + reach, max(low, high) + reach)

    boxes = [between(_spot(line), _spot(line), 11.0) for line in lines]
    bars = [(line.row.cost.trainable_params or 1, line.row.interval) for line in lines if line.row.interval]
    boxes += [between((x, 100 * bar.low), (x, 100 * bar.high), 4.0) for x, bar in bars]
    front = _front([_spot(line) for line in lines])
    for (x, y), (later, higher) in pairwise(front):
        boxes += [between((x, y), (later, y), 2.0), between((later, y), (later, higher), 2.0)]
    return boxes


def _short(text: str, most: int = 28) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
