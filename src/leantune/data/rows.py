"""From the cells of a user's file to the columns of `Examples`.

texts_of(cells, columns, "words")            text (and pair) as texts, words joined by spaces, options as a list
columns_of(cells, columns, gold, labels)     these, the words where there are any, and the gold
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from leantune.data import focus
from leantune.data.columns import Columns
from leantune.data.options import options
from leantune.data.words import OF_WORDS, split_words

if TYPE_CHECKING:
    from leantune.data.golds._gold import Gold


PAIR_NESTS = ("a list", "an object")
"""What may hold the options of a row, or say which words it is about, besides a number."""


def texts_of(cells: Any, columns: Columns, pieces: str) -> list[Any]:
    """Text and pair of a batch of rows; a missing one counts as empty (the check tells how many there are).

    Args:
        cells: the rows.
        columns: where text and pair stand.
        pieces: how rows become pieces, a name of `data.pieces`.
    """
    texts = [pc.fill_null(cells.column(place), "") for place in range(2 if columns.text_pair else 1)]
    if pieces in OF_WORDS:
        words = words_of(cells).to_pylist()
        texts[0] = pa.array([" ".join(row) for row in words], pa.string())
        if pieces == "focus":
            span, places = focus.is_spans(str(columns.text_pair)), zip(texts[1].to_pylist(), words, strict=True)
            texts[1] = pa.array([focus.written(focus.places_of(cell, len(row), span=span)) for cell, row in places], pa.string())
    if pieces == "options":
        texts[1] = pa.array([json.dumps(options(cell).texts, ensure_ascii=False) for cell in cells.column(1).to_pylist()], pa.string())
    return texts


def nests(columns: Columns, gold: Gold) -> dict[str, tuple[str, ...]]:
    """What columns may hold besides texts and numbers."""
    return {**row_nests(columns, gold.pieces, lists=gold.lists), str(columns.label): gold.nests}


def row_nests(columns: Columns, pieces: str, *, lists: bool) -> dict[str, tuple[str, ...]]:
    """What the columns of text and pair may hold besides texts and numbers; `lists` tells whether a text may be one."""
    found: dict[str, tuple[str, ...]] = {columns.text: ("a list",) if lists else ()}
    return found | ({str(columns.text_pair): PAIR_NESTS} if pieces in ("focus", "options") else {})


def words_of(cells: Any) -> Any:
    """The words of a batch of rows, lists of texts."""
    return pa.array([split_words(text) for text in cells.column(0).to_pylist()], pa.list_(pa.string()))


def columns_of(cells: Any, columns: Columns, gold: Gold, labels: Sequence[str]) -> list[Any]:
    """The columns of `example_fields` up to the gold."""
    words = [words_of(cells)] if gold.words else []
    return [*texts_of(cells, columns, gold.pieces), *words, gold.read(cells, labels)]
