"""`Examples`: the rows of one split, on disk, read where they are needed.

    examples = dataset.splits["train"]
    len(examples), examples.texts[0], examples.labels[0], examples.rows[0]
    examples.take([4, 1])                   # [(text, pair or None), (text, pair or None)]

The Arrow file is memory-mapped: random access touches only the pages it needs. A pass over all rows (`chunks`) reads the file
plainly, so the resident size stays the same for a thousand rows and for a million. Numbers per row (label, row, key) are
loaded when they are asked for: 4, 8 and 8 bytes per row.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa

Ints = np.ndarray[Any, np.dtype[np.int32]]
Longs = np.ndarray[Any, np.dtype[np.int64]]
Keys = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class ExampleChunk:
    """Consecutive rows in memory.

    Attributes:
        texts: first (or only) text of each row.
        pairs: second texts, or None for single texts.
        labels: label indices, int32, shape (rows,).
        rows: row numbers in the user's file from 1, int64, shape (rows,).
    """

    texts: list[str]
    pairs: list[str] | None
    labels: Ints
    rows: Longs

    def __len__(self) -> int:
        return len(self.texts)


class Texts(Sequence[str]):
    """One text column as a read-only list that stays on disk; slices are plain lists."""

    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = chunks
        self._starts = np.cumsum([0, *map(len, chunks)]).tolist()

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        chunk = bisect.bisect_right(self._starts, number) - 1
        return str(self._chunks[chunk][int(number - self._starts[chunk])].as_py())

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks:
            yield from chunk.to_pylist()


class Examples:
    """Rows of one split in an Arrow file with the columns text, text_pair (for pairs), label, row and key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return Examples, (self.path,)

    @cached_property
    def texts(self) -> Texts:
        """First (or only) text of each row."""
        return Texts(self._table.column("text").chunks)

    @cached_property
    def pairs(self) -> Texts | None:
        """Second text of each row; None for single texts."""
        return Texts(self._table.column("text_pair").chunks) if "text_pair" in self._table.column_names else None

    @cached_property
    def labels(self) -> Ints:
        """Label indices, int32, shape (rows,)."""
        numbers: Ints = self._numbers("label", np.dtype(np.int32))
        return numbers

    @cached_property
    def rows(self) -> Longs:
        """Row numbers in the user's file, from 1, int64, shape (rows,)."""
        numbers: Longs = self._numbers("row", np.dtype(np.int64))
        return numbers

    @cached_property
    def keys(self) -> Keys:
        """One number per row, equal for equal texts (see `keys`), uint64, shape (rows,)."""
        numbers: Keys = self._numbers("key", np.dtype(np.uint64))
        return numbers

    def take(self, indices: Sequence[int] | Ints | Longs) -> list[tuple[str, str | None]]:
        """(text, pair) of the rows at `indices`, in that order; the pair is None for single texts."""
        numbers = [int(index) for index in indices]
        pairs = self.pairs
        return [(self.texts[number], None if pairs is None else pairs[number]) for number in numbers]

    def chunks(self) -> Iterator[ExampleChunk]:
        """All rows in order, a few thousand at a time."""
        with pa.OSFile(str(self.path)) as source:
            reader = pa.ipc.open_file(source)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                pairs = batch.column("text_pair").to_pylist() if "text_pair" in batch.schema.names else None
                yield ExampleChunk(
                    batch.column("text").to_pylist(), pairs, batch.column("label").to_numpy(), batch.column("row").to_numpy()
                )

    @cached_property
    def _table(self) -> Any:
        return pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()

    def _numbers(self, name: str, kind: np.dtype[Any]) -> Any:
        chunks = [chunk.to_numpy() for chunk in self._table.column(name).chunks]
        numbers = np.concatenate(chunks) if chunks else np.empty(0, kind)
        numbers.setflags(write=False)
        return numbers


class ExampleWriter:
    """Writes the rows of one split as they come; the file appears whole or not at all."""

    def __init__(self, path: Path, *, paired: bool) -> None:
        self.path, self.rows = path, 0
        self._hidden = path.with_name(f".{path.name}.part")
        texts = [("text", pa.string()), ("text_pair", pa.string())][: 2 if paired else 1]
        self.schema = pa.schema([*texts, ("label", pa.int32()), ("row", pa.int64()), ("key", pa.uint64())])
        self._file = pa.ipc.new_file(str(self._hidden), self.schema)

    def write(self, columns: Sequence[Any]) -> None:
        """Append rows given as Arrow or NumPy columns in the order of the schema."""
        arrays = [
            pa.array(column, field.type) if isinstance(column, np.ndarray) else column
            for column, field in zip(columns, self.schema, strict=True)
        ]
        self._file.write_batch(pa.record_batch(arrays, schema=self.schema))
        self.rows += len(arrays[0])

    def close(self) -> None:
        """Finish the file and put it in place."""
        self._file.close()
        self._hidden.replace(self.path)
