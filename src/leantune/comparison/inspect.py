"""A closer look at one method: confusion matrix, quality per label, and the mistakes it was most confident about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leantune.core.records import Inspection, Mistake
from leantune.evaluate.predictions import Predictions
from leantune.scores.labels import confusion, per_label


@dataclass(frozen=True)
class RowText:
    """A row as the user knows it: number in the file (from 1) and text."""

    row: int
    text: str
    text_pair: str | None = None


Texts = Callable[[int], RowText]
"""From the position in the split (from 0) to the row."""


def inspect(name: str, found: Predictions, labels: Sequence[str], texts: Texts, *, most: int = 20) -> Inspection:
    """Inspection of a method on the rows of `found`; at most `most` mistakes, the most confident first."""
    matrix = confusion(found.gold, found.predicted, len(labels))
    wrong = np.flatnonzero(np.asarray(found.gold) != np.asarray(found.predicted))
    worst = wrong[np.argsort(-found.confidence[wrong], kind="stable")][:most]
    return Inspection(
        method=name,
        labels=list(labels),
        confusion=matrix.tolist(),
        per_label=per_label(matrix, list(labels)),
        mistakes=[_mistake(found, labels, int(position), texts(int(position))) for position in worst],
    )


def _mistake(found: Predictions, labels: Sequence[str], position: int, row: RowText) -> Mistake:
    return Mistake(
        row=row.row,
        text=row.text,
        text_pair=row.text_pair,
        gold=labels[int(found.gold[position])],
        predicted=labels[int(found.predicted[position])],
        confidence=round(float(found.confidence[position]), 4),
    )
