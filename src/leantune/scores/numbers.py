"""Scores of predicted numbers: rank and linear correlation, explained variance, mean errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from leantune.core.errors import unknown_name
from leantune.scores.tally import Array, Combine, Tally, mean_of_counts, ratio


def tally(metric: str, gold: ArrayLike, predicted: ArrayLike) -> Tally:
    """The tally of a metric of numbers.

    The ranks of Spearman's correlation are those among all rows, also where a bootstrap draws rows more than once.

    Args:
        metric: a name of `METRICS` or `ERRORS`.
        gold: numbers [rows].
        predicted: numbers [rows].

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    known = METRICS | ERRORS
    if metric not in known:
        raise unknown_name("metric", metric, sorted(known))
    right, guess = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if metric == "spearman":
        right, guess = rankdata(right), rankdata(guess)
    ones, error = np.ones(len(right)), guess - right
    if metric == "mae":
        return Tally.of(np.column_stack([np.abs(error), ones]), known[metric])
    if metric == "rmse":
        return Tally.of(np.column_stack([error**2, ones]), known[metric])
    # Correlations do not change when a constant is taken away, and sums of squares of large numbers lose digits.
    x, y = right - right.mean(), guess - guess.mean()
    third = error if metric == "r2" else y
    return Tally.of(np.column_stack([ones, x, third, x * x, third * third, x * third]), known[metric])


def _correlation(totals: Array) -> Array:
    """Pearson's correlation; 0 where one side is constant."""
    n, x, y, xx, yy, xy = totals
    spread = np.sqrt(np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0))
    return ratio(n * xy - x * y, spread)


def _explained(totals: Array) -> Array:
    """R squared: 1 minus the mean squared error over the variance of the gold numbers; where they are constant, 0 unless all are met."""
    n, x, _, xx, errors, _ = totals
    spread = np.maximum(n * xx - x * x, 0)
    return np.where(spread > 0, 1 - ratio(n * errors, spread), np.asarray(errors) == 0)


def _root_mean(totals: Array) -> Array:
    root: Array = np.sqrt(mean_of_counts(totals))
    return root


METRICS: dict[str, Combine] = {"spearman": _correlation, "pearson": _correlation, "r2": _explained}
"""Higher is better; correlations lie between -1 and 1, r2 below 1."""
ERRORS: dict[str, Combine] = {"mae": mean_of_counts, "rmse": _root_mean}
"""Mean errors in the unit of the numbers."""
