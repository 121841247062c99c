"""Columns that are made of others, named by what they are made of.

    article + question        the texts of both, one after the other
    A | B | C | D             an object with one text for each of the columns, as JSON
    question.stem             what an object in a cell holds under a key

A column that really has such a name is meant by it. `cell_of` is copied into the artifact's `predict.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any


def sources(name: str, columns: Container[str]) -> list[str] | None:
    """The columns that a name is made of; itself for a plain one, None where one of them is not there.

    >>> sources("a", "ab"), sources("a + b.key", "ab"), sources("a | c", "ab")
    (['a'], ['a', 'b'], None)
    """
    if name in columns:
        return [name]
    parts = [part.strip() for part in re.split(r"[|+]", name)]
    if len(parts) == 1:
        outer, _, key = name.rpartition(".")
        return [outer] if key and outer in columns else None
    found = [sources(part, columns) for part in parts]
    return None if None in found else [column for part in found for column in part or []]


def lacking(name: str, columns: Container[str]) -> str:
    """The first part of a name that is not there."""
    parts = [part.strip() for part in re.split(r"[|+]", name)]
    return next((part for part in parts if sources(part, columns) is None), name)


def cell_of(row: Mapping[str, Any], name: str) -> str | None:
    """One cell as a text; numbers, lists and objects as JSON.

    >>> cell_of({"a": "x", "b": "y"}, "a + b"), cell_of({"a": "x", "b": 1}, "a | b"), cell_of({"a": {"b": "z"}}, "a.b")
    ('x y', '{"a": "x", "b": "1"}', 'z')
    """
    found: Any
    if name in row:
        found = row[name]
    elif "|" in name:
        found = {part.strip(): cell_of(row, part.strip()) for part in name.split("|")}
    elif "+" in name:
        found = " ".join(text.strip() for part in name.split("+") if (text := cell_of(row, part.strip())))
    else:
        outer, _, key = name.rpartition(".")
        held = row.get(outer)
        try:
            held = json.loads(held) if isinstance(held, str) else held
        except ValueError:
            held = None
        found = held.get(key) if isinstance(held, dict) else None
    return found if found is None or isinstance(found, str) else json.dumps(found, ensure_ascii=False)
