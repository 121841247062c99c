"""Scores of any number of labels per row: macro F1, micro F1 and the share of rows with exactly the right labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from leantune.core.errors import unknown_name
from leantune.scores import f1
from leantune.scores.tally import Combine, Tally, mean_of_counts

LabelSets = Sequence[Sequence[int]] | NDArray[Any]
"""The label numbers of each row, rising."""


def tally(metric: str, gold: LabelSets, predicted: LabelSets, n_labels: int) -> Tally:
    """The tally of a multi-label metric.

    Args:
        metric: a name of `METRICS`.
        gold: label numbers of each row.
        predicted: label numbers of each row.
        n_labels: labels there are.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, sorted(METRICS))
    if metric == "exact":
        same = [list(right) == list(guess) for right, guess in zip(gold, predicted, strict=True)]
        return Tally.of(np.column_stack([same, np.ones(len(same))]), mean_of_counts)
    right, guess = membership(gold, n_labels), membership(predicted, n_labels)
    return Tally.of_rows(sparse.csr_matrix(sparse.hstack([right.multiply(guess), guess, right])), METRICS[metric])


def membership(sets: LabelSets, n_labels: int) -> sparse.csr_matrix:
    """1 where a row has a label; shape (rows, labels)."""
    columns = np.fromiter((label for labels in sets for label in labels), dtype=np.int64)
    starts = np.cumsum([0, *map(len, sets)])
    return sparse.csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(sets), n_labels))


def per_label(gold: LabelSets, predicted: LabelSets, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Rows, precision, recall and F1 of each label; an undefined ratio is 0."""
    right, guess = membership(gold, len(labels)), membership(predicted, len(labels))
    return f1.per_label(labels, *(np.asarray(part.sum(axis=0)).ravel() for part in (right.multiply(guess), guess, right)))


METRICS: dict[str, Combine] = {"macro_f1": f1.macro, "micro_f1": f1.micro, "exact": mean_of_counts}
"""Multi-label metrics by name; all are fractions; `exact` is the share of rows with exactly the right labels."""
