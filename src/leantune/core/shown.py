"""Texts to look at, in coloured pieces: what a report shows of a row beside its scores.

shortened([Piece(text="a long text ...")], 600)    the beginning and the end, and how much was left out between them
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from leantune.core.spec import Spec

_WORD = 20
"""Characters by which less is shown, so that no word is cut."""


class Piece(Spec):
    """A part of a text, for showing it with colours."""

    text: str
    kind: Literal["plain", "first", "second", "gold", "predicted", "both", "learned", "cut"] = "plain"
    """The first and the second of two things · the true answer, what was predicted, and what is in both · what the loss is on ·
    a note of what was left out."""


class Writing(Spec):
    """A test row that a text was written for, beside what is right."""

    row: int
    """Row number in the user's file, counted from 1."""
    source: list[Piece]
    references: list[list[Piece]]
    """All of them; `gold` are the words that the output lacks."""
    output: list[Piece]
    """`predicted` are the words that the closest reference lacks."""
    chrf: float
    """Of the row, a fraction."""


class Sample(Spec):
    """A row as a model reads it, or what a language model makes of it."""

    row: int
    """Row number in the user's file, counted from 1."""
    pieces: list[Piece]
    onward: str | None = None
    """How the text goes on in the file, where the model was to go on with it."""


def shortened(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """Pieces of `most` characters in all, from both ends; what was left out is counted in a piece of its own."""
    text = "".join(piece.text for piece in pieces)
    if len(text) <= most + 2 * _WORD:
        return list(pieces)
    first, last = most // 2, len(text) - most // 2
    before, behind = text.rfind(" ", first - _WORD, first), text.find(" ", last, last + _WORD)
    first, last = before if before >= 0 else first, behind + 1 if behind >= 0 else last
    left_out = Piece(text=f"… {last - first:,} characters left out …", kind="cut")
    return [*_between(pieces, 0, first), left_out, *_between(pieces, last, len(text))]


def _between(pieces: Sequence[Piece], start: int, end: int) -> Iterator[Piece]:
    at = 0
    for piece in pieces:
        part = piece.text[max(0, start - at) : max(0, end - at)]
        at += len(piece.text)
        if part:
            yield Piece(text=part, kind=piece.kind)
