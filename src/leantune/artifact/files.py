"""Whole files through an artifact: rows to predict, labelled rows to score; memory does not grow with the file.

predict_file(predictor, "new.csv", Path("out.csv"))
evaluate_file(predictor, "test.csv").metrics["accuracy"]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from leantune.artifact.reader import Reader
from leantune.core import catalogue
from leantune.core.errors import DataError, some
from leantune.core.human import percent
from leantune.core.spec import Spec
from leantune.data.columns import Columns
from leantune.data.examples import ExampleChunk, Examples
from leantune.data.golds._gold import Gold
from leantune.data.intake import Inference
from leantune.data.unlabelled import Rows, read_labelled, read_rows
from leantune.data.write import check_ending, free_names, write_to, write_with
from leantune.kinds.task import Answers, Decoded, in_order
from leantune.scores.tally import Tally


class Scored(Spec):
    """How well a model does on a labelled file."""

    rows: int
    metrics: dict[str, float]
    """Every metric of the task; fractions, but for mean errors, which have the unit of the answers."""
    per_label: list[dict[str, Any]] = []
    """label, rows, precision, recall, f1 for each label; empty where answers are no labels."""
    confusion: list[list[int]] = []
    """confusion[gold][predicted], counts of rows; empty where a row has no single label."""
    labels: list[str]
    inferences: list[Inference] = []
    """What was worked out while the file was read."""


@dataclass(frozen=True)
class Written:
    """A file with predictions.

    Attributes:
        rows: their number.
        names: of the two new columns.
        inferences: what was worked out while the file was read.
    """

    rows: int
    names: list[str]
    inferences: list[Inference]


def predict_file(predictor: Reader, file: str, out: Path | None, *, text: str | None = None, text_pair: str | None = None) -> Written:
    """Write all rows of a file with label and score behind their columns, in their order.

    Args:
        predictor: the artifact.
        file: CSV, TSV, JSON, JSON Lines, Parquet, a saved folder or a hub name.
        out: where to write (CSV, TSV, JSON Lines or JSON by its ending); None is CSV on standard output.
        text: text column where it has another name than in training.
        text_pair: column of the second text, likewise.
    """
    if out is not None:
        check_ending(out)
    with tempfile.TemporaryDirectory() as temporary:
        columns, pattern = _columns(predictor, text, text_pair), predictor.task.pattern
        rows = read_rows(file, Path(temporary), columns, predictor.manifest.facts.pieces, pattern=pattern)
        names = free_names(rows.table.given, ("label", "score"))
        cut = _Cut()
        if out is None:
            write_to(sys.stdout, ".csv", rows.table, names=names, values=_values(predictor, rows, cut))
        else:
            write_with(rows.table, out, names, _values(predictor, rows, cut))
        return Written(len(rows), names, [*rows.inferences, *cut.told(len(rows), predictor.manifest.max_length)])


def evaluate_file(
    predictor: Reader, file: str, *, text: str | None = None, text_pair: str | None = None, label: str | None = None
) -> Scored:
    """Score a model on a labelled file.

    Raises:
        DataError: E-LABEL for missing labels and labels that the model does not know.
    """
    labels, cut = predictor.labels, _Cut()
    gold, guess, notes = _answered(predictor, file, cut, text=text, text_pair=text_pair, label=label)
    task = predictor.task
    details = task.details(gold, guess, labels)
    return Scored(
        rows=len(gold),
        metrics={name: task.tally(name, gold, guess, labels).score() for name in (*task.metrics, *task.reported)},
        per_label=details.get("per_label", []),
        confusion=details.get("confusion", []),
        labels=labels,
        inferences=[*notes, *cut.told(len(gold), predictor.manifest.max_length)],
    )


def tally_of(predictor: Reader, file: str) -> Tally:
    """What a model scores on each row of a labelled file, by the metric that it was chosen by."""
    gold, guess, _ = _answered(predictor, file, _Cut())
    return predictor.task.tally(predictor.manifest.facts.metric, gold, guess, predictor.labels)


def _answered(
    predictor: Reader, file: str, cut: _Cut, *, text: str | None = None, text_pair: str | None = None, label: str | None = None
) -> tuple[Answers, Answers, list[Inference]]:
    """Gold answers and predictions of a labelled file, and what was worked out while it was read; rows that are cut are noted."""
    with labelled(predictor, file, text=text, text_pair=text_pair, label=label) as (examples, notes):
        gold, parts = examples.gold, [_decoded(predictor, chunk, cut, predictor.decode) for chunk in examples.chunks()]
    sizes = np.cumsum([0, *(len(part.confidence) for part in parts)])
    return gold, in_order(np.arange(sizes[-1]), parts).predicted, notes


@contextmanager
def labelled(
    predictor: Reader, file: str, *, text: str | None = None, text_pair: str | None = None, label: str | None = None
) -> Iterator[tuple[Examples, list[Inference]]]:
    """The rows of a labelled file while the block lasts, and what was worked out while they were read."""
    kind: Gold = catalogue.load("data.golds", predictor.task.gold)
    answers = (label or predictor.manifest.facts.label) if kind.labelled else None
    columns = _columns(predictor, text, text_pair).model_copy(update={"label": answers})
    with tempfile.TemporaryDirectory() as temporary:
        yield read_labelled(file, Path(temporary), columns, predictor.labels, kind, pattern=predictor.task.pattern)


def _decoded(predictor: Reader, chunk: ExampleChunk, cut: _Cut, answer: Callable[[ExampleChunk], Decoded]) -> Decoded:
    """The answers to some rows; those that are cut are noted."""
    assert chunk.rows is not None
    cut.firsts.extend(int(chunk.rows[place]) for place in predictor.cut(chunk.texts))
    cut.rows.extend(int(chunk.rows[place]) for place in predictor.shortened(chunk))
    return answer(chunk)


@dataclass(frozen=True)
class _Cut:
    """Rows of which not everything is read, by their numbers in the file."""

    firsts: list[int] = field(default_factory=list)
    """Their first text leaves too little room for the second."""
    rows: list[int] = field(default_factory=list)

    def told(self, of: int, most: int) -> list[Inference]:
        """A line for each kind.

        Args:
            of: rows in all.
            most: tokens that are read of a row.
        """
        why = f"it leaves too little room for the second: row {some(self.firsts)}"
        firsts = [Inference(what="rows whose first text is cut", value=f"{len(self.firsts):,}", why=why)] if self.firsts else []
        share = f"{len(self.rows):,} ({percent(len(self.rows) / of)})" if self.rows else ""
        long = f"longer than the {most} tokens that are read: row {some(self.rows)}"
        return firsts + ([Inference(what="rows that are cut", value=share, why=long)] if self.rows else [])


def _values(predictor: Reader, rows: Rows, cut: _Cut) -> Iterator[tuple[Any, float]]:
    for chunk in rows.chunks():
        decoded = _decoded(predictor, chunk, cut, predictor.said)
        for answer, confidence in zip(decoded.predicted, decoded.confidence, strict=True):
            yield predictor.task.named(answer, predictor.labels), round(float(confidence), 6)


def _columns(predictor: Reader, text: str | None, text_pair: str | None) -> Columns:
    facts = predictor.manifest.facts
    if text_pair is not None and not facts.paired:
        raise DataError("--text-pair is given, but this model reads single texts. Leave it out.", "E-COLUMN")
    return Columns(text=text or facts.text, text_pair=(text_pair or facts.text_pair) if facts.paired else None)
