"""Predicted numbers over true ones, as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from leantune.core.records import Inspection

_SIZE, _MARGIN = 420, 44
"""Pixels: of the whole picture, and left of and below the field."""


@dataclass(frozen=True)
class Scatter:
    """The picture's measures in pixels, its points, and the numbers at both ends of the axes."""

    size: int
    margin: int
    width: int
    low: str
    high: str
    points: list[tuple[float, float]]


def make_scatter(seen: Inspection) -> Scatter | None:
    """None where answers are no numbers."""
    if not seen.scatter:
        return None
    numbers = [number for pair in seen.scatter for number in pair]
    low, high = min(numbers), max(numbers)
    width, spread = _SIZE - _MARGIN - 8, (high - low) or 1.0

    def at(number: float) -> float:
        return round(width * (number - low) / spread, 1)

    points = [(_MARGIN + at(true), 4 + width - at(said)) for true, said in seen.scatter]
    return Scatter(_SIZE, _MARGIN, width, f"{low:.3g}", f"{high:.3g}", points)
