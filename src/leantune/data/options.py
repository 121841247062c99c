"""The options of a multiple-choice row, in the ways that files write them, and the columns they stand in.

options('["red", "blue"]').texts                                             ["red", "blue"]
options('{"text": ["red", "blue"], "label": ["A", "B"]}').names              ["A", "B"]
option_columns(table)                                                        Found(text="article + question", options="options")
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from leantune.core.errors import Problems
from leantune.data.names import CONTEXTS, OPTION_PREFIXES, OPTIONS, QUESTIONS, plain
from leantune.data.table import Table

_NUMBERED = re.compile(rf"({'|'.join(sorted(OPTION_PREFIXES, key=len, reverse=True))}|)_?([0-9]|[a-z])")
_FEWEST_BARE = 3
"""Columns that are called by a letter alone must be so many, or they could be anything."""


@dataclass(frozen=True)
class Options:
    """The options of one row."""

    texts: list[str]
    names: list[str] = field(default_factory=list)
    """What each is called, in its order; empty where they have no names."""


def options(cell: str | None) -> Options:
    """The options in a cell: a list of texts, a list of objects with text and label, two lists, or an object of texts by name.

    Raises:
        ValueError: with a sentence for people, for what holds no two different options.
    """
    found = _listed(cell)
    texts = [text for _, text in found]
    if len(texts) < 2:
        raise ValueError(f"{len(texts) or 'no'} option{'' if texts else 's'}. At least two are needed.")
    blank = [number for number, text in enumerate(texts, 1) if not text]
    if blank:
        raise ValueError(f"option {blank[0]} of {len(texts)} is empty. Fill it in or take it out.")
    for number, text in enumerate(texts):
        if text in texts[:number]:
            raise ValueError(f'options {texts.index(text) + 1} and {number + 1} are the same ("{text[:40]}"). Take one of them out.')
    names = [name for name, _ in found if name is not None]
    return Options(texts, names if len(names) == len(texts) else [])


def _listed(cell: str | None) -> list[tuple[str | None, str]]:
    """(name, text) of each."""
    try:
        found = json.loads(cell or "", parse_float=str, parse_int=str)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("text"), list):
        names = found.get("label") or [None] * len(found["text"])
        if len(names) != len(found["text"]):
            raise ValueError(f"{len(found['text'])} texts and {len(names)} labels of options. Each option needs one of both.")
        pairs = list(zip(names, found["text"], strict=True))
    elif isinstance(found, dict):
        pairs = list(found.items())
        while pairs and isinstance(pairs[-1][1], str | None) and not (pairs[-1][1] or "").strip():
            pairs.pop()  # a table with columns for the most options has empty cells in rows with fewer
    elif isinstance(found, list):
        pairs = [(one.get("label"), one.get("text")) if isinstance(one, dict) else (None, one) for one in found]
    else:
        raise ValueError(f'"{(cell or "")[:40]}" is no list of options. Write ["first option", "second option"].')
    if any(isinstance(text, dict | list | bool) for _, text in pairs):
        raise ValueError(f"{str(cell)[:40]} holds something else than texts. Write a list of texts.")
    return [(None if name is None else str(name).strip(), (text or "").strip()) for name, text in pairs]


@dataclass(frozen=True)
class Found:
    """Columns of a file of multiple choice."""

    text: str | None
    """None where no column has a known name."""
    options: str


def option_columns(table: Table) -> Found | None:
    """Where the options stand and what they answer, by the names of columns; None for a file of another kind."""
    for name in table.columns:
        nested = table.nested.get(name)
        if nested and nested.kind == "an object" and holds_options(table, f"{name}.choices"):
            return Found(f"{name}.stem", f"{name}.choices")
    known = {plain(name): name for name in table.columns}
    chosen = next((known[name] for name in OPTIONS if name in known and holds_options(table, known[name])), None) or _numbered(table)
    if chosen is None:
        return None
    free = {key: name for key, name in known.items() if name not in [part.strip() for part in chosen.split("|")]}
    first, second = (next((free[name] for name in names if name in free), None) for names in (CONTEXTS, QUESTIONS))
    texts = [name for name in (first, second) if name is not None]
    return Found(" + ".join(texts) or None, chosen)


def holds_options(table: Table, name: str) -> bool:
    """Whether most cells of a column are options, as far as the first rows tell."""
    batch = next(iter(table.batches([name])), None)
    cells: list[str | None] = [] if batch is None else batch.column(0).slice(0, 100).to_pylist()
    return 2 * sum(map(_is_some, cells)) > len(cells)


def _is_some(cell: str | None) -> bool:
    try:
        return bool(_listed(cell)) and not re.search(r'"(answer_)?start":', str(cell))
    except ValueError:
        return False


def _numbered(table: Table) -> str | None:
    """Columns such as ending0, ending1 or A, B, C, one for each option."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in table.columns:
        if (match := _NUMBERED.fullmatch(plain(name))) is not None:
            groups[match.group(1)].append((match.group(2), name))
    for prefix, members in groups.items():
        ends = [end for end, _ in members]
        if _in_order(ends) and len(ends) >= (2 if prefix else _FEWEST_BARE) and (prefix or not ends[0].isdigit()):
            return " | ".join(name for _, name in members)
    return None


def _in_order(ends: Sequence[str]) -> bool:
    """Whether they count up from 0, from 1 or from a."""
    return ends[0] in "01a" and all(ord(end) == ord(ends[0]) + place for place, end in enumerate(ends))


def refuse_wrong_options(table: Table, column: str, place: str) -> None:
    """Check the options of all rows.

    Raises:
        DataError: E-TEXT with everything that is wrong with them.
    """
    problems, row = Problems(place), 0
    for batch in table.batches([column]):
        for cell in batch.column(0).to_pylist():
            row += 1
            try:
                options(cell)
            except ValueError as error:
                problems.add(f'row {row}, column "{column}": {error}', "E-TEXT")
    problems.raise_if_any()
