"""PropBank columns, as CoNLL-2005 and CoNLL-2012 have them: behind each word one column of roles for each predicate of the sentence.

    We    -     (A0*)        a row is a sentence and one of its predicates: tokens, predicate_index, tags in BIO
    sold  sell  (V*)
    it    -     (A1*)

Roles stand in brackets or in BIO. The word is the first column behind counters and names of documents. Sentences without a predicate give
no row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from leantune.data.intake import Inference, Intake

LOOKED_AT = 200
"""Sentences in which a predicate must show."""
_CELL = re.compile(r"(\([^()*\s]+)?\*(\))?|O|[BI]-\S+")
_PREDICATE = ("(V*", "(V*)", "B-V")
_COMMENT = re.compile(r"#(begin|end) |# \S+ = ")
Block = tuple[int, list[list[str]]]
"""Number of the first line, and the cells of the lines."""


def predicates(intake: Intake) -> Iterator[dict[str, Any]] | None:
    """The rows of a file with columns of roles; None where it has none."""
    blocks = _blocks(intake)
    first = list(islice(blocks, LOOKED_AT))
    base = next((len(cells[0]) - len(found) for _, cells in first if (found := _role_columns(cells))), 0)
    return _rows(intake, chain(first, blocks), base) if base else None


def _rows(intake: Intake, blocks: Iterator[Block], base: int) -> Iterator[dict[str, Any]]:
    silent, count = 0, 0
    for line, cells in blocks:
        odd = [line + place for place, row in enumerate(cells) if len(row) != len(cells[0])]
        columns = [] if odd else _role_columns(cells)
        if odd:
            intake.problems.add(
                f"line {odd[0]}: {len(cells[odd[0] - line])} columns, line {line} has {len(cells[0])}. Each needs as many.", "E-FORMAT"
            )
        elif len(cells[0]) - base != len(columns):
            marked = f"{len(cells[0]) - base} columns of roles, and {len(columns)} of them are roles with one predicate, (V*) or B-V"
            intake.problems.add(f"the sentence from line {line}: {marked}. Each predicate needs one column.", "E-FORMAT")
        silent, count = silent + (not columns), count + len(columns)
        words = [row[_word_column(cells)] for row in cells]
        for column in columns:
            try:
                tags = _tags([row[column] for row in cells], line)
            except ValueError as error:
                intake.problems.add(f"{error} (column {column + 1}).", "E-FORMAT")
                continue
            yield {"tokens": words, "predicate_index": tags.index("B-V"), "tags": tags}
        if intake.full:
            return
    intake.inferences.append(Inference(what="PropBank columns", value=f"{count:,} predicates", why="one column of roles for each"))
    if silent:
        intake.inferences.append(Inference(what="sentences without a predicate", value=f"{silent:,}", why="they give no row"))


def _role_columns(cells: list[list[str]]) -> list[int]:
    """Columns of roles: nothing but brackets or BIO, and one predicate."""
    if len({len(row) for row in cells}) > 1:
        return []
    columns = list(zip(*cells, strict=True))
    return [
        place
        for place, column in enumerate(columns)
        if place and sum(cell in _PREDICATE for cell in column) == 1 and all(_CELL.fullmatch(cell) for cell in column)
    ]


def _word_column(cells: list[list[str]]) -> int:
    """The column of the words: behind document, part and number (CoNLL-2012), behind a number, or the first."""
    for number in (2, 0):
        counted = [row[number] for row in cells] if len(cells[0]) > number + 1 else []
        if counted in ([str(place + start) for place in range(len(cells))] for start in (0, 1)):
            return number + 1
    return 0


def _tags(column: Sequence[str], line: int) -> list[str]:
    """One column as BIO.

    Raises:
        ValueError: when brackets do not match.
    """
    tags, role = list[str](), ""
    for place, cell in enumerate(column):
        if not cell.endswith(("*", "*)")):
            tags.append(cell)
            continue
        opened, closed = cell.startswith("("), cell.endswith(")")
        if opened and role:
            raise ValueError(f"line {line + place}: {cell} opens a role inside {role}. Close that one before")
        role = cell[1 : cell.index("*")] if opened else role
        if closed and not role:
            raise ValueError(f"line {line + place}: {cell} closes a role, and none is open")
        tags.append(f"{'B' if opened else 'I'}-{role}" if role else "O")
        role = "" if closed else role
    if role:
        raise ValueError(f"line {line + len(column) - 1}: the sentence ends and the role {role} is still open")
    return tags


def _blocks(intake: Intake) -> Iterator[Block]:
    """Sentences."""
    start, cells = 1, list[list[str]]()
    with intake.path.open(encoding=intake.encoding, newline=None) as file:
        for line, text in enumerate(chain(file, [""]), 1):
            if text.strip() and not _COMMENT.match(text):
                start = start if cells else line
                cells.append(text.split())
            elif cells and not text.strip():
                yield start, cells
                cells = []
