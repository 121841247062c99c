"""What the page's own script reads: points of the Pareto chart, learning curves, the large confusion matrix. JSON, safely embedded.

`embed` makes JSON harmless inside a <script> element: "<", ">", "&" and the line separators U+2028, U+2029 become escapes,
so that no text of a data set can end the element or open a comment.
"""

from __future__ import annotations

import json
from typing import Any

from leantune.core.records import Comparison
from leantune.report.axes import AXES
from leantune.report.confusion import TABLE_LABELS
from leantune.report.facts import judged_by
from leantune.report.rows import Line, Table

_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
_CURVES_ON = 6
ZOOM_MARGINS = 12.0
"""The zoomed score axis ends so many margins below the best."""


def embed(value: Any) -> str:
    r"""JSON that may stand inside a <script> element.

    >>> print(embed("</script>"))
    "\u003c/script\u003e"
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def make_payload(comparison: Comparison, table: Table, *, margin: float, metric: str) -> dict[str, Any]:
    """Everything that the charts need, as plain data; scores are fractions."""
    reference = table.reference.row.mean if table.reference else None
    return {
        "metric": metric,
        "judged": judged_by(comparison),
        "margin": margin,
        "zoom": zoom_span(margin),
        "reference": reference,
        "axes": [{"key": axis.key, "label": axis.label, "kind": axis.kind, "high": axis.high} for axis in AXES.values()],
        "points": [_point(line) for line in table.lines if line.row.mean is not None],
        "curves": make_curves(table),
        "confusion": _confusion(comparison),
    }


def zoom_span(margin: float) -> float:
    """How far below the best score the zoomed axis reaches."""
    return max(ZOOM_MARGINS * margin, 0.02)


def needs_zoom(table: Table, margin: float) -> bool:
    """True where one hopeless method would squeeze the others."""
    means = [line.row.mean for line in table.methods if line.row.mean is not None]
    return len(means) > 1 and max(means) - min(means) > 1.25 * zoom_span(margin)


def make_curves(table: Table) -> list[dict[str, Any]]:
    """Learning curves of the full-length trials; the chosen one, the reference and the best few are switched on."""
    lines = [line for line in table.lines if any(trial.curve for trial in line.finals)]
    lines.sort(key=lambda line: (not line.row.chosen, line.row.verdict != "reference", line.row.verdict == "failed"))
    return [_curve(line, on=place < _CURVES_ON and line.row.verdict != "failed") for place, line in enumerate(lines)]


def _curve(line: Line, *, on: bool) -> dict[str, Any]:
    runs = [
        {"seed": trial.seed, "points": [[point.step, round(point.seconds, 3), point.train_loss, point.dev_score] for point in trial.curve]}
        for trial in line.finals
        if trial.curve
    ]
    return {"name": line.row.name, "chosen": line.row.chosen, "on": on, "runs": runs}


def _point(line: Line) -> dict[str, Any]:
    row = line.row
    values = {key: axis.value(row) for key, axis in AXES.items()}
    return {
        "name": row.name,
        "kind": row.kind,
        "verdict": row.verdict,
        "style": line.style,
        "shape": line.shape,
        "chosen": row.chosen,
        "low": row.interval.low if row.interval else None,
        "high": row.interval.high if row.interval else None,
        "values": values,
        "texts": {key: axis.text(row) for key, axis in AXES.items() if values[key] is not None},
    }


def _confusion(comparison: Comparison) -> dict[str, Any] | None:
    seen = comparison.inspection
    if seen is None or not seen.confusion or len(seen.labels) <= TABLE_LABELS:
        return None
    return {"labels": seen.labels, "counts": seen.confusion}
