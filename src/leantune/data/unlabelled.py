"""Further files for a finished model: rows to predict (`read_rows`) and labelled rows to score it on (`read_labelled`).

rows = read_rows("new.csv", Path("work"), Columns(text="message"))
for chunk in rows.chunks(): chunk.texts, chunk.pairs
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from leantune.core.errors import DataError, Problems
from leantune.data import focus
from leantune.data.chat import CONVERSATION, conversation_of, refuse_no_conversations
from leantune.data.columns import Columns, require_columns
from leantune.data.entities import MADE_TAGS, TOKENS, entity_rows
from leantune.data.events import ROLES, TRIGGER, event_rows
from leantune.data.examples import ExampleChunk, Examples, ExampleWriter, example_fields
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.intake import Inference
from leantune.data.keys import keys
from leantune.data.layouts import plain_rows
from leantune.data.locate import Rewrite, bring_in, locate
from leantune.data.marks import marked_columns, put_marks, refuse_unmarked
from leantune.data.names import language
from leantune.data.neighbours import neighbour_rows
from leantune.data.options import refuse_wrong_options
from leantune.data.rows import columns_of, row_nests, texts_of, words_of
from leantune.data.rows import nests as nests_of
from leantune.data.table import MARKED, Table
from leantune.data.words import OF_WORDS

CHAT = "chat"
"""The kind of pieces (`data.pieces`) of conversations."""
Nests = Mapping[str, Sequence[str]]
"""What columns may hold besides texts and numbers."""


@dataclass(frozen=True)
class Rows:
    """Rows to predict, in the user's order with all their columns.

    Attributes:
        name: the file's name.
        table: every column as text, on disk.
        columns: where text and text pair stand.
        inferences: what was worked out while reading.
        pieces: how they become pieces, a name of `data.pieces`.
    """

    name: str
    table: Table
    columns: Columns
    inferences: list[Inference]
    pieces: str = "text"

    def __len__(self) -> int:
        return self.table.rows

    def chunks(self) -> Iterator[ExampleChunk]:
        """The rows, a few thousand at a time; a missing text is ""."""
        start = 1
        for cells in self.table.batches(self.columns.read):
            texts, *pairs = (column.to_pylist() for column in texts_of(cells, self.columns, self.pieces))
            words = words_of(cells).to_pylist() if self.pieces in OF_WORDS else None
            texts = list(map(conversation_of, texts)) if self.pieces == CHAT else texts
            yield ExampleChunk(texts, pairs[0] if pairs else None, words, rows=np.arange(start, start + cells.num_rows, dtype=np.int64))
            start += cells.num_rows


def read_rows(source: Any, folder: Path, columns: Columns, pieces: str = "text", *, pattern: str | None = None) -> Rows:
    """Read rows to predict; the label column is not needed.

    Args:
        source: the file.
        folder: where it is kept while it is read.
        columns: where text and text pair stand.
        pieces: how rows become pieces, a name of `data.pieces`.
        pattern: what every text must have in it (`Task.pattern`).

    Raises:
        DataError: E-COLUMN when a text column is missing, E-TEXT for what are no options, and whatever is wrong with the file.
    """
    needed = columns.model_copy(update={"label": None})
    may = row_nests(needed, pieces, lists=pieces in (*OF_WORDS, CHAT) or needed.text == CONVERSATION)
    read = _read(source, folder, needed, nests=may, pattern=pattern)
    if pieces == "focus":
        problems = Problems(read.place)
        deque(focus.rows(read.table, needed.text, str(needed.text_pair), problems), maxlen=0)
        problems.raise_if_any()
    if pieces == CHAT:
        refuse_no_conversations(read.table, read.columns.text, read.place)
    if pieces == "options":
        refuse_wrong_options(read.table, str(read.columns.text_pair), read.place)
    return Rows(read.place, read.table, read.columns, read.notes, pieces)


def read_labelled(
    source: Any, folder: Path, columns: Columns, labels: Sequence[str], gold: Gold, *, pattern: str | None = None
) -> tuple[Examples, list[Inference]]:
    """Read labelled rows for a model that knows `labels`, where label index i is labels[i]; and what was worked out while reading.

    Raises:
        DataError: E-LABEL for a missing label or one that the model does not know, and whatever is wrong with the file.
    """
    read = _read(source, folder, columns, gold=gold, pattern=pattern)
    labelled, columns = Labelled(read.table, read.columns, read.place), read.columns
    gold.check(labelled, labels)
    fields = example_fields(paired=columns.text_pair is not None, words=gold.words, gold=gold.arrow)
    writer = ExampleWriter(folder / "rows.arrow", fields)
    for start, cells in labelled.cells():
        found = columns_of(cells, columns, gold, labels)
        numbers = np.arange(start, start + cells.num_rows, dtype=np.int64)
        writer.write([*found, numbers, keys(*(column.to_pylist() for column in found[: 2 if columns.text_pair else 1]))])
    writer.close()
    return Examples(writer.path), read.notes


@dataclass(frozen=True)
class _Read:
    place: str
    table: Table
    columns: Columns
    notes: list[Inference]


def _read(
    source: Any, folder: Path, columns: Columns, *, pattern: str | None, gold: Gold | None = None, nests: Nests | None = None
) -> _Read:
    """Read one file, with its answers where their kind is given; else `nests` tells what the columns may hold."""
    parts = locate(source)
    chosen = parts if len(parts) == 1 else [part for part in parts if part.split == "test"]
    if len(chosen) != 1:
        raise DataError(f"{parts[0].name}: {len(parts)} splits, none of them test. Name one file.", "E-SPLIT")
    notes: list[Inference] = []
    rewrites: list[Rewrite] = []
    if columns.text == CONVERSATION or language(columns.text):
        rewrites.append(partial(plain_rows, answered=gold is not None))
    if columns.text == TOKENS and columns.text_pair is None:
        named = columns.label if columns.label != MADE_TAGS else None
        rewrites.append(partial(entity_rows, answered=gold is not None, places=named, tagging=True))
    if columns.text_pair == TRIGGER or (columns.label == ROLES and columns.text_pair is None):
        rewrites.append(partial(event_rows, arguments=columns.text_pair == TRIGGER))
    if gold is not None and gold.from_passages:
        rewrites.append(neighbour_rows)
    if pattern:
        rewrites.append(partial(put_marks, text=columns.text if columns.text != MARKED else None))
    table = bring_in(chosen[0], folder / "raw.arrow", notes, *rewrites)
    if columns.label not in table.columns and {TOKENS, MADE_TAGS}.issubset(table.columns):
        columns = columns.model_copy(update={"label": MADE_TAGS if columns.label else None})
    columns = marked_columns(table, gold.placed(table, columns) if gold else columns)
    require_columns(table, chosen[0].name, columns, nests=nests_of(columns, gold) if gold else nests)
    refuse_unmarked(table, columns, chosen[0].name, pattern)
    return _Read(chosen[0].name, table, columns, notes)
