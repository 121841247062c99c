"""Where two things stand in a text, as files say it: spans beside the text, in the columns and objects that are usual for it.

    {"h": {"name": "fire", "pos": [4, 8]}, "t": ...}     objects (OpenNRE), [name, id, [[tokens]]] (FewRel)
    {"head_span": [4, 8], "tail_span": ...}              a list, or in CSV a text: "[4, 8]", "4:8"
    {"subj_start": 4, "subj_end": 7, "obj_start": ...}   two columns (TACRED)

layout = find(chunk)
head, tail = layout.spans(row)            a `Span`, or what is wrong as a sentence
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leantune.data.names import plain
from leantune.data.table import Chunk

PAIRS = (
    ("head", "tail"),
    ("h", "t"),
    ("subj", "obj"),
    ("subject", "object"),
    ("e1", "e2"),
    ("entity1", "entity2"),
    ("entity_1", "entity_2"),
    ("arg1", "arg2"),
)
"""What the two things are called, the first one first."""
_CELLS = ("_span", "_pos", "_position", "_offset", "_offsets", "_indices", "")
"""Endings of columns that hold a whole place; without an ending the cell must look like one."""
_ENDS = (("_start", "_end"), ("_begin", "_end"))
"""Endings of two columns that hold a place together."""
_NAMES = ("", "_text", "_name", "_word")
"""Endings of columns with the words of a thing."""
_KEYS = ("pos", "span", "position", "offset", "offsets", "indices")
_WORDS = ("name", "text", "word", "mention")
_TWO = re.compile(r"[\[(]?\s*(\d+)\s*[-,:; ]\s*(\d+)\s*[\])]?")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A place as it was written.

    Attributes:
        start: of characters or tokens, from 0.
        end: as written: the last one, or the one behind it.
        name: the words that should stand there; None where the file does not say.
        listed: all tokens were listed, so that `end` is surely the one behind.
    """

    start: int
    end: int
    name: str | None = None
    listed: bool = False


@dataclass(frozen=True)
class Thing:
    """The columns of one of the two things: one, or start and end."""

    columns: tuple[str, ...]
    name: str | None
    """Column with its words."""

    def span(self, row: Row) -> Span | None:
        """Its place in a row; None where there is none that can be read."""
        cells = [_plain(row.get(column)) for column in self.columns]
        found = read(cells[0]) if len(cells) == 1 else _numbers(cells)
        words = row.get(self.name) if self.name else None
        return Span(found.start, found.end, words, found.listed) if found and not found.name and isinstance(words, str) else found


Layout = tuple[Thing, Thing]
"""How a file says where the two things are."""


def find(chunk: Chunk) -> Layout | None:
    """The layout of a file by its first rows; None where it says no places."""
    known = {plain(name): name for name in chunk}
    for pair in PAIRS:
        for endings in [*((ending,) for ending in _CELLS), *_ENDS]:
            columns = [tuple(known.get(thing + ending, "") for ending in endings) for thing in pair]
            if not all(name for names in columns for name in names):
                continue
            one, other = (Thing(names, _words(thing, names, known, chunk)) for thing, names in zip(pair, columns, strict=True))
            if _reads(one, chunk) and _reads(other, chunk):
                return one, other
    return None


def read(cell: Any) -> Span | None:
    """The place in one cell.

    >>> read([4, 8]), read("4:8"), read({"pos": [4, 8], "name": "fire"}), read(["fire", "Q1", [[4, 5]]]), read("fire")
    (Span(start=4, end=8, name=None, listed=False), Span(start=4, end=8, name=None, listed=False), \
Span(start=4, end=8, name='fire', listed=False), Span(start=4, end=6, name='fire', listed=True), None)
    """
    cell = _plain(cell)
    if isinstance(cell, dict):
        return _of_object(cell)
    if not isinstance(cell, list) or not cell:
        return None
    if isinstance(cell[0], str):
        return _named(read(cell[-1]), cell[0])
    if isinstance(cell[0], list):  # tokens of the first mention
        tokens = [_whole(token) for token in cell[0]]
        known = [token for token in tokens if token is not None]
        return Span(min(known), max(known) + 1, listed=True) if known and len(known) == len(tokens) else None
    return _numbers(cell) if len(cell) == 2 else None


def _of_object(cell: Row) -> Span | None:
    inner = next((cell[key] for key in _KEYS if key in cell), None)
    found = read(inner) if inner is not None else _numbers([cell.get("start", cell.get("begin")), cell.get("end")])
    return _named(found, next((cell[key] for key in _WORDS if isinstance(cell.get(key), str)), None))


def _named(found: Span | None, name: str | None) -> Span | None:
    return Span(found.start, found.end, name, found.listed) if found else None


def _numbers(cells: Sequence[Any]) -> Span | None:
    start, end = map(_whole, cells)
    return Span(start, end) if start is not None and end is not None else None


def _whole(cell: Any) -> int | None:
    """A whole number, also one of CSV or of a column of floats."""
    if isinstance(cell, str) and cell.strip().isdecimal():
        return int(cell)
    return int(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) and float(cell).is_integer() else None


def _plain(cell: Any) -> Any:
    """A cell without what a file format adds: arrays of NumPy, lists in CSV as texts."""
    if hasattr(cell, "tolist"):
        return cell.tolist()
    if not isinstance(cell, str):
        return cell
    if two := _TWO.fullmatch(cell.strip()):
        return [int(two[1]), int(two[2])]
    try:
        return json.loads(cell) if cell.lstrip().startswith(("[", "{")) else cell
    except ValueError:
        return cell


def _words(thing: str, taken: Sequence[str], known: Mapping[str, str], chunk: Chunk) -> str | None:
    """The column with the words of a thing."""
    names = (known.get(thing + ending) for ending in _NAMES)
    return next((name for name in names if name and name not in taken and any(isinstance(cell, str) for cell in chunk[name])), None)


def _reads(thing: Thing, chunk: Chunk) -> bool:
    """Whether at least half of the first rows have such a place."""
    columns = [chunk[name][:100] for name in thing.columns]
    rows = [dict(zip(thing.columns, cells, strict=True)) for cells in zip(*columns, strict=True)]
    bare = Thing(thing.columns, None)
    return bool(rows) and 2 * sum(bare.span(row) is not None for row in rows) >= len(rows)
