"""Rows as Python code gives them to a model become what is encoded: texts, pairs, words, words with a place, options, conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from leantune.artifact.manifest import Facts
from leantune.core.errors import DataError
from leantune.data import focus
from leantune.data.chat import conversation_of
from leantune.data.examples import ExampleChunk
from leantune.data.marks import UNMARKED
from leantune.data.options import options

Row = str | tuple[str, str] | list[str] | tuple[str, list[str]] | list[dict[str, str]]
"""A text, a (text, pair), a list of words, a (text, options), or a list of turns, as the model reads them."""
Focused = tuple[list[str], int | list[int]]
"""Words, and the place or the places of those that the row is about, from 0, as in the file of the training."""


def chunk_of(rows: Sequence[Row] | Sequence[Focused], facts: Facts, pattern: str | None) -> ExampleChunk:
    """Rows ready to be encoded.

    Args:
        rows: what the caller gave.
        facts: of the artifact.
        pattern: what every text must have in it.

    Raises:
        DataError: E-TEXT with the number of the row that is of another kind than the model reads.
    """
    if isinstance(rows, str):
        raise DataError('predict takes a list of rows. Write predict(["a text"]).', "E-TEXT")
    if facts.focused:
        return _focused(rows, span=focus.is_spans(str(facts.text_pair)))
    if facts.pieces == "chat":
        return ExampleChunk([_conversation(number, row) for number, row in enumerate(rows, 1)])
    return _plain(rows, facts, pattern)


def _plain(rows: Sequence[Any], facts: Facts, pattern: str | None) -> ExampleChunk:
    fits, what, give = _CHOICES if facts.chooses else _PAIRS if facts.paired else _WORDS if facts.words else _TEXTS
    for number, row in enumerate(rows, 1):
        if not fits(row):
            raise DataError(f"row {number}: this model reads {what}. Give {give}. Got {_short(row)}.", "E-TEXT")
        if pattern and not re.search(pattern, str(row)):
            raise DataError(f"row {number}: {UNMARKED} Got {_short(row)}.", "E-TEXT")
    if facts.chooses:
        return ExampleChunk([row[0] for row in rows], [_options(number, row[1]) for number, row in enumerate(rows, 1)])
    if facts.paired:
        return ExampleChunk([row[0] for row in rows], [str(row[1]) for row in rows])
    if facts.words:
        given = [list(map(str, row)) for row in rows]
        return ExampleChunk(list(map(" ".join, given)), words=given)
    return ExampleChunk([str(row) for row in rows])


def _conversation(number: int, row: Any) -> str:
    """A conversation as it is kept."""
    try:
        return conversation_of(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False))
    except ValueError as error:
        raise DataError(f"row {number}: {error}", "E-TEXT") from None


def _focused(rows: Sequence[Any], *, span: bool) -> ExampleChunk:
    """Rows of words and the places that they are about, in a list as the files of the training have it, in a text as they are stored."""
    words, places = list[list[str]](), list[str]()
    for number, row in enumerate(rows, 1):
        try:
            if not (isinstance(row, list | tuple) and len(row) == 2 and _is_words(row[0])):
                raise ValueError(f"this model reads words and a place. Give (words, place). Got {_short(row)}")
            own, place = list(row[0]), row[1]
            stored = isinstance(place, str)
            places.append(focus.written(focus.places_of(place if stored else json.dumps(place), len(own), span=span and not stored)))
            words.append(own)
        except ValueError as error:
            raise DataError(f"row {number}: {error}.", "E-TEXT") from None
    return ExampleChunk([" ".join(row) for row in words], places, words)


def _is_text(row: object) -> bool:
    return isinstance(row, str)


def _is_words(row: object) -> bool:
    return isinstance(row, list | tuple) and all(isinstance(word, str) for word in row)


def _is_pair(row: object) -> bool:
    return _is_words(row) and isinstance(row, list | tuple) and len(row) == 2


def _is_choice(row: object) -> bool:
    return isinstance(row, list | tuple) and len(row) == 2 and isinstance(row[0], str) and _is_words(row[1])


_TEXTS = (_is_text, "single texts", "a text")
_WORDS = (_is_words, "lists of words", "a list of texts")
_PAIRS = (_is_pair, "pairs of texts", "(text, pair)")
_CHOICES = (_is_choice, "texts with options", "(text, [option, option])")


def _options(number: int, given: Any) -> str:
    """Options as they are kept: a JSON list."""
    cell = json.dumps(list(given), ensure_ascii=False)
    try:
        return json.dumps(options(cell).texts, ensure_ascii=False)
    except ValueError as error:
        raise DataError(f"row {number}: {error}", "E-TEXT") from None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
