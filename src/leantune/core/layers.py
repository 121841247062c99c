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


Stacks = tuple[tuple[Layer, ...], ...]
"""The layers in the order of the forward pass; of an encoder-decoder those of each side."""
