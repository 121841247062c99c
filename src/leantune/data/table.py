"""A `Table` is a user's file as it was read: every column as text, on disk as Arrow, rows in the user's order.

    writer = TableWriter(Path("raw.arrow"), problems)
    writer.write({"text": ["a", "b"], "label": ["x", None]})
    table = writer.close()
    for batch in table.batches(["label"]): ...

Chunks go straight to disk, so memory holds one chunk however long the file is. A column that first appears in a later chunk
(JSON Lines) is null in the rows before it. Passes read the file with plain reads, not by memory map, so that the resident
size stays flat too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from leantune.core.errors import Problems, some
from leantune.data.composed import cell_of, sources
from leantune.data.values import is_nested, kind_of, to_text

SHOWN_ROWS = 6
"""Rows that a message about a column names."""

MARKED = "text with <e1> and <e2>"
"""The column of texts whose marks leantune put in (`data.marks`); it is none of the user's."""

Chunk = Mapping[str, Sequence[Any]]
"""Columns of some consecutive rows, all of one length."""

CHUNK_ROWS = 4096
"""Rows that are held in memory at a time."""


@dataclass
class Nested:
    """Lists and objects in a column, where texts are read from it.

    Attributes:
        rows: the first few rows that hold one, from 1.
        count: how many rows hold one.
        kind: "a list" or "an object", of the first one.
    """

    rows: list[int] = field(default_factory=list)
    count: int = 0
    kind: str = ""

    def add(self, row: int, value: Any) -> None:
        """Note one."""
        self.kind = self.kind or ("an object" if isinstance(value, dict) else "a list")
        self.count += 1
        if len(self.rows) < SHOWN_ROWS:
            self.rows.append(row)

    def __str__(self) -> str:
        """As in "row 1, 2 (3 more)"."""
        more = self.count - len(self.rows)
        return f"row {', '.join(map(str, self.rows))}" + (f" ({more:,} more)" if more else "")


