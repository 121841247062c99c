"""Rows that were read, checked and numbered, written as the splits of a prepared folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from leantune.core.digest import digest
from leantune.data import splits
from leantune.data.examples import ExampleWriter, example_fields
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.locate import Part
from leantune.data.manifest import ContentDigest, SourceTable
from leantune.data.rows import columns_of
from leantune.data.table import Table


@dataclass(frozen=True)
class Source:
    """One file of the user's, read and numbered.

    Attributes:
        part: where it came from.
        labelled: its rows.
        strata: one number per row to spread over the splits by, int32.
        keys: key of text (and pair) per row, uint64.
        groups: rows with equal groups stay in one split, uint64.
    """

    part: Part
    labelled: Labelled
    strata: splits.Array
    keys: splits.Array
    groups: splits.Array

    @property
    def table(self) -> Table:
        """All its columns."""
        return self.labelled.table

    def facts(self, folder: Path) -> SourceTable:
        """For the manifest of a folder."""
        return SourceTable(name=self.part.name, rows=self.table.rows, table=self.table.path.relative_to(folder).as_posix())


@dataclass(frozen=True)
class Written:
    """The splits on disk.

    Attributes:
        digest: of the content of train, dev and the main test set.
        further: digest of each further test set, by split.
        sizes: rows of each split.
    """

    digest: str
    further: dict[str, str]
    sizes: dict[str, int]


class Deposit:
    """Writes splits into a folder."""

    def __init__(self, folder: Path, gold: Gold, labels: Sequence[str]) -> None:
        self.folder, self.gold, self.labels = folder, gold, labels

    def write(self, places: splits.Array, sources: Mapping[str, Source]) -> Written:
        """Write every split.

        Args:
            places: split number of each row of the train source.
            sources: train first; what is not among `splits.NAMES` is a further test set.
        """
        contents, writers = ContentDigest(), {name: self._writer(name, sources["train"]) for name in splits.NAMES}
        main, further = list(writers.values()), dict[str, str]()
        for split, source in sources.items():
            if split in splits.NAMES:
                rows = source.table.rows
                self._copy(source, places if split == "train" else np.full(rows, splits.NAMES.index(split), np.int8), main, contents)
            else:
                writers[split], own = self._writer(split, source), ContentDigest()
                self._copy(source, np.zeros(source.table.rows, np.int8), [writers[split]], own)
                further[split] = digest(own.name(), self.labels)
        for writer in writers.values():
            writer.close()
        return Written(contents.name(), further, {name: writer.rows for name, writer in writers.items()})

    def _writer(self, split: str, source: Source) -> ExampleWriter:
        paired = source.labelled.columns.text_pair is not None
        return ExampleWriter(self.folder / f"{split}.arrow", example_fields(paired=paired, words=self.gold.words, gold=self.gold.arrow))

    def _copy(self, source: Source, where: splits.Array, writers: Sequence[ExampleWriter], contents: ContentDigest) -> None:
        """Write each row with the writer whose number `where` has for it."""
        for start, cells in source.labelled.cells():
            span, rows = slice(start - 1, start - 1 + cells.num_rows), np.arange(start, start + cells.num_rows, dtype=np.int64)
            columns = columns_of(cells, source.labelled.columns, self.gold, self.labels)
            for column in columns:
                contents.add(column)
            contents.add(pa.array(where[span]))
            for number, writer in enumerate(writers):
                mask = where[span] == number
                if mask.any():
                    chosen = [column.filter(pa.array(mask)) for column in columns]
                    writer.write([*chosen, rows[mask], source.keys[span][mask]])
