"""F1 from counts per label: right, predicted, gold. Shared by single labels, sets of labels and entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leantune.scores.tally import Array, ratio


def macro(totals: Array) -> Array:
    """Mean F1 over the labels that occur in gold or predictions; totals [3 * labels, ...]."""
    right, guessed, rows = _split(totals)
    return ratio(ratio(2 * right, guessed + rows).sum(axis=0), (guessed + rows > 0).sum(axis=0))


def weighted(totals: Array) -> Array:
    """Mean F1 over labels, weighted by their gold rows."""
    right, guessed, rows = _split(totals)
    return ratio((rows * ratio(2 * right, guessed + rows)).sum(axis=0), rows.sum(axis=0))


def micro(totals: Array) -> Array:
    """F1 over all decisions."""
    right, guessed, rows = (part.sum(axis=0) for part in _split(totals))
    return ratio(2 * right, guessed + rows)


def matthews(totals: Array) -> Array:
    """Matthews correlation for any number of labels (Gorodkin 2004); 0 when gold or predictions are constant."""
    right, guessed, rows = _split(totals)
    n, hits = rows.sum(axis=0), right.sum(axis=0)
    above = hits * n - (guessed * rows).sum(axis=0)
    below = (n * n - (guessed * guessed).sum(axis=0)) * (n * n - (rows * rows).sum(axis=0))
    return ratio(above, np.sqrt(np.maximum(below, 0)))


def per_label(labels: Sequence[str], right: Array, guessed: Array, rows: Array) -> list[dict[str, Any]]:
    """Rows, precision, recall and F1 of each label, from counts [labels]; an undefined ratio is 0."""
    precision, recall, f1 = ratio(right, guessed), ratio(right, rows), ratio(2 * right, guessed + rows)
    return [
        {"label": label, "rows": int(rows[k]), "precision": float(precision[k]), "recall": float(recall[k]), "f1": float(f1[k])}
        for k, label in enumerate(labels)
    ]


def _split(totals: Array) -> tuple[Array, Array, Array]:
    right, guessed, rows = totals.reshape(3, -1, *totals.shape[1:])
    return right, guessed, rows
