"""A text to write: a translation, a summary. A cell is a text, or a JSON list of texts that are all right (references).

The first reference is the one that is learned from; all of them are scored against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from leantune.core.errors import DataError, Problems, some
from leantune.data.facts import Facts, is_prose
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.intake import Inference
from leantune.data.table import SHOWN_ROWS, Nested
from leantune.data.values import is_missing
from leantune.data.words import nested_in


class Text(Gold):
    """The references of a row, one or more texts."""

    arrow = pa.list_(pa.string())
    coded = False
    unique = False
    nests = ("a list",)
    pieces = "continued"
    also_called = ("references",)

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """Mostly different texts of several words, or lists of such."""
        if of_words or not facts.varied or (nested is not None and nested.kind != "a list"):
            return None
        found = [text for cell in facts.first for text in references(cell)]
        return f'"{facts.name}" holds {facts.counted}, texts of several words' if is_prose(found) else None

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The one output is a text."""
        for source in (train, *held):
            self.check(source, [])
            if several := sum(len(found) > 1 for _, cells in source.cells() for found in self.read(cells, []).to_pylist()):
                why = "all are scored against" + ("; the first is learned from" if source is train else "")
                notes.append(Inference(what="rows with several references", value=f"{several:,} of {source.place}", why=why))
        return ["text"]

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse rows without a reference, lists of anything but texts, and lists in some of the rows only."""
        del labels
        empty, lists, odd = list[int](), list[int](), list[int]()
        nested = source.label in source.table.nested
        for row, cell in _rows(source):
            found = nested_in(cell)
            if nested and found is not None and not (isinstance(found, list) and _are_texts(found)):
                odd.append(row)
            elif isinstance(found, list) and _are_texts(found):
                lists.append(row)
            if all(is_missing(text) for text in references(cell)):
                empty.append(row)
        self._raise(source, empty, lists, odd)

    def _raise(self, source: Labelled, empty: Sequence[int], lists: Sequence[int], odd: Sequence[int]) -> None:
        """Tell everything that is wrong at once."""
        rows, problems = source.table.rows, Problems(source.place)
        if len(empty) == rows:
            raise DataError(
                f'{source.place}, column "{source.label}": every row is empty. Use this file with `leantune predict`, or name another '
                "column with --label COL.",
                "E-LABEL",
            )
        for found, what in (
            (empty, f"nothing to learn in {len(empty):,} of {rows:,} rows. Write the text or delete the row."),
            (odd, "something else than a text or a list of texts."),
            (
                lists if len(lists) + len(odd) < rows else [],
                f"a list in {len(lists):,} of {rows:,} rows. Write a text in every row, or a list of references in every row.",
            ),
        ):
            if found:
                problems.add(f'row {some(found, SHOWN_ROWS)}, column "{source.label}": {what}', "E-LABEL")
        problems.raise_if_any()

    def blank(self, words: int) -> Any:
        """No reference."""
        del words
        return []

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """The references of each row."""
        del labels
        return pa.array([references(cell) for cell in answers(cells)], self.arrow)


def references(cell: str | None) -> list[str]:
    """The texts in a cell; empty ones of a list are left out. What looks like other JSON is a text.

    >>> references("Ein Hund."), references('["a", "b", ""]'), references('{"a": 1}'), references(None)
    (['Ein Hund.'], ['a', 'b'], ['{"a": 1}'], [''])
    """
    found = nested_in(cell)
    if isinstance(found, list) and _are_texts(found):
        return [text for text in found if text.strip()] or [""]
    return [cell or ""]


def _are_texts(found: list[Any]) -> bool:
    return all(isinstance(text, str) for text in found)


def _rows(source: Labelled) -> Iterator[tuple[int, str | None]]:
    for start, cells in source.cells():
        yield from enumerate(answers(cells), start)


MEMBER = Text()
