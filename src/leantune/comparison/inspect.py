"""A closer look at one method: what the task shows of its predictions, its most confident mistakes, the texts that it wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leantune.comparison.writings import writing
from leantune.core.records import Candidate, Inspection, Mistake, Ranking
from leantune.core.shown import Writing
from leantune.evaluate.predictions import Predictions
from leantune.kinds.task import Task


@dataclass(frozen=True)
class RowText:
    """A row as the user knows it: number in the file (from 1), text, and its words where it is a list of them."""

    row: int
    text: str
    text_pair: str | None = None
    words: list[str] | None = None
    places: tuple[int, ...] = ()
    """Of the words that the row is about."""


FIRST = 5
"""Candidates of a ranking that are shown, the best ones; the relevant ones are, besides."""
WORST, TYPICAL = 12, 8
"""Written texts that are shown: those with the lowest chrF, and some evenly drawn from the test set."""

Texts = Callable[[int], RowText]
"""From the position in the split (from 0) to the row."""


def inspect(name: str, task: Task, found: Predictions, labels: Sequence[str], texts: Texts, *, most: int = 20) -> Inspection:
    """Inspection of a method on the rows of `found`; at most `most` mistakes, the worst first."""
    weights = np.array([task.mistake(*row) for row in zip(found.gold, found.predicted, found.confidence, strict=True)])
    worst = [int(place) for place in np.argsort(-weights, kind="stable")[:most] if weights[place] > 0]
    details = task.details(found.gold, found.predicted, labels)
    if task.writes:
        typical = np.linspace(0, len(weights) - 1, min(TYPICAL, len(weights)), dtype=np.int64).tolist()
        shown = [[_writing(task, found, place, texts, 1 - weights[place]) for place in places] for places in (typical, worst[:WORST])]
        return Inspection(method=name, labels=list(labels), typical=shown[0], worst=shown[1], mistakes=[], **details)
    mistakes = [_mistake(task, found, labels, position, texts(position)) for position in worst]
    rankings = [_ranking(score, rows, found, texts) for score, rows in task.rankings(found.gold, found.predicted)[:most]]
    return Inspection.build("inspection", {"method": name, "labels": list(labels), "rankings": rankings, "mistakes": mistakes, **details})


def _writing(task: Task, found: Predictions, position: int, texts: Texts, chrf: float) -> Writing:
    row = texts(position)
    source = "\n".join(text for text in (task.plainly(row.text), row.text_pair) if text)
    return writing(row.row, source, found.gold[position], found.predicted[position], chrf)


def _ranking(score: float, rows: Sequence[int], found: Predictions, texts: Texts) -> Ranking:
    candidates = list[Candidate]()
    for place, position in enumerate(rows, 1):
        row, relevant = texts(position), bool(found.gold[position][1] > 0)
        if place <= FIRST or (relevant and len(candidates) < 2 * FIRST):
            likely = round(float(found.predicted[position]), 4)
            candidates.append(Candidate(place=place, row=row.row, text=row.text_pair or "", relevant=relevant, score=likely))
    return Ranking(text=texts(rows[0]).text, score=score, size=len(rows), candidates=candidates)


def _mistake(task: Task, found: Predictions, labels: Sequence[str], position: int, row: RowText) -> Mistake:
    options = task.options(found.predicted[position], row.text_pair)
    return Mistake(
        row=row.row,
        text=row.text,
        text_pair=None if options else row.text_pair,
        gold=task.named(found.gold[position], labels),
        predicted=task.named(found.predicted[position], labels),
        confidence=round(float(found.confidence[position]), 4),
        words=row.words,
        places=list(row.places),
        pieces=task.pieces(row.text if row.text_pair is None else row.text_pair, found.gold[position], found.predicted[position]),
        options=options,
    )
