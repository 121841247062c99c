"""The user's rows written back with further columns behind them, row by row, so that memory stays flat.

    names = free_names(rows.table.columns, ("label", "score"))
    write_with(rows.table, Path("out.csv"), names, zip(labels, scores))

JSON numbers, truth values and lists that were read become what they were; CSV and TSV hold texts only.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from leantune.core.errors import DataError
from leantune.data.table import Table

ENDINGS = (".csv", ".tsv", ".jsonl", ".json")


def free_names(taken: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Names for new columns: `label` becomes `predicted_label` where the file has a `label` of its own.

    >>> free_names(["text", "label"], ["label", "score"])
    ['predicted_label', 'score']
    """
    chosen = []
    for name in wanted:
        free, number = name if name not in taken else f"predicted_{name}", 2
        while free in taken:
            free, number = f"predicted_{name}_{number}", number + 1
        chosen.append(free)
    return chosen


def write_with(table: Table, path: Path, names: Sequence[str], values: Iterable[Sequence[Any]]) -> None:
    """Write all columns of `table` and behind them `names`; the file appears whole or not at all.

    Args:
        table: the rows as they were read.
        path: CSV, TSV, JSON Lines or JSON by its ending.
        names: of the new columns.
        values: for each row one value per new column.

    Raises:
        DataError: E-FORMAT for another ending, E-FILE when it cannot be written.
    """
    check_ending(path)
    hidden = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with hidden.open("w", encoding="utf-8", newline="") as file:
            write_to(file, path.suffix.lower(), table, names=names, values=values)
        hidden.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).", "E-FILE") from None
    finally:
        hidden.unlink(missing_ok=True)


def check_ending(path: Path) -> None:
    """Check, before any work, that a file of this name can be written."""
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f'{path.name}: the ending "{path.suffix}" cannot be written. Choose one of {", ".join(ENDINGS)}.', "E-FORMAT")


def write_to(file: TextIO, ending: str, table: Table, *, names: Sequence[str], values: Iterable[Sequence[Any]]) -> None:
    """Write into an open text file (or standard output) in the format of `ending`."""
    if ending in (".csv", ".tsv"):
        delimiter = "\t" if ending == ".tsv" else ","
        plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        enclosed = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow([*table.given, *names])
        for row, more in zip(_rows(table), values, strict=True):
            cells = [
                "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
                for value in (*row, *more)
            ]
            # `csv` leaves a lone carriage return bare, and every reader would take it for the end of the row
            (enclosed if any("\r" in str(cell) for cell in cells) else plain).writerow(cells)
        return
    columns = [*table.given, *names]
    restore = [_is_json(table, name) for name in table.given]
    file.write("[\n" if ending == ".json" else "")
    for number, (row, more) in enumerate(zip(_rows(table), values, strict=True)):
        own = (json.loads(value) if native and value is not None else value for value, native in zip(row, restore, strict=True))
        file.write(",\n" if number and ending == ".json" else "")
        file.write(json.dumps(dict(zip(columns, (*own, *more), strict=True)), ensure_ascii=False) + ("" if ending == ".json" else "\n"))
    file.write("\n]\n" if ending == ".json" else "")


def _rows(table: Table) -> Iterator[tuple[str | None, ...]]:
    for batch in table.batches(table.given):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _is_json(table: Table, name: str) -> bool:
    """Whether a column never held a text, so that its texts are JSON."""
    kinds = table.kinds.get(name, frozenset({"text"}))
    return bool(kinds) and "text" not in kinds
