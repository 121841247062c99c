"""One number per row, such as a rating or a similarity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leantune.core.errors import DataError, Problems
from leantune.data.facts import NUMBER, Facts
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.intake import Inference
from leantune.data.table import Nested
from leantune.data.values import is_missing

_MOST_CLASSES = 10
"""Fewer distinct numbers may be classes that are called 0.5, 1.0 and so on."""


class Number(Gold):
    """A measured number."""

    arrow = pa.float64()
    coded = False

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """Many different numbers, some with fractions, are measured and no labels."""
        if of_words or nested or not facts.fractional or facts.distinct <= max(_MOST_CLASSES, facts.rows // 100):
            return None
        return f'"{facts.name}" holds {facts.counted}, numbers with fractions'

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The one output has the name of the column."""
        del notes
        for source in (train, *held):
            self.check(source, [])
        numbers = {value for _, cells in train.cells() for value in self.read(cells, []).to_pylist()}
        if len(numbers) == 1:
            raise DataError(
                f'{train.place}, column "{train.label}": every row has the number {numbers.pop():g}. There is nothing to learn.', "E-LABEL"
            )
        return [train.label]

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse what is no finite number."""
        del labels
        problems = Problems(source.place)
        for start, cells in source.cells():
            for place, text in enumerate(answers(cells)):
                if is_missing(text):
                    problems.add(
                        f'row {start + place}, column "{source.label}": the number is missing. Fill it in or delete the row.', "E-LABEL"
                    )
                elif number(text) is None:
                    problems.add(f'row {start + place}, column "{source.label}": "{text}" is no finite number. Correct it.', "E-LABEL")
        problems.raise_if_any()

    def blank(self, words: int) -> Any:
        """Nought."""
        del words
        return 0.0

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """The numbers."""
        del labels
        return pa.array([number(text) for text in answers(cells)], self.arrow)

    def strata(self, gold: pa.Array) -> NDArray[np.int32]:
        """Ten bins of equal width, so that the splits have the same spread."""
        values = gold.to_numpy(zero_copy_only=False)
        edges = np.linspace(values.min(), values.max(), 11)[1:-1] if len(values) else np.zeros(0)
        found: NDArray[np.int32] = np.digitize(values, edges).astype(np.int32)
        return found


def number(text: str | None) -> float | None:
    """The finite number that a text is (with a decimal point or comma), else None.

    >>> number("2,5"), number("1e3"), number("nan"), number("1_000")
    (2.5, 1000.0, None, None)
    """
    if not NUMBER.fullmatch((text or "").strip()):
        return None
    found = float((text or "").replace(",", "."))
    return found if math.isfinite(found) else None


MEMBER = Number()
