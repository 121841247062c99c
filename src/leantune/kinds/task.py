"""Task: how rows become a loss, a prediction and a score.

logits (B, outputs), gold (B,) -> loss ()          logits -> B answers, confidence (B,)
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


Answers = NDArray[Any] | list[Any]
"""One answer per row: label numbers or numbers as an array, anything else (lists of label numbers, texts) as a list."""


@dataclass(frozen=True)
class Decoded:
    """Predictions of a batch; logits are not kept."""

    predicted: Answers
    confidence: NDArray[np.float32]
    """Probability of the answer, shape (B,)."""


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

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """What predictions contribute to a metric, row by row.

        Raises:
            SpecError: E-NAME for an unknown metric, with the nearest valid name.
        """
        ...

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """Why the predictions are no answer to the rows, such as one label for all of them; None when they vary."""
        ...
