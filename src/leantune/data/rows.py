"""From the cells of a user's file to the columns of `Examples`.

texts_of(cells, columns, words=False)        text (and pair) as texts, words joined by spaces
columns_of(cells, columns, gold, labels)     these, the words where there are any, and the gold
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from leantune.data.columns import Columns
from leantune.data.words import split_words

if TYPE_CHECKING:
    from leantune.data.golds._gold import Gold


def texts_of(cells: Any, columns: Columns, *, words: bool) -> list[Any]:
    """Text and pair of a batch of rows; a missing one counts as empty (the check tells how many there are)."""
    texts = [pc.fill_null(cells.column(place), "") for place in range(2 if columns.text_pair else 1)]
    if words:
        texts[0] = pa.array([" ".join(row) for row in words_of(cells).to_pylist()], pa.string())
    return texts


def nests(columns: Columns, gold: Gold) -> dict[str, tuple[str, ...]]:
    """What columns may hold besides texts and numbers."""
    return {columns.text: ("a list",) if gold.lists else (), str(columns.label): gold.nests}


def words_of(cells: Any) -> Any:
    """The words of a batch of rows, lists of texts."""
    return pa.array([split_words(text) for text in cells.column(0).to_pylist()], pa.list_(pa.string()))


def columns_of(cells: Any, columns: Columns, gold: Gold, labels: Sequence[str]) -> list[Any]:
    """The columns of `example_fields` up to the gold."""
    words = [words_of(cells)] if gold.words else []
    return [*texts_of(cells, columns, words=gold.words), *words, gold.read(cells, labels)]
