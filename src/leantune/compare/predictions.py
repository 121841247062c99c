"""What a trial predicted on one split: gold labels, predicted labels and the confidence in each, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

SplitName = Literal["dev", "test"]


@dataclass(frozen=True)
class Predictions:
    """Predictions on one split, all arrays of shape [rows]."""

    gold: NDArray[Any]
    """Label numbers."""
    predicted: NDArray[Any]
    """Label numbers."""
    confidence: NDArray[Any]
    """Probability of the predicted label, 0 to 1."""
