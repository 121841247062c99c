"""Answers that are spans of the second text, with their places: `{"text": ["1920s"], "answer_start": [159]}`, or a list of such pairs.

Several answers of a row are references that count alike; a row without one has no answer in the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from leantune.core.errors import DataError, Problems, some
from leantune.core.human import plural
from leantune.data.columns import Columns
from leantune.data.extracted import ANSWERS, QUESTIONS, stand_in
from leantune.data.facts import Facts
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.intake import Inference
from leantune.data.losses import MOST, loss
from leantune.data.names import plain
from leantune.data.options import option_columns
from leantune.data.table import SHOWN_ROWS, Nested, Table

NO_ANSWER = "no answer"


@dataclass
class _Repairs:
    """Rows whose answers do not stand at their places, or have none."""

    moved: list[int]
    placed: list[int]
    first: list[int]
    """Those without a place whose text stands there more than once."""
    lost: list[tuple[int, str]]
    """With the answers."""


class Spans(Gold):
    """(first character, text) of each reference; -1 where it does not stand in the text."""

    arrow = pa.list_(pa.struct([("start", pa.int32()), ("text", pa.string())]))
    coded = False
    nests = ("a list", "an object")
    pieces = "spans"

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """Objects with texts and places."""
        del of_words
        found = nested is not None and any('"answer_start"' in value or '"start"' in value for value in facts.first)
        return f'"{facts.name}" holds answers with their places' if found else None

    def reads(self, table: Table, columns: Columns) -> str | None:
        """Answers in plain words of a text, which is no list of options."""
        pair, label = columns.text_pair, str(columns.label)
        named = plain(columns.text) in QUESTIONS and plain(label) in ANSWERS and option_columns(table) is None
        return f'most "{label}" stand in "{pair}"' if named and pair and stand_in(table, pair, label) else None

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """Names of the two outputs, and a third name where some rows have no answer."""
        unanswered = 0
        for source in (train, *held):
            repairs = self._checked(source)
            without = sum(not found for _, cells in source.cells() for found in self.read(cells, []).to_pylist())
            if without == source.table.rows:
                raise DataError(
                    f'{source.place}, column "{source.label}": no row has an answer. Use this file with `leantune predict`, or name '
                    "another column with --label COL.",
                    "E-LABEL",
                )
            unanswered += without
            notes.extend(_told(source, repairs))
        if unanswered:
            notes.append(Inference(what="rows without an answer", value=f"{unanswered:,}", why="the model learns to say so"))
        return ["start", "end", *([NO_ANSWER] if unanswered else [])]

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse what are no answers."""
        del labels
        repairs, rows = self._checked(source), source.table.rows
        if len(repairs.lost) > MOST * rows:
            lost = f"{len(repairs.lost):,} of {rows:,} answers do not stand in their text: row {some([row for row, _ in repairs.lost])}."
            raise DataError(f"{source.place}: {lost} Correct them, or name other columns.", "E-LABEL")

    def _checked(self, source: Labelled) -> _Repairs:
        if source.columns.text_pair is None:
            raise DataError(f"{source.place}: answering needs a question and a text. Name the text with --text-pair COL.", "E-COLUMN")
        problems, repairs = Problems(source.place), _Repairs([], [], [], [])
        for row, context, cell in _rows(source):
            try:
                found = references(cell)
            except ValueError as error:
                problems.add(f'row {row}, column "{source.label}": {error}', "E-LABEL")
                continue
            places = [located(context, start, text) for start, text in found]
            if any(place < 0 for place in places):
                repairs.lost.append((row, " | ".join(text for _, text in found)))
            elif any(place != start >= 0 for place, (start, _) in zip(places, found, strict=True)):
                repairs.moved.append(row)
            elif any(start < 0 for start, _ in found):
                several = any(start < 0 and context.count(text) > 1 for start, text in found)
                (repairs.first if several else repairs.placed).append(row)
        problems.raise_if_any()
        return repairs

    def blank(self, words: int) -> Any:
        """No reference."""
        del words
        return []

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """The references of each row, moved to where they stand."""
        del labels
        rows = zip(cells.column(1).to_pylist(), answers(cells), strict=True)
        found = [
            [{"start": located(context or "", start, text), "text": text} for start, text in references(cell)] for context, cell in rows
        ]
        return pa.array(found, self.arrow)


