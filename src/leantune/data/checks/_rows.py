"""What the checks share: rows as words, evenly drawn samples, how rows are named in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from leantune.core.errors import some
from leantune.core.records import CheckFinding
from leantune.data.dataset import Dataset
from leantune.data.examples import Examples

FIRST_ROWS = 20
"""Row numbers that a finding keeps."""

_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\\W_]+(?:['’][^\\W_]+)*")


@dataclass(frozen=True)
class Row:
    """One row: its number in the user's file, its label index (-1 where answers are no labels), its text and the second text of a pair."""

    number: int
    label: int
    text: str
    pair: str | None

    @property
    def whole(self) -> str:
        """Both texts."""
        return self.text if self.pair is None else f"{self.text} {self.pair}"


def between(dataset: Dataset) -> list[tuple[str, str]]:
    """Pairs of a split to be scored on and one that a model or a choice has seen, which should share no row."""
    tests = list(dataset.tests.values())
    return [*((test, "train") for test in tests), ("dev", "train"), *((test, "dev") for test in tests)]


def rows(examples: Examples, most: int | None = None) -> Iterator[Row]:
    """The rows of a split; with `most`, every k-th row so that about so many are seen."""
    step = 1 if most is None else max(1, -(-len(examples) // most))
    gold = examples.gold
    labels = gold if isinstance(gold, np.ndarray) and gold.dtype == np.int32 else np.full(len(examples), -1)
    start = 0
    for chunk in examples.chunks():
        for index in range(-start % step, len(chunk), step):
            pair = None if chunk.pairs is None else chunk.pairs[index]
            yield Row(int(examples.rows[start + index]), int(labels[start + index]), chunk.texts[index], pair)
        start += len(chunk)


def label_counts(examples: Examples, labels: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How often each label stands in a split: rows of single labels, mentions of several, words of tags."""
    gold = examples.gold
    flat = gold if isinstance(gold, np.ndarray) else np.fromiter((label for row in gold for label in row), dtype=np.int64)
    return np.bincount(flat, minlength=labels)


def words(text: str) -> list[str]:
    """Lower-case words; in Chinese and Japanese single characters.

    >>> words("Don't stop, 房间!")
    ["don't", 'stop', '房', '间']
    """
    return _WORD.findall(text.lower())


def named(dataset: Dataset, split: str, numbers: Iterable[int], most: int = 4) -> str:
    """Rows in a sentence: "train.csv row 5, 9 (3 more)"."""
    return f"{dataset.manifest.sources[split].name} row {some(sorted(numbers), most)}"


def finding(kind: str, severity: str, message: str, *, rows: Iterable[int] = (), fix: str | None = None) -> CheckFinding:
    """A finding that keeps the first rows concerned."""
    return CheckFinding.build(
        "finding", {"kind": kind, "severity": severity, "message": message, "rows": sorted(rows)[:FIRST_ROWS], "fix": fix}
    )


def share(part: int, whole: int) -> str:
    """A share in a sentence: "331 of 1,200 rows (28%)"."""
    percent = 100 * part / max(1, whole)
    return f"{part:,} of {whole:,} rows ({percent:.0f}%)" if percent >= 1 or part == 0 else f"{part:,} of {whole:,} rows ({percent:.2g}%)"
