"""The confusion matrix as a picture: few labels as a table with numbers, many as a heat map.

A cell's strength is its share of its gold row, count[gold][predicted] / sum(count[gold]); hits and misses have colours of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from leantune.core.records import Inspection

TABLE_LABELS = 12
"""Up to so many labels the matrix is a table with numbers."""
_WIDTH, _LEAST, _MOST = 1076, 10, 20
"""Pixels: of the whole picture, and bounds of a cell."""
_LEVELS = 8


@dataclass(frozen=True)
class Pair:
    """One way of being wrong: rows with label `gold` that were called `predicted`."""

    gold: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class Layer:
    """All cells of one strength as one SVG path: `kind` is hit or miss, `share` in percent."""

    kind: str
    share: int
    path: str


@dataclass(frozen=True)
class Heat:
    """The heat map's measures in pixels and its layers."""

    left: int
    top: int
    cell: int
    size: int
    layers: list[Layer]


def strength(share: float) -> int:
    """Percent of colour for a share of the gold row; small shares stay visible.

    >>> strength(0.0), strength(1.0)
    (0, 88)
    """
    return 0 if share <= 0 else round(10 + 78 * share**0.6)


def confused_pairs(seen: Inspection, most: int = 10) -> list[Pair]:
    """The commonest mistakes, most rows first."""
    pairs = [
        Pair(seen.labels[gold], seen.labels[said], number, number / sum(row))
        for gold, row in enumerate(seen.confusion)
        for said, number in enumerate(row)
        if gold != said and number
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share, pair.gold, pair.predicted))[:most]


def make_heat(seen: Inspection) -> Heat:
    """The heat map of many labels; 77 labels are a few kilobytes."""
    margin = 14 + round(5.3 * max(len(shorten(label)) for label in seen.labels))
    cell = max(_LEAST, min(_MOST, (_WIDTH - margin) // len(seen.labels)))
    cells: dict[tuple[str, int], list[str]] = {}
    for gold, row in enumerate(seen.confusion):
        total = sum(row)
        for said, number in enumerate(row):
            if number:
                level = max(1, round(_LEVELS * number / total))
                kind = "hit" if gold == said else "miss"
                cells.setdefault((kind, level), []).append(f"M{said * cell},{gold * cell}h{cell - 1}v{cell - 1}h-{cell - 1}z")
    layers = [Layer(kind, strength(level / _LEVELS), "".join(path)) for (kind, level), path in sorted(cells.items())]
    return Heat(margin, margin, cell, cell * len(seen.labels), layers)


def shorten(label: str, most: int = 30) -> str:
    """A label that fits beside the heat map."""
    return label if len(label) <= most else label[: most - 1] + "…"
