"""Texts that a method wrote, beside their sources and references, with the differences marked word by word.

writing(7, "Ein Hund.", ["A dog.", "One dog."], "A cat.", 0.41)   marks "cat" in the output, "dog" in the first reference ...
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

from leantune.core.scripts import is_word
from leantune.core.shown import Piece, Writing, shortened

SOURCE, TEXT = 800, 1200
"""Characters that are shown of a source, and of a reference or an output."""

_Marks = list[bool]


def writing(row: int, source: str, references: Sequence[str], output: str, chrf: float) -> Writing:
    """A row to look at.

    Args:
        row: its number in the user's file.
        source: what was read.
        references: all that would be right.
        output: what was written.
        chrf: of the row, a fraction.
    """
    said = parts(output)
    compared = [_lacking(parts(reference), said) for reference in references]
    closest = min(compared, key=lambda pair: sum(pair[1]) + sum(pair[0]))
    return Writing(
        row=row,
        source=shortened([Piece(text=source)], SOURCE),
        references=[_pieces(parts(text), marks, "gold") for text, (marks, _) in zip(references, compared, strict=True)],
        output=_pieces(said, closest[1], "predicted"),
        chrf=round(chrf, 4),
    )


def parts(text: str) -> list[str]:
    """A text in words, runs of spaces and single signs; letters of scripts without spaces are words, accents stay with their letter.

    >>> parts("A dog's 北京 café.")
    ['A', ' ', 'dog', "'", 's', ' ', '北', '京', ' ', 'café', '.']
    """
    found, before = list[str](), ""
    for letter in text:
        kind = _kind(letter)
        if found and (kind == "accent" or (kind == before and kind in ("letter", "space"))):
            found[-1] += letter
        else:
            found.append(letter)
        before = before if kind == "accent" else kind
    return found


def _kind(letter: str) -> Literal["accent", "space", "letter", "sign"]:
    category = unicodedata.category(letter)
    if category[0] == "M" or category == "Cf":
        return "accent"
    if letter.isspace():
        return "space"
    return "letter" if category[0] in "LN" and not is_word(letter) else "sign"


def _lacking(right: Sequence[str], said: Sequence[str]) -> tuple[_Marks, _Marks]:
    """Which parts of each the other lacks; white space is never looked at."""
    words = [[(place, part) for place, part in enumerate(text) if not part.isspace()] for text in (right, said)]
    matcher = SequenceMatcher(None, [part for _, part in words[0]], [part for _, part in words[1]], autojunk=False)
    lacking = [[not part.isspace() for part in text] for text in (right, said)]
    for first, second, size in matcher.get_matching_blocks():
        for which, start in enumerate((first, second)):
            for place, _ in words[which][start : start + size]:
                lacking[which][place] = False
    return lacking[0], lacking[1]


def _pieces(text: Sequence[str], marks: _Marks, kind: Literal["gold", "predicted"]) -> list[Piece]:
    """Neighbours in one piece; a space between two marked words is marked with them."""
    last = len(text) - 1
    joined = [
        marked or (part.isspace() and 0 < place < last and marks[place - 1] and marks[place + 1])
        for place, (part, marked) in enumerate(zip(text, marks, strict=True))
    ]
    runs = groupby(zip(text, joined, strict=True), key=lambda pair: pair[1])
    return shortened([Piece(text="".join(part for part, _ in run), kind=kind if marked else "plain") for marked, run in runs], TEXT)
