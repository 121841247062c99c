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


def kept(size: int, most: int, way: dict[str, Any], worth: list[tuple[int, float]] | None = None) -> list[int]:
    """Tokens of a text that stay.

    Args:
        size: tokens of the text.
        most: how many stay.
        way: which ones.
        worth: word and surprise of each token, where that decides.

    >>> kept(9, 4, {"name": "tail"}), kept(9, 4, {"name": "both", "first": 0.25})
    ([5, 6, 7, 8], [0, 6, 7, 8])
    """
    if size <= most:
        return list(range(size))
    if way["name"] == "compress":
        return telling(worth or [], most)
    first = 0 if way["name"] == "tail" else round(way["first"] * most) if way["name"] == "both" else most
    return [*range(first), *range(size - (most - first), size)]


def telling(worth: list[tuple[int, float]], most: int) -> list[int]:
    """Tokens of the words that tell the most: those with the least surprise are left out first, whole, until the rest fits.

    A word is as surprising as its tokens together (Li et al. 2023, arXiv:2310.06201); one that alone has no room is cut at its end.

    >>> telling([(0, 0.1), (1, 3.0), (1, 2.0), (2, 0.2), (3, 4.0)], 4), telling([(0, 0.1), (1, 3.0), (1, 2.0)], 1)
    ([1, 2, 3, 4], [1])
    """
    sizes, totals = dict[int, int](), dict[int, float]()
    for word, surprise in worth:
        sizes[word] = sizes.get(word, 0) + 1
        totals[word] = totals.get(word, 0.0) + surprise
    left, out, order = len(worth), set[int](), sorted(totals, key=totals.__getitem__)
    for word in order[:-1]:
        if left <= most:
            break
        left -= sizes[word]
        out.add(word)
    return [at for at, (word, _) in enumerate(worth) if word not in out][:most]


def words_of(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    """The word that each token belongs to: one begins behind a space, and at each ideograph.

    >>> words_of("not bad", [(0, 3), (3, 5), (5, 7)]), words_of("很好", [(0, 1), (1, 2)])
    ([1, 2, 2], [1, 2])
    """
    found, word, last = list[int](), 0, -1
    for start, _ in offsets:
        begins = start == 0 or text[start : start + 1].isspace() or text[start - 1].isspace() or text[start : start + 1] >= "\u2e80"
        word += begins and start != last
        found.append(word)
        last = start
    return found


def starts(size: int, width: int, stride: int | None) -> list[int]:
    """Where windows of a text begin; the last one ends with the text.

    >>> starts(10, 4, None), starts(3, 4, None)
    ([0, 3, 6], [0])
    """
    step = min(width, stride or max(1, width * 3 // 4))
    return [*range(0, max(0, size - width), step), max(0, size - width)]


def places(
    owners: Sequence[int | None], room: int, ways: list[dict[str, Any]], worths: list[list[tuple[int, float]]] | None = None
) -> list[list[int]]:
    """Tokens of each piece of a row.

    Args:
        owners: the text that each token belongs to, 0 or 1; None for special tokens.
        room: tokens of a piece.
        ways: of the texts.
        worths: word and surprise of each token of each text, where that decides.
    """
    if len(owners) <= room:
        return [list(range(len(owners)))]
    texts = [[place for place, owner in enumerate(owners) if owner == text] for text in range(2 if 1 in owners else 1)]
    others = [place for place, owner in enumerate(owners) if owner is None]
    worths = worths or [[] for _ in texts]
    sizes, left = [len(text) for text in texts], max(0, room - len(others))
    windowed = [text for text in range(len(texts)) if ways[text]["name"] == "windows"]
    if not windowed:
        all_of_it = zip(texts, shares(sizes, left), ways, worths, strict=False)
        return [sorted(others + [text[at] for text, most, way, worth in all_of_it for at in kept(len(text), most, way, worth)])]
    moving = max(windowed, key=lambda text: sizes[text])
    rest = [number for number in range(len(texts)) if number != moving]
    still = [texts[number][at] for number in rest for at in kept(sizes[number], left // 2, ways[number], worths[number])]
    width = max(1, left - len(still))
    begins = starts(sizes[moving], width, ways[moving]["stride"])
    return [sorted(others + still + texts[moving][start : start + width]) for start in begins]
