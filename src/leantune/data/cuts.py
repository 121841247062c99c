"""Which tokens of a row are read where it is too long. Plain functions: `predict.py` gets their source.

    places(owners, 128, [{"name": "both", "first": 0.25}])      [[0, 1, ..., 31, 700, ..., 796]]: the tokens of each piece

A way is `core.long.Way.plain()`. Special tokens always stay. Pairs share the room as tokenizers share it: the longer text is cut first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def shares(sizes: list[int], room: int) -> list[int]:
    """Tokens that each text keeps, the longest cut first.

    >>> shares([3, 20], 10), shares([30, 20], 11), shares([30], 10)
    ([3, 7], [6, 5], [10])
    """
    if sum(sizes) <= room:
        return sizes
    if len(sizes) == 1:
        return [room]
    small = min(min(sizes), max(0, room // 2))
    large = max(0, room - small)
    return [small, large] if sizes[0] <= sizes[1] else [large, small]


def kept(size: int, most: int, way: dict[str, Any]) -> list[int]:
    """Tokens of a text that stay.

    >>> kept(9, 4, {"name": "tail"}), kept(9, 4, {"name": "both", "first": 0.25})
    ([5, 6, 7, 8], [0, 6, 7, 8])
    """
    if size <= most:
        return list(range(size))
    first = 0 if way["name"] == "tail" else round(way["first"] * most) if way["name"] == "both" else most
    return [*range(first), *range(size - (most - first), size)]


def starts(size: int, width: int, stride: int | None) -> list[int]:
    """Where windows of a text begin; the last one ends with the text.

    >>> starts(10, 4, None), starts(3, 4, None)
    ([0, 3, 6], [0])
    """
    step = min(width, stride or max(1, width * 3 // 4))
    return [*range(0, max(0, size - width), step), max(0, size - width)]


def places(owners: Sequence[int | None], room: int, ways: list[dict[str, Any]]) -> list[list[int]]:
    """Tokens of each piece of a row.

    Args:
        owners: the text that each token belongs to, 0 or 1; None for special tokens.
        room: tokens of a piece.
        ways: of the texts.
    """
    if len(owners) <= room:
        return [list(range(len(owners)))]
    texts = [[place for place, owner in enumerate(owners) if owner == text] for text in range(2 if 1 in owners else 1)]
    others = [place for place, owner in enumerate(owners) if owner is None]
    sizes, left = [len(text) for text in texts], max(0, room - len(others))
    windowed = [text for text in range(len(texts)) if ways[text]["name"] == "windows"]
    if not windowed:
        pairs = zip(texts, shares(sizes, left), ways, strict=False)
        return [sorted(others + [text[at] for text, most, way in pairs for at in kept(len(text), most, way)])]
    moving = max(windowed, key=lambda text: sizes[text])
    still = [text[at] for number, text in enumerate(texts) if number != moving for at in kept(len(text), left // 2, ways[number])]
    width = max(1, left - len(still))
    begins = starts(sizes[moving], width, ways[moving]["stride"])
    return [sorted(others + still + texts[moving][start : start + width]) for start in begins]
