"""Layers of a transformer as data: which of the base's stands where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """What stands at a place."""

    source: int
    """The layer of the base whose weights it has, or whose shape."""
    fresh: bool = False
    """Whether its weights are drawn anew."""
    group: int | None = None
    """Layers of one group are one and the same, run at each of their places; None: it is its own."""


Stacks = tuple[tuple[Layer, ...], ...]
"""The layers in the order of the forward pass; of an encoder-decoder those of each side."""


def evenly(there: int, wanted: int) -> list[int]:
    """Places at even distances, the first and the last among them.

    >>> evenly(12, 6)
    [0, 2, 4, 7, 9, 11]
    """
    return [round(place * (there - 1) / max(1, wanted - 1)) for place in range(wanted)]
