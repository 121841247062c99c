"""A long text cut down to what there is to see: `excerpt(text, {"gold": (3, 8), "predicted": (40, 52)})`."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from leantune.core.shown import Piece

AROUND = 120
"""Characters that are shown on both sides of a span."""
LEFT_OUT = " … "
_WORD = 20
"""Characters by which less is shown, so that no word is cut."""
Kind = Literal["first", "second", "gold", "predicted"]


def excerpt(text: str, spans: dict[Kind, tuple[int, int]]) -> list[Piece]:
    """The text around two spans in pieces; where both are empty, its beginning.

    Args:
        text: the whole text.
        spans: first character and the one behind the last of each; equal ones where there is none.
    """
    windows = [_around(text, *span) for span in spans.values() if span[1] > span[0]] or [_around(text, 0, 0)]
    shown = [any(start <= place < end for start, end in windows) for place in range(len(text))]
    found = list[Piece]()
    for (kept, kind), group in groupby(range(len(text)), key=lambda place: (shown[place], _kind(place, spans))):
        letters = list(group)
        found.append(Piece(text=text[letters[0] : letters[-1] + 1], kind=kind) if kept else Piece(text=LEFT_OUT))
    return found


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """What is shown around a span; it begins and ends at spaces where they are near."""
    first, last = max(0, start - AROUND), min(len(text), end + AROUND)
    if first > 0:
        first = max(first, text.find(" ", first, min(start, first + _WORD)) + 1)
    if last < len(text):
        space = text.rfind(" ", max(end, last - _WORD), last)
        last = space if space >= 0 else last
    return first, last


def _kind(place: int, spans: dict[Kind, tuple[int, int]]) -> Literal["plain", "first", "second", "gold", "predicted", "both"]:
    inside: list[Kind] = [kind for kind, (start, end) in spans.items() if start <= place < end]
    return "both" if len(inside) > 1 else inside[0] if inside else "plain"