def references(cell: str | None) -> list[tuple[int, str]]:
    """(first character, text) of each answer in a cell; -1 where no place is given.

    >>> references('{"text": ["a"], "answer_start": [3]}'), references('[{"text": "a", "start": 3}]'), references(None)
    ([(3, 'a')], [(3, 'a')], [])

    Raises:
        ValueError: with a sentence for people.
    """
    if cell is None or not cell.strip():
        return []
    try:
        found = json.loads(cell)
    except ValueError:
        return [(-1, cell)]
    if not isinstance(found, dict | list):
        return [(-1, found if isinstance(found, str) else cell)]  # a text that reads like a number: 1920
    if isinstance(found, dict) and isinstance(found.get("text"), list):
        found = _side_by_side(found)
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(one, str) or (isinstance(one, dict) and isinstance(one.get("text"), str)) for one in listed):
        raise ValueError(f'{cell[:40]} is no answer. Write {{"text": ["..."], "answer_start": [0]}}.')
    pairs = [(-1, one) if isinstance(one, str) else (_place(_start(one)), one["text"]) for one in listed]
    return [(start, text) for start, text in dict.fromkeys(pairs) if text.strip()]


def _start(found: dict[str, Any]) -> Any:
    """What stands there for the place, by either name."""
    return found.get("answer_start", found.get("start"))


def _side_by_side(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Texts and places in two lists as one list."""
    said, starts = found["text"], _start(found)
    starts = starts if isinstance(starts, list) else [starts] * len(said) if starts is None else [starts]
    if len(starts) != len(said):
        raise ValueError(f"{len(said)} texts and {len(starts)} places. Each answer needs one place.")
    return [{"text": text, "start": start} for text, start in zip(said, starts, strict=True)]


def _place(start: Any) -> int:
    """A place as a number; -1 where none is given."""
    if start is None:
        return -1
    try:
        return int(start)
    except (TypeError, ValueError):
        raise ValueError(f"{json.dumps(start)[:40]} is no place. Write the number of the answer's first character, from 0.") from None


def located(context: str, start: int, text: str) -> int:
    """Where an answer stands: at its place, else at the nearest place with the same characters; -1 where it stands nowhere.

    >>> located("one two one", 7, "one"), located("one two one", 8, "two"), located("one", 0, "three")
    (8, 4, -1)
    """
    if start >= 0 and context.startswith(text, start):
        return start
    places, at = list[int](), context.find(text)
    while at >= 0:
        places.append(at)
        at = context.find(text, at + 1)
    return min(places, key=lambda place: (abs(place - start), place), default=-1)


def _rows(source: Labelled) -> Iterator[tuple[int, str, str | None]]:
    for start, cells in source.cells():
        for place, (context, cell) in enumerate(zip(cells.column(1).to_pylist(), answers(cells), strict=True)):
            yield start + place, context or "", cell


def _told(source: Labelled, repairs: _Repairs) -> Iterator[Inference]:
    for rows, what, why in (
        (repairs.moved, "answers moved", "they do not stand at the place given; the nearest one with the same text is taken"),
        (repairs.placed, "answers without a place", "the only place with the same text is taken"),
        (repairs.first, "answers without a place that stand there several times", "the first place with the same text is taken"),
    ):
        if rows:
            yield Inference(what=what, value=f"{source.place} row {some(rows, SHOWN_ROWS)}", why=f"{plural(len(rows), 'row')}; {why}")
    if lost := repairs.lost:
        why = f"{plural(len(lost), 'row')}; they are not learned from, but still scored"
        yield loss("answers outside of the text", source.place, lost, of=source.table.rows, why=why)


MEMBER = Spans()
