"""Further files for a finished model: rows to predict (`read_rows`) and labelled rows to score it on (`read_labelled`).

rows = read_rows("new.csv", Path("work"), Columns(text="message"))
for texts, pairs in rows.chunks(): ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leantune.core.errors import DataError
from leantune.data.columns import Columns, require_columns
from leantune.data.examples import Examples, ExampleWriter
from leantune.data.intake import Inference
from leantune.data.keys import keys
from leantune.data.labels import check_known, count_labels, numbered
from leantune.data.locate import Part, bring_in, locate
from leantune.data.table import Table


@dataclass(frozen=True)
class Rows:
    """Rows to predict, in the user's order with all their columns.

    Attributes:
        name: the file's name.
        table: every column as text, on disk.
        columns: where text and text pair stand.
        inferences: what was worked out while reading.
    """

    name: str
    table: Table
    columns: Columns
    inferences: list[Inference]

    def __len__(self) -> int:
        return self.table.rows

    def chunks(self) -> Iterator[tuple[list[str], list[str] | None]]:
        """Texts and pairs (None for single texts), a few thousand rows at a time; a missing text is ""."""
        names = [self.columns.text, *([self.columns.text_pair] if self.columns.text_pair else [])]
        for batch in self.table.batches(names):
            texts, *pairs = ([value or "" for value in column.to_pylist()] for column in batch.columns)
            yield texts, pairs[0] if pairs else None


def read_rows(source: Any, folder: Path, columns: Columns) -> Rows:
    """Read rows to predict; the label column is not needed.

    Raises:
        DataError: E-COLUMN when a text column is missing, and whatever is wrong with the file.
    """
    needed = columns.model_copy(update={"label": None})
    part, table, notes = _read(source, folder, needed)
    return Rows(part.name, table, needed, notes)


def read_labelled(source: Any, folder: Path, columns: Columns, labels: Sequence[str]) -> Examples:
    """Read labelled rows for a model that knows `labels`; label index i is labels[i].

    Raises:
        DataError: E-LABEL for a missing label or one that the model does not know, and whatever is wrong with the file.
    """
    part, table, _ = _read(source, folder, columns)
    column = str(columns.label)
    check_known(count_labels(table, column, part.name), labels, column, place=part.name, table=table)
    writer = ExampleWriter(folder / "rows.arrow", paired=columns.text_pair is not None)
    start = 0
    for batch in table.batches([columns.text, *([columns.text_pair] if columns.text_pair else []), column]):
        *texts, label = batch.columns
        filled = [column.fill_null("") for column in texts]
        numbers = np.arange(start + 1, start + batch.num_rows + 1, dtype=np.int64)
        writer.write([*filled, numbered(label, labels), numbers, keys(*(column.to_pylist() for column in filled))])
        start += batch.num_rows
    writer.close()
    return Examples(writer.path)


def _read(source: Any, folder: Path, columns: Columns) -> tuple[Part, Table, list[Inference]]:
    parts = locate(source)
    chosen = parts if len(parts) == 1 else [part for part in parts if part.split == "test"]
    if len(chosen) != 1:
        raise DataError(f"{parts[0].name}: {len(parts)} splits, none of them test. Name one file.", "E-SPLIT")
    notes: list[Inference] = []
    table = bring_in(chosen[0], folder / "raw.arrow", notes)
    require_columns(table, chosen[0].name, columns)
    return chosen[0], table, notes
