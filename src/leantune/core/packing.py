"""Packing as data: how the linear maps of a base are kept in 4 bits while something beside them is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Packing:
    """4-bit normal floats in blocks of 64."""

    double: bool = True
    """Whether the scales of the blocks are 8-bit numbers themselves."""
