"""The words that a row is about: the predicate whose roles are sought, the trigger whose arguments are. They are a row's second input.

    places_of("3", 7)   places_of("[3, 4]", 7)   places_of('{"start": 3, "end": 5}', 7)        [3]   [3, 4]   [3, 4]

Places count from 0. A list is one of places, but in a column of triggers two numbers are a span; the end of a span stands behind its
last word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from leantune.core.errors import Problems
from leantune.data.facts import look
from leantune.data.names import SPANS, plain
from leantune.data.table import Table
from leantune.data.words import split_words


def places_of(cell: str | None, size: int, *, span: bool = False) -> list[int]:
    """Places of the words that a row is about, rising.

    Args:
        cell: a number, several between spaces or commas, a JSON list, or an object with start and end.
        size: words of the row.
        span: whether a list of two numbers is the first place and the one behind the last.

    Raises:
        ValueError: with a sentence for people.
    """
    found = _numbers(cell)
    if isinstance(found, tuple) or (span and len(found) == 2):
        start, end = found
        if start >= end:
            raise ValueError(f"the span from {start} to {end} holds no word. The end stands behind the last word: [{start}, {start + 1}]")
        found = list(range(start, end))
    if not found:
        raise ValueError("no word is named. Write the number of the word, from 0")
    outside = [place for place in found if not 0 <= place < size]
    if outside:
        words = "1 word" if size == 1 else f"{size} words"
        raise ValueError(f"{outside[0]} is no place among {words}. Places count from 0 to {size - 1}")
    return sorted(set(found))


def written(places: Sequence[int]) -> str:
    """Places as they are stored."""
    return json.dumps([int(place) for place in places])


def read(text: str) -> list[int]:
    """Places as they are stored, as numbers."""
    found: list[int] = json.loads(text)
    return found


def as_cell(places: Sequence[int]) -> str:
    """A cell that says these places in a file, in the column that they were read from."""
    spanned = list(range(places[0], places[-1] + 1)) == list(places)
    return json.dumps({"start": places[0], "end": places[-1] + 1}) if spanned else written(places)


def is_spans(column: str) -> bool:
    """Whether two numbers in a column of this name are a span."""
    return plain(column) in SPANS


def find(table: Table, names: Sequence[str]) -> str | None:
    """The column that names words by their places; the first of the names that holds numbers, lists or objects."""
    known = {plain(name): name for name in table.columns}
    for name in names:
        column = known.get(name)
        if column is not None and (column in table.nested or look(table, [column])[column].numeric):
            return column
    return None


def rows(table: Table, text: str, focus: str, problems: Problems) -> Iterator[tuple[int, list[str], list[int]]]:
    """Row number, words and places of the rows that are right; what is wrong with the others is noted."""
    start, span = 1, is_spans(focus)
    for cells in table.batches([text, focus]):
        for row, (words, cell) in enumerate(zip(*(column.to_pylist() for column in cells.columns), strict=True), start):
            found: list[str] = []
            try:
                found = split_words(words)
                yield row, found, places_of(cell, len(found), span=span)
            except ValueError as error:
                problems.add(f'row {row}, column "{focus if found else text}": {error}.', "E-TEXT")
        start += cells.num_rows


def _numbers(cell: str | None) -> list[int] | tuple[int, int]:
    """The numbers in a cell; a tuple for a span."""
    text = (cell or "").strip()
    if re.fullmatch(r"\d+(\.0)?([\s,]+\d+)*", text):
        return [int(float(number)) for number in re.split(r"[\s,]+", text)]
    if not text:
        return []
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = text
    if isinstance(found, dict) and all(isinstance(found.get(key), int) for key in ("start", "end")):
        return found["start"], found["end"]
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in listed):
        raise ValueError(f"{text[:40]} is no place of a word. Write the number of the word, from 0")
    return listed
