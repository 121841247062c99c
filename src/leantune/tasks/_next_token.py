"""What tasks share whose logits are those of the vocabulary: the loss of the tokens to come, and how likely a text is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from leantune.kinds.task import Answers, Decoded, Task
from leantune.models.imitation import divergence

NO_TARGET = -100
"""Tokens behind which nothing is sought."""


def token_targets(words: NDArray[np.int64] | None) -> NDArray[Any]:
    """The token that is sought at each token, from its marks; shape (B, T)."""
    assert words is not None
    return np.where(words < 0, NO_TARGET, words)


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over the sought tokens; logits (B, T, V), targets (B, T). 0 for a batch without any."""
    sought = targets != NO_TARGET
    return cross_entropy(logits[sought].float(), targets[sought], reduction="sum") / sought.sum().clamp(min=1)


def likelihoods(logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
    """For each piece (sum of negative log-likelihoods, sought tokens, those that were the likeliest), and their mean probability.

    Args:
        logits: (B, T, V).
        words: (B, T) the sought tokens, -1 elsewhere.
    """
    assert words is not None
    rows, places = np.nonzero(words >= 0)
    sought = logits.new_tensor(words[rows, places]).long()
    found = logits[rows, places].float()
    losses = cross_entropy(found, sought, reduction="none").cpu().numpy().astype(np.float64)
    right = (found.argmax(dim=-1) == sought).cpu().numpy()
    sums = np.zeros((len(words), 3))
    for column, values in enumerate((losses, np.ones(len(rows)), right)):
        np.add.at(sums[:, column], rows, values)
    confidence = np.exp(-sums[:, 0] / np.maximum(sums[:, 1], 1)).astype(np.float32)
    return Decoded(sums.tolist(), confidence)


class NextToken(Task):
    """Tokens are sought; an answer is known by how likely a text is, or written afterwards."""

    from_logits: ClassVar[bool] = False

    def outputs(self, labels: Sequence[str]) -> int:
        """Those of the vocabulary."""
        del labels
        return 0

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """The sought token at each token; shape (B, T), of an encoder-decoder (B, L)."""
        del gold, rows, outputs
        return token_targets(words)

    def sought(self, targets: Tensor) -> Tensor | None:
        """Those that a token is sought behind."""
        return targets != NO_TARGET

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy over the sought tokens."""
        return token_loss(logits, targets)

    def weight(self, targets: Tensor) -> int:
        """The sought tokens."""
        return int((targets != NO_TARGET).sum())

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of the tokens that enter the loss."""
        sought = targets != NO_TARGET
        return divergence(logits[sought], taught[sought], temperature)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """How likely the sought tokens are; what a model would write itself is found by `evaluate.generate`."""
        return likelihoods(logits, words)
