"""Texts without marks get them: `<e1>...</e1>` and `<e2>...</e2>` around two things whose places stand beside the text.

    {"token": ["A", "fire", "by", "lightning"], "h": {"pos": [1, 2]}, "t": {"pos": [3, 4]}}   ->   "A <e1>fire</e1> by <e2>lightning</e2>"

The marked text is a column of its own, so that the user's columns stay what they are. Places count characters of a text or words of a
list, their ends are the last one or the one behind it: what fits the first rows best is taken, and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from leantune.core.errors import Problems
from leantune.data.columns import Columns
from leantune.data.intake import Inference
from leantune.data.names import TEXTS, plain
from leantune.data.places import Layout, Row, Span, find
from leantune.data.table import MARKED, Chunk, Table
from leantune.data.words import nested_in

WORDS = ("token", "tokens", "words")
_PAIRED = 0.5
"""Share of the first rows in which the words of both things stand at their places, from which on they must in all rows."""
_LOOKED_AT = 500
_ENDS = (False, True)
"""Whether the end may be the last one; what is tried first wins a tie."""
UNMARKED = "the marks of the two things are missing. Write <e1>...</e1> and <e2>...</e2> around them."
"""What is wrong with a text that a relation model cannot read."""
_HINT = "Correct the places, or write <e1>...</e1> and <e2>...</e2> into the text."


@dataclass(frozen=True)
class Reading:
    """How the places of a file are meant.

    Attributes:
        column: what they count in.
        of_words: they count words of a list, else characters.
        last: the end is the last one, else the one behind it.
        named: the words of the things must stand at their places.
    """

    column: str
    of_words: bool
    last: bool
    named: bool = True

    def marked(self, row: Row, layout: Layout) -> str:
        """The text with marks.

        Raises:
            ValueError: what is wrong with the places, as a sentence.
        """
        text = self._text(row)
        head, tail = (self._bounds(thing.columns[0], thing.span(row), text) for thing in layout)
        if head[0] < tail[1] and tail[0] < head[1]:
            raise ValueError(f"the two things overlap ({_said(head)} and {_said(tail)}). They must stand apart.")
        return _put(text, head, tail)

    def _text(self, row: Row) -> str | list[str]:
        cell = row.get(self.column)
        text = _words(cell) if self.of_words else cell
        if not isinstance(text, list | str):
            raise ValueError(f'column "{self.column}": there is no {"list of words" if self.of_words else "text"}.')
        if "<e1>" in text or "<e2>" in text:
            raise ValueError(f'column "{self.column}": there are marks already, and places beside them. Take the marks out of this row.')
        return text

    def _bounds(self, column: str, span: Span | None, text: str | list[str]) -> tuple[int, int]:
        """First and the one behind the last, checked."""
        if span is None:
            raise ValueError(f'column "{column}": there is no place. {_HINT}')
        start, end = span.start, span.end + (self.last and not span.listed)
        if not 0 <= start < end <= len(text):
            size = f"{len(text)} {'words' if self.of_words else 'characters'}"
            raise ValueError(f'column "{column}": from {start} to {end} is no place in a text of {size}. {_HINT}')
        found = _joined(text[start:end])
        if self.named and span.name is not None and _bare(found) != _bare(span.name):
            raise ValueError(f'column "{column}": at {start} to {end} stands "{found[:40]}", not "{span.name[:40]}". {_HINT}')
        return start, end

    def clean(self, row: Row, layout: Layout) -> bool:
        """Whether no place begins or ends inside a word."""
        text = self._text(row)
        if self.of_words:
            return True
        bounds = [self._bounds("", thing.span(row), text) for thing in layout]
        return not any(0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum() for two in bounds for place in two)


def put_marks(chunks: Iterator[Chunk], problems: Problems, notes: list[Inference], text: str | None = None) -> Iterator[Chunk]:
    """Chunks with the column `MARKED` where the rows say places and have no marks; others as they are.

    Args:
        chunks: of one file.
        problems: where rows are told whose places do not fit.
        notes: where the reading is told.
        text: the column that the places count in; inferred when None.
    """
    first = next(chunks, None)
    if first is None:
        return
    layout = find(first)
    found = _reading(first, layout, text) if layout else None
    if layout is None or found is None:
        yield from chain([first], chunks)
        return
    reading, fits = found
    notes.append(_told(layout, reading, used=fits > 0))
    if not fits:
        yield from chain([first], chunks)
        return
    start = 1
    for chunk in chain([first], chunks):
        yield {**chunk, MARKED: [_of_row(row, layout, reading, number, problems) for number, row in enumerate(_rows(chunk), start)]}
        start += len(next(iter(chunk.values())))


def marked_columns(table: Table, columns: Columns) -> Columns:
    """The columns to read of a table: the text with marks where some were put in."""
    return columns.model_copy(update={"text": MARKED}) if MARKED in table.columns else columns


def refuse_unmarked(table: Table, columns: Columns, place: str, pattern: str | None) -> None:
    """Check that the texts have the marks that a task needs.

    Args:
        table: the file.
        columns: which of its columns are read.
        place: its name.
        pattern: what a text with marks has in it; None: nothing is needed.

    Raises:
        DataError: E-TEXT with the rows.
    """
    if pattern is None:
        return
    problems, row = Problems(place), 0
    for batch in table.batches([columns.text]):
        for text in batch.column(0).to_pylist():
            row += 1
            if not re.search(pattern, text or ""):
                problems.add(f'row {row}, column "{columns.text}": {UNMARKED}', "E-TEXT")
    problems.raise_if_any()


def _of_row(row: Row, layout: Layout, reading: Reading, number: int, problems: Problems) -> str | None:
    try:
        return reading.marked(row, layout)
    except ValueError as error:
        problems.add(f"row {number}: {error}", "E-TEXT")
        return None


def _reading(chunk: Chunk, layout: Layout, text: str | None) -> tuple[Reading, float] | None:
    """The reading that fits the first rows best and in how many it does; None where there is no text, or most have marks."""
    rows = [row for row, _ in zip(_rows(chunk), range(_LOOKED_AT), strict=False)]
    columns = _candidates(chunk, layout) if text is None else [(text, any(_words(row.get(text)) for row in rows))]
    marked = sum(any("<e1>" in str(row.get(name)) for name, _ in columns) for row in rows)
    if not columns or text not in (None, *chunk) or 2 * marked > len(rows):
        return None
    best: tuple[Reading, float] | None = None
    for named in (True, False):
        fits = {reading: _fit(reading, rows, layout) for reading in (Reading(*column, last, named) for column in columns for last in _ENDS)}
        best = max(fits.items(), key=lambda item: item[1])
        if best[1] >= _PAIRED * len(rows):
            break
    return best


def _fit(reading: Reading, rows: Sequence[Row], layout: Layout) -> float:
    """In how many rows the places are whole; those that end inside a word count half."""
    total = 0.0
    for row in rows:
        try:
            reading.marked(row, layout)
            total += 1.0 if reading.clean(row, layout) else 0.5
        except ValueError:
            continue
    return total


def _candidates(chunk: Chunk, layout: Layout) -> list[tuple[str, bool]]:
    """Columns that places may count in, the likeliest first, and whether they are lists of words."""
    taken = {name for thing in layout for name in (*thing.columns, thing.name)}
    free = {plain(name): name for name in chunk if name not in taken}
    lists = [free[name] for name in WORDS if name in free and any(_words(cell) for cell in chunk[free[name]][:20])]
    texts = [name for name in free.values() if name not in lists and any(isinstance(cell, str) for cell in chunk[name][:20])]
    named = [free[name] for name in TEXTS if free.get(name) in texts]
    longest = sorted(texts, key=lambda name: -sum(len(cell) for cell in chunk[name][:100] if isinstance(cell, str)))[:1]
    return [*((name, True) for name in lists), *((name, False) for name in (named[:1] or longest))]


def _rows(chunk: Chunk) -> Iterator[Row]:
    for cells in zip(*chunk.values(), strict=True):
        yield dict(zip(chunk, cells, strict=True))


def _words(cell: Any) -> list[str] | None:
    """The words of a list, also of one in a text; None for anything else."""
    found = cell.tolist() if hasattr(cell, "tolist") else nested_in(cell) if isinstance(cell, str) else cell
    return found if isinstance(found, list) and all(isinstance(word, str) for word in found) else None


def _put(text: str | list[str], head: tuple[int, int], tail: tuple[int, int]) -> str:
    """The text with marks around two places.

    >>> _put("A fire by lightning", (10, 19), (2, 6))
    'A <e2>fire</e2> by <e1>lightning</e1>'
    """
    marks = sorted([(*head, "e1"), (*tail, "e2")])
    parts, at = list[str](), 0
    for start, end, mark in marks:
        parts += [*_kept(text[at:start]), f"<{mark}>{_joined(text[start:end])}</{mark}>"]
        at = end
    parts += _kept(text[at:])
    return ("" if isinstance(text, str) else " ").join(parts)


def _kept(part: str | list[str]) -> list[str]:
    return [part] if isinstance(part, str) else part


def _joined(part: str | list[str]) -> str:
    return part if isinstance(part, str) else " ".join(part)


def _bare(text: str) -> str:
    """What is compared of the words of a thing."""
    return "".join(text.casefold().split())


def _said(bounds: tuple[int, int]) -> str:
    return f"{bounds[0]} to {bounds[1]}"


def _told(layout: Layout, reading: Reading, *, used: bool) -> Inference:
    columns = [" and ".join(f'"{name}"' for name in thing.columns) for thing in layout]
    if not used:
        why = f'{" and ".join(columns)} are no places in "{reading.column}"'
        return Inference(what="marks", value="none", why=why, override="--text COL")
    unit = "words" if reading.of_words else "characters"
    end = "the last one" if reading.last else "the one behind the last"
    names = "" if reading.named else "; the words given for the things are other names and not compared"
    return Inference(
        what="marks",
        value=f"<e1> at {columns[0]}, <e2> at {columns[1]}",
        why=f'places count {unit} of "{reading.column}" from 0, the end is {end}{names}',
        override="--text COL",
    )