@dataclass(frozen=True)
class Table:
    """A file of text columns on disk.

    Attributes:
        path: the Arrow IPC file.
        columns: names in the user's order.
        rows: number of rows.
        kinds: JSON kinds seen per column (for writing numbers back as numbers); not known of a table that was opened again.
        nested: columns that hold lists or objects; likewise.
    """

    path: Path
    columns: tuple[str, ...]
    rows: int
    kinds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nested: Mapping[str, Nested] = field(default_factory=dict)

    @property
    def given(self) -> tuple[str, ...]:
        """The columns that the user's file has."""
        return tuple(name for name in self.columns if name != MARKED)

    @classmethod
    def open(cls, path: Path) -> Table:
        """The table in an Arrow file written before."""
        with pa.OSFile(str(path)) as source:
            reader = pa.ipc.open_file(source)
            rows = sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))
            return cls(path, tuple(reader.schema.names), rows)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Record batches in row order, with only the named columns (in the order asked for); `data.composed` says what a name may be."""
        names = list(columns) if columns is not None else list(self.columns)
        wanted = [self.columns.index(source) for name in names for source in sources(name, self.columns) or [name]]
        with pa.OSFile(str(self.path)) as source:
            reader = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=sorted(set(wanted))))
            for index in range(reader.num_record_batches):
                yield _with_composed(reader.get_batch(index), names)


MARK = "\ufeff"
"""The byte order mark as a character."""


class TableWriter:
    """Writes chunks to an Arrow file as they come; problems of single values are noted with their row."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self.problems = path, problems
        self.columns: list[str] = []
        self.rows = 0
        self._kinds: dict[str, set[str]] = {}
        self._nested: dict[str, Nested] = {}
        self._file: Any = None
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, chunk: Chunk) -> None:
        """Append the rows of one chunk."""
        size = len(next(iter(chunk.values())))
        chunk = {name: values for name, values in chunk.items() if self._is_name(name)}
        fresh = [name for name in chunk if name not in self.columns]
        if fresh or self._file is None:
            self._widen(fresh)
        arrays = [self._array(name, chunk[name]) if name in chunk else pa.nulls(size, pa.string()) for name in self.columns]
        self._file.write_batch(pa.record_batch(arrays, schema=_schema(self.columns)))
        self.rows += size

    def close(self) -> Table:
        """Finish the file."""
        if self._file is None:
            self._widen([])
        self._file.close()
        kinds = {name: frozenset(kinds) for name, kinds in self._kinds.items()}
        return Table(self.path, tuple(self.columns), self.rows, kinds, self._nested)

    def _is_name(self, name: str) -> bool:
        """Whether a column can have this name; it is told where it cannot."""
        if name.startswith(MARK) or "\0" in name:
            self.problems.add(
                f"the name of the column {name!a} begins with a byte order mark or holds a NUL character. Repair it.", "E-COLUMN"
            )
            return False
        if not _is_broken(name):
            return True
        self.problems.add(f"the name of the column {name!a} holds half a character (a lone surrogate). Repair it.", "E-COLUMN")
        return False

    def _array(self, name: str, values: Sequence[Any]) -> Any:
        array = self._strings(name, values)
        for what, found in (
            ("holds a NUL character", pc.match_substring(array, "\0")),
            ("begins with a byte order mark, as where files were joined", pc.starts_with(array, MARK)),
        ):
            if pc.any(found).as_py():
                rows = some([self.rows + 1 + index for index in pc.indices_nonzero(pc.fill_null(found, False)).to_pylist()])
                self.problems.add(f'row {rows}, column "{name}": the text {what}. Leave it out.', "E-TEXT")
        return array

    def _strings(self, name: str, values: Sequence[Any]) -> Any:
        try:
            array = pa.array(values, pa.string())
            if array.null_count < len(array):
                self._kinds.setdefault(name, set()).add("text")
            return array
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
            self._kinds.setdefault(name, set()).update(map(kind_of, values))
            for index, value in enumerate(values):
                if is_nested(value):
                    self._nested.setdefault(name, Nested()).add(self.rows + 1 + index, value)
            return pa.array(self._texts(name, values), pa.string())

    def _texts(self, name: str, values: Sequence[Any]) -> list[str | None]:
        texts = [to_text(value) for value in values]
        broken = [index for index, text in enumerate(texts) if text is not None and _is_broken(text)]
        if broken:
            rows = some([self.rows + 1 + index for index in broken])
            self.problems.add(
                f'row {rows}, column "{name}": the text holds half a character (a lone surrogate). Repair the text.', "E-TEXT"
            )
            for index in broken:
                texts[index] = None
        return texts

    def _widen(self, fresh: list[str]) -> None:
        """Start the file, or copy what is there with the fresh columns as nulls."""
        old = self.path.with_suffix(".old")
        if self._file is not None:
            self._file.close()
            self.path.replace(old)
        before = Table(old, tuple(self.columns), self.rows)
        self.columns.extend(fresh)
        self._file = pa.ipc.new_file(str(self.path), _schema(self.columns))
        if old.exists():
            for batch in before.batches():
                nulls = [pa.nulls(batch.num_rows, pa.string()) for _ in fresh]
                self._file.write_batch(pa.record_batch([*batch.columns, *nulls], schema=_schema(self.columns)))
            old.unlink()


def _with_composed(batch: Any, names: Sequence[str]) -> Any:
    """The named columns, those that are made of others worked out."""
    composed = [name for name in names if name not in batch.schema.names]
    if not composed:
        return batch.select(names)
    rows = batch.to_pylist()
    made = {name: pa.array([cell_of(row, name) for row in rows], pa.string()) for name in composed}
    return pa.record_batch([made[name] if name in made else batch.column(name) for name in names], names=list(names))


def _schema(columns: Sequence[str]) -> Any:
    return pa.schema([(name, pa.string()) for name in columns])


def _is_broken(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
