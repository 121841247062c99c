"""All texts of some files, for what is learned from texts alone: a tokenizer, a language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from leantune.core.errors import DataError, Problems, nearest, some
from leantune.data.chat import CONVERSATION, turns_of
from leantune.data.facts import is_prose, look
from leantune.data.golds.text import references
from leantune.data.intake import Inference
from leantune.data.layouts import plain_rows
from leantune.data.locate import bring_in, locate
from leantune.data.names import WORDS, plain
from leantune.data.table import Table
from leantune.data.words import nested_in, split_words


@dataclass(frozen=True)
class Corpus:
    """Tables and which of their columns hold texts.

    Attributes:
        parts: each table with its columns.
        inferences: what was worked out, to be printed.
    """

    parts: list[tuple[Table, list[str]]]
    inferences: list[Inference]

    def __iter__(self) -> Iterator[str]:
        """Text by text, from disk."""
        for table, columns in self.parts:
            for batch in table.batches(columns):
                for name, column in zip(columns, batch.columns, strict=True):
                    for cell in column.to_pylist():
                        yield from _said(name, cell)


def read_corpus(sources: Sequence[Any], folder: Path, columns: Sequence[str] = ()) -> Corpus:
    """The texts of files; of a source with several splits those of train.

    Args:
        sources: paths or anything else that rows are read from.
        folder: where the tables are kept.
        columns: that hold the texts; all with texts of several words when none is named.

    Raises:
        DataError: E-COLUMN where a file has no such column, and whatever is wrong with the files.
    """
    found = Corpus([], [])
    for source in sources:
        located = locate(source)
        part = located[0] if len(located) == 1 else next((part for part in located if part.split == "train"), None)
        if part is None:
            raise DataError(f"{located[0].name}: {len(located)} splits, none of them train. Name one file.", "E-SPLIT")
        place = folder / f"{len(found.parts)}.arrow"
        table = bring_in(part, place, found.inferences, *([] if columns else [partial(plain_rows, answered=False)]))
        chosen = _named(table, part.name, columns) if columns else _prose(table, part.name, found.inferences)
        found.parts.append((table, chosen))
    return found


def _named(table: Table, place: str, columns: Sequence[str]) -> list[str]:
    problems = Problems(place)
    for name in columns:
        if name not in table.columns:
            close = nearest(name, table.columns)
            hint = f' Closest: "{close}".' if close else ""
            problems.add(f'there is no column "{name}" (--columns).{hint} Columns: {some(table.columns, 20)}.', "E-COLUMN")
    problems.raise_if_any()
    return list(columns)


def _prose(table: Table, place: str, notes: list[Inference]) -> list[str]:
    """The columns with texts of several words."""
    facts = look(table)
    chosen = [name for name in table.columns if is_prose([text for cell in facts[name].first for text in _said(name, cell)])]
    if not chosen:
        raise DataError(
            f"{place}: no column holds texts of several words. Columns: {some(table.columns, 20)}. Name them with --columns.", "E-COLUMN"
        )
    listed = some([f'"{name}"' for name in chosen], 10)
    notes.append(Inference(what="texts", value=f"{listed} of {place}", why="columns with several words", override="--columns COL,COL"))
    return chosen


def _said(name: str, cell: str | None) -> list[str]:
    """The texts in a cell: a text, references, the turns of a conversation, the words of a list joined by spaces."""
    if name == CONVERSATION and cell:
        return [turn["content"] for turn in turns_of(cell)]
    if plain(name) in WORDS and isinstance(nested_in(cell), list):
        return [" ".join(split_words(cell))]
    return [text for text in references(cell) if text.strip()]
