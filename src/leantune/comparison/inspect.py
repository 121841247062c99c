"""A closer look at one method: what the task shows of its predictions, and the mistakes it was most confident about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leantune.core.records import Inspection, Mistake
from leantune.evaluate.predictions import Predictions
from leantune.kinds.task import Task


@dataclass(frozen=True)
class RowText:
    """A row as the user knows it: number in the file (from 1), text, and its words where it is a list of them."""

    row: int
    text: str
    text_pair: str | None = None
    words: list[str] | None = None


Texts = Callable[[int], RowText]
"""From the position in the split (from 0) to the row."""


def inspect(name: str, task: Task, found: Predictions, labels: Sequence[str], texts: Texts, *, most: int = 20) -> Inspection:
    """Inspection of a method on the rows of `found`; at most `most` mistakes, the worst first."""
    weights = np.array([task.mistake(*row) for row in zip(found.gold, found.predicted, found.confidence, strict=True)])
    worst = [int(place) for place in np.argsort(-weights, kind="stable")[:most] if weights[place] > 0]
    mistakes = [_mistake(task, found, labels, position, texts(position)) for position in worst]
    details = task.details(found.gold, found.predicted, labels)
    return Inspection.build("inspection", {"method": name, "labels": list(labels), "mistakes": mistakes, **details})


def _mistake(task: Task, found: Predictions, labels: Sequence[str], position: int, row: RowText) -> Mistake:
    return Mistake(
        row=row.row,
        text=row.text,
        text_pair=row.text_pair,
        gold=task.named(found.gold[position], labels),
        predicted=task.named(found.predicted[position], labels),
        confidence=round(float(found.confidence[position]), 4),
        words=row.words,
    )
