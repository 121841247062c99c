"""Scores of one closed label per row: accuracy, macro-F1, weighted F1 and Matthews correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from leantune.core.errors import unknown_name
from leantune.scores import f1
from leantune.scores.tally import Array, Combine, Tally, mean_of_counts


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
    return f1.per_label(labels, np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1))


def _label_counts(gold: Array, predicted: Array, n_labels: int) -> sparse.csr_matrix:
    """Lines of 3 x n_labels counts: right per label, predicted per label, gold per label."""
    lines = np.arange(len(gold))
    hits = lines[gold == predicted]
    row = np.concatenate([hits, lines, lines])
    column = np.concatenate([gold[hits], n_labels + predicted, 2 * n_labels + gold])
    return sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(gold), 3 * n_labels))


METRICS: dict[str, Combine] = {"accuracy": mean_of_counts, "macro_f1": f1.macro, "weighted_f1": f1.weighted, "mcc": f1.matthews}
"""Classification metrics by name; all are fractions (mcc from -1 to 1)."""
