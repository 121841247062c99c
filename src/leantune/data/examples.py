"""`Examples`: the rows of one split, on disk, read where they are needed.

    examples = dataset.splits["train"]
    len(examples), examples.texts[0], examples.gold[0], examples.rows[0]
    examples.take([4, 1])                   # [(text, pair or None), (text, pair or None)]

The Arrow file is memory-mapped: random access touches only the pages it needs. A pass over all rows (`chunks`) reads the file
plainly, so the resident size stays the same for a thousand rows and for a million. What stands once per row (gold, row, key) is
loaded when it is asked for: a label takes 4 bytes, row and key 8 each.
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

Longs = np.ndarray[Any, np.dtype[np.int64]]
Keys = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class ExampleChunk:
    """Some rows in memory, as a model reads them.

    Attributes:
        texts: first (or only) text of each row; words joined by spaces.
        pairs: second texts, or None for single texts.
        words: lists of words, or None where a row is a text.
        targets: what is to be written for each row, or None where nothing is, or nothing is known.
        rows: row numbers in the user's file from 1, int64, shape (rows,); None where they are not known.
    """

    texts: list[str]
    pairs: list[str] | None = None
    words: list[list[str]] | None = None
    targets: list[str] | None = None
    rows: Longs | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, span: slice) -> ExampleChunk:
        """Some of the rows."""
        found: dict[str, Any] = {name: None if value is None else value[span] for name, value in vars(self).items()}
        return ExampleChunk(**found)


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
    """Rows of one split in an Arrow file with the columns of `example_fields`."""

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
    def words(self) -> list[list[str]] | None:
        """The words of each row; None where a row is a text."""
        return self._table.column("words").to_pylist() if "words" in self._table.column_names else None

    @cached_property
    def gold(self) -> Any:
        """The answers: a NumPy array of numbers (label indices, int32, shape (rows,)), a list of anything else."""
        column = self._table.column("gold")
        kind = column.type
        return self._numbers("gold") if pa.types.is_integer(kind) or pa.types.is_floating(kind) else column.to_pylist()

    @property
    def answers(self) -> Any:
        """The answers as they lie on disk, an Arrow array."""
        return self._table.column("gold").combine_chunks()

    @cached_property
    def rows(self) -> Longs:
        """Row numbers in the user's file, from 1, int64, shape (rows,)."""
        numbers: Longs = self._numbers("row")
        return numbers

    @cached_property
    def keys(self) -> Keys:
        """One number per row, equal for equal texts (see `keys`), uint64, shape (rows,)."""
        numbers: Keys = self._numbers("key")
        return numbers

    def take(self, indices: Sequence[int] | Longs) -> list[tuple[str, str | None]]:
        """(text, pair) of the rows at `indices`, in that order; the pair is None for single texts."""
        numbers = [int(index) for index in indices]
        pairs = self.pairs
        return [(self.texts[number], None if pairs is None else pairs[number]) for number in numbers]

    def inputs(self, indices: Sequence[int] | Longs) -> list[tuple[str | list[str], str | None]]:
        """As `take`, with the list of words where a row is one."""
        words = self.words
        return [
            (text if words is None else words[int(place)], pair) for place, (text, pair) in zip(indices, self.take(indices), strict=True)
        ]

    def write_part(self, indices: Longs, path: Path) -> None:
        """Write some of the rows into a file of their own."""
        writer = ExampleWriter(path, self._table.schema)
        for batch in self._table.take(pa.array(indices)).combine_chunks().to_batches():
            writer.write(batch.columns)
        writer.close()

    def write_with(self, others: Examples, indices: Sequence[int], gold: Sequence[Any], path: Path) -> None:
        """Write all rows, and behind them some of another split with these answers, into a file of their own."""
        more = others._table.take(pa.array(indices, pa.int64()))
        more = more.set_column(more.schema.get_field_index("gold"), "gold", pa.array(gold, self.answers.type))
        writer = ExampleWriter(path, self._table.schema)
        for batch in pa.concat_tables([self._table, more.cast(self._table.schema)]).combine_chunks().to_batches():
            writer.write(batch.columns)
        writer.close()

    def chunks(self) -> Iterator[ExampleChunk]:
        """All rows in order, a few thousand at a time."""
        with pa.OSFile(str(self.path)) as source:
            reader = pa.ipc.open_file(source)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                pairs, words = (batch.column(name).to_pylist() if name in batch.schema.names else None for name in ("text_pair", "words"))
                yield ExampleChunk(
                    batch.column("text").to_pylist(), pairs, words, _targets(batch.column("gold")), batch.column("row").to_numpy()
                )

    @cached_property
    def _table(self) -> Any:
        return pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()

    def _numbers(self, name: str) -> Any:
        numbers = self._table.column(name).to_numpy()
        numbers.setflags(write=False)
        return numbers


def _targets(gold: Any) -> list[str] | None:
    """The first of the texts that may be written for each row; None where answers are no texts."""
    if not (pa.types.is_list(gold.type) and pa.types.is_string(gold.type.value_type)):
        return None
    return [texts[0] if texts else "" for texts in gold.to_pylist()]


def example_fields(*, paired: bool, words: bool, gold: pa.DataType) -> Any:
    """The schema of a split on disk."""
    inputs = [("text", pa.string(), True), ("text_pair", pa.string(), paired), ("words", pa.list_(pa.string()), words)]
    fields = [(name, kind) for name, kind, there in inputs if there]
    return pa.schema([*fields, ("gold", gold), ("row", pa.int64()), ("key", pa.uint64())])


class ExampleWriter:
    """Writes the rows of one split as they come; the file appears whole or not at all."""

    def __init__(self, path: Path, schema: Any) -> None:
        self.path, self.rows, self.schema = path, 0, schema
        self._hidden = path.with_name(f".{path.name}.part")
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
