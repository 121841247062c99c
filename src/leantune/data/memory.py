"""Data that is already in Python: a pandas frame, a `datasets.Dataset`, a list of dicts. No library is imported for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from leantune.core.errors import DataError, Problems, some
from leantune.data.intake import in_chunks
from leantune.data.objects import object_fault
from leantune.data.table import CHUNK_ROWS, Chunk


def is_frame(source: Any) -> bool:
    """Whether `source` is a pandas frame."""
    return type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "iloc") and hasattr(source, "columns")


def frame_chunks(frame: Any) -> Iterator[Chunk]:
    """Chunks of a pandas frame, in its row order (the index plays no part).

    Raises:
        DataError: E-COLUMN when two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"the frame has two columns of the name {some(twice)}. Rename one of them.", "E-COLUMN")
    for start in range(0, len(frame), CHUNK_ROWS):
        block = frame.iloc[start : start + CHUNK_ROWS]
        yield {name: block.iloc[:, index].tolist() for index, name in enumerate(names)}


def list_chunks(rows: Sequence[Any], problems: Problems) -> Iterator[Chunk]:
    """Chunks of a list of dicts; anything else in the list is a problem with its row."""
    return in_chunks(_checked(rows, problems))


def _checked(rows: Sequence[Any], problems: Problems) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, 1):
        wrong = object_fault(row)
        if wrong:
            problems.add(f"row {number}: {wrong}.", "E-FORMAT")
        else:
            yield {str(key): value for key, value in row.items()}
