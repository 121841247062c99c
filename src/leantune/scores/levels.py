"""Scores of ordered levels: quadratic weighted kappa, and how many levels predictions are off."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leantune.core.errors import unknown_name
from leantune.scores import labels
from leantune.scores.tally import Array, Combine, Tally, mean_of_counts, ratio


def tally(metric: str, gold: ArrayLike, predicted: ArrayLike, n_levels: int) -> Tally:
    """The tally of a metric of levels.

    Args:
        metric: a name of `METRICS` or `ERRORS`.
        gold: levels [rows], from 0.
        predicted: levels [rows].
        n_levels: levels there are.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric in labels.METRICS:
        return labels.tally(metric, gold, predicted, n_levels)
    if metric not in METRICS | ERRORS:
        raise unknown_name("metric", metric, sorted(METRICS | ERRORS))
    right, guess = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    ones = np.ones(len(right))
    if metric == "mae":
        return Tally.of(np.column_stack([np.abs(right - guess), ones]), mean_of_counts)
    return Tally.of(np.column_stack([ones, right, guess, right**2, guess**2, (right - guess) ** 2]), _kappa)


def _kappa(totals: Array) -> Array:
    """Cohen's kappa with quadratic weights: 1 - sum w O / sum w E, w = (gold - predicted)^2, E as if both were independent."""
    n, x, y, xx, yy, off = totals
    expected = xx + yy - 2 * ratio(x * y, n)
    return 1 - ratio(off, expected)


METRICS: dict[str, Combine] = {"qwk": _kappa, "accuracy": labels.METRICS["accuracy"], "macro_f1": labels.METRICS["macro_f1"]}
"""Metrics of levels by name; qwk lies between -1 and 1, the others are fractions."""
ERRORS: dict[str, Combine] = {"mae": mean_of_counts}
"""Mean distance in levels."""
