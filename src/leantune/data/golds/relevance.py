"""How well a second text answers the first: 0 for not at all, 1 (or more) for relevant. Rows with the same first text are one group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leantune.core.errors import DataError, Problems
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.golds.number import number
from leantune.data.intake import Inference
from leantune.data.keys import keys

MOST = 1_000_000
"""The largest grade."""
_GOOD = {"true", "yes", "relevant", "answer", "correct", "positive", "match"}
_BAD = {"false", "no", "irrelevant", "incorrect", "wrong", "negative"}


class Relevance(Gold):
    """(number of the group, relevance)."""

    arrow = pa.list_(pa.int64())
    coded = False
    grouped = True

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The one output has the name of the column."""
        if train.columns.text_pair is None:
            raise DataError(
                f"{train.place}: ranking needs two texts, a question and an answer. Name the second with --text-pair COL.", "E-COLUMN"
            )
        for source in (train, *held):
            self.check(source, [])
        found = [row for _, cells in train.cells() for row in self.read(cells, []).to_pylist()]
        if len({relevance for _, relevance in found}) < 2:
            raise DataError(f'{train.place}, column "{train.label}": every row is equally relevant. There is nothing to learn.', "E-LABEL")
        groups = len({group for group, _ in found})
        notes.append(Inference(what="groups", value=f"{groups:,}", why=f'rows with the same "{train.columns.text}" are ranked together'))
        return [train.label]

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse what is no relevance."""
        del labels
        problems = Problems(source.place)
        for start, cells in source.cells():
            for place, text in enumerate(answers(cells)):
                if relevance(text) is None:
                    what = f'row {start + place}, column "{source.label}": "{text or ""}" is no relevance.'
                    problems.add(f"{what} Write 0 or 1 (or yes and no, answer and not_answer).", "E-LABEL")
        problems.raise_if_any()

    def blank(self, words: int) -> Any:
        """Of no group."""
        del words
        return [0, 0]

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Group and relevance of each row."""
        del labels
        groups = keys([text or "" for text in cells.column(0).to_pylist()]).view(np.int64)
        pairs = zip(groups.tolist(), (relevance(text) or 0 for text in answers(cells)), strict=True)
        return pa.array([list(pair) for pair in pairs], self.arrow)

    def strata(self, gold: pa.Array) -> NDArray[np.int32]:
        """Relevant or not."""
        return np.array([min(row[1], 1) for row in gold.to_pylist()], np.int32)


def relevance(text: str | None) -> int | None:
    """The relevance that a text says, else None.

    >>> relevance("1"), relevance("no"), relevance("2.0"), relevance("not_answer"), relevance("maybe")
    (1, 0, 2, 0, None)
    """
    plain = (text or "").strip().lower()
    if plain in _BAD or plain.removeprefix("not").lstrip("_- ") in _GOOD - {plain}:
        return 0
    if plain in _GOOD:
        return 1
    found = number(plain)
    return int(found) if found is not None and 0 <= found <= MOST and found == int(found) else None


MEMBER = Relevance()
