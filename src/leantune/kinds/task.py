"""Task: how rows become a loss, a prediction and a score.

logits (B, outputs), gold (B,) -> loss ()          logits -> predicted (B,), confidence (B,)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from leantune.scores.tally import Tally


@dataclass(frozen=True)
class Decoded:
    """Predictions of a batch; logits are not kept."""

    predicted: NDArray[np.int32]
    """Index into the label list, shape (B,)."""
    confidence: NDArray[np.float32]
    """Probability of the predicted label, shape (B,)."""


class Task(Protocol):
    """One task of the field; a member's file binds `MEMBER` to an instance."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for people."""
    inputs: ClassVar[str]
    """The columns a file needs, for people."""
    default_metric: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]

    def outputs(self, labels: list[str]) -> int:
        """Width of the logits."""
        ...

    def loss(self, logits: Tensor, gold: Tensor) -> Tensor:
        """Mean loss of a batch, a scalar."""
        ...

    def decode(self, logits: Tensor) -> Decoded:
        """Predictions from logits (B, outputs)."""
        ...

    def tally(self, metric: str, gold: NDArray[Any], predicted: NDArray[Any], labels: Sequence[str]) -> Tally:
        """What predictions contribute to a metric, row by row.

        Raises:
            SpecError: E-NAME for an unknown metric, with the nearest valid name.
        """
        ...
