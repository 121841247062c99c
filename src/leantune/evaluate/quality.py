"""Quality of classification: accuracy, macro-F1, weighted F1 and Matthews correlation out of counts that add up over rows.

    score = combine( sum over rows of weight[row] * statistics[row] )

Every row gives a short vector of counts, the counts are summed, and the metric is a function of the sum. A bootstrap then
resamples weights instead of rows, and needs no second look at the predictions. A task with another unit (a sentence with its
entities, a question with its F1, a translation with its n-gram matches) brings its own `Tally` and shares everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from leantune.core.errors import unknown_name

Array = NDArray[Any]
Combine = Callable[[Array], Array]
"""From summed counts, shape [counts, ...], to scores, shape [...]."""


@dataclass(frozen=True)
class Tally:
    """What one set of predictions contributes to a metric, row by row.

    Row `i` contributes `table[codes[i]]`: rows that contribute the same share a line of the table, which makes resampling cheap.
    """

    codes: Array
    """Integers [rows], each a line of `table`."""
    table: sparse.csr_matrix
    """Counts [lines, counts]."""
    combine: Combine

    @classmethod
    def of(cls, statistics: ArrayLike, combine: Combine) -> Tally:
        """From a dense array [units, counts], one line per resampled unit."""
        lines, codes = np.unique(np.asarray(statistics, dtype=np.float64), axis=0, return_inverse=True)
        return cls(codes.reshape(-1), sparse.csr_matrix(lines), combine)

    @property
    def rows(self) -> int:
        """Units that were scored."""
        return len(self.codes)

    def score(self, weights: ArrayLike | None = None) -> float:
        """The metric; `weights` [rows] count rows more than once or not at all."""
        per_line = np.bincount(
            self.codes, None if weights is None else np.asarray(weights, dtype=np.float64), minlength=self.table.shape[0]
        )
        return float(self.combine(self.table.T @ per_line))


def tally(metric: str, gold: ArrayLike, predicted: ArrayLike, n_labels: int) -> Tally:
    """The tally of a classification metric.

    Args:
        metric: a name of `METRICS`.
        gold: label numbers [rows].
        predicted: label numbers [rows].
        n_labels: labels there are.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, sorted(METRICS))
    combine = METRICS[metric]
    right, guess = np.asarray(gold, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if metric == "accuracy":
        return Tally((right == guess).astype(np.int64), sparse.csr_matrix([[0.0, 1.0], [1.0, 1.0]]), combine)
    pairs, codes = np.unique(right * n_labels + guess, return_inverse=True)
    return Tally(codes.reshape(-1), _label_counts(pairs // n_labels, pairs % n_labels, n_labels), combine)


def score(metric: str, gold: ArrayLike, predicted: ArrayLike, n_labels: int, weights: ArrayLike | None = None) -> float:
    """The metric as a fraction; `weights` [rows] count a row more than once or not at all.

    >>> score("accuracy", [0, 1, 1], [0, 1, 0], 2)
    0.6666666666666666
    """
    return tally(metric, gold, predicted, n_labels).score(weights)


def confusion(gold: ArrayLike, predicted: ArrayLike, n_labels: int) -> Array:
    """Counts of rows [gold label, predicted label]."""
    cells = np.asarray(gold, dtype=np.int64) * n_labels + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=n_labels * n_labels).reshape(n_labels, n_labels)


def per_label(matrix: Array, labels: list[str]) -> list[dict[str, Any]]:
    """Rows, precision, recall and F1 of each label, from a confusion matrix; an undefined ratio is 0."""
    right, guessed, rows = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall = _ratio(right, guessed), _ratio(right, rows)
    f1 = _ratio(2 * right, guessed + rows)
    return [
        {"label": label, "rows": int(rows[k]), "precision": float(precision[k]), "recall": float(recall[k]), "f1": float(f1[k])}
        for k, label in enumerate(labels)
    ]


def _label_counts(gold: Array, predicted: Array, n_labels: int) -> sparse.csr_matrix:
    """Lines of 3 x n_labels counts: right per label, predicted per label, gold per label."""
    lines = np.arange(len(gold))
    hits = lines[gold == predicted]
    row = np.concatenate([hits, lines, lines])
    column = np.concatenate([gold[hits], n_labels + predicted, 2 * n_labels + gold])
    return sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(gold), 3 * n_labels))


def _ratio(above: Array, below: Array) -> Array:
    out: Array = np.divide(above, below, out=np.zeros(np.shape(below)), where=np.asarray(below) > 0)
    return out


def _mean_of_counts(totals: Array) -> Array:
    """Sum of row scores over rows: accuracy and every other metric that is a mean."""
    return _ratio(totals[0], totals[1])


def _split(totals: Array) -> tuple[Array, Array, Array]:
    right, guessed, rows = totals.reshape(3, -1, *totals.shape[1:])
    return right, guessed, rows


def _macro_f1(totals: Array) -> Array:
    """Mean F1 over the labels that occur in gold or predictions."""
    right, guessed, rows = _split(totals)
    return _ratio(_ratio(2 * right, guessed + rows).sum(axis=0), (guessed + rows > 0).sum(axis=0))


def _weighted_f1(totals: Array) -> Array:
    """Mean F1 over labels, weighted by their gold rows."""
    right, guessed, rows = _split(totals)
    return _ratio((rows * _ratio(2 * right, guessed + rows)).sum(axis=0), rows.sum(axis=0))


def _mcc(totals: Array) -> Array:
    """Matthews correlation for any number of labels (Gorodkin 2004); 0 when gold or predictions are constant."""
    right, guessed, rows = _split(totals)
    n, hits = rows.sum(axis=0), right.sum(axis=0)
    above = hits * n - (guessed * rows).sum(axis=0)
    below = (n * n - (guessed * guessed).sum(axis=0)) * (n * n - (rows * rows).sum(axis=0))
    return _ratio(above, np.sqrt(np.maximum(below, 0)))


METRICS: dict[str, Combine] = {"accuracy": _mean_of_counts, "macro_f1": _macro_f1, "weighted_f1": _weighted_f1, "mcc": _mcc}
"""Classification metrics by name; all are fractions (mcc from -1 to 1)."""
