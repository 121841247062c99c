"""What tasks with one label per row share: cross-entropy, the likeliest label, the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from leantune.kinds.task import Answers, Decoded, Task
from leantune.models.blending import of_labels
from leantune.models.imitation import divergence
from leantune.scores.labels import confusion, per_label, tally
from leantune.scores.tally import Tally


class OneLabel(Task):
    """One label per row."""

    problem: ClassVar[str | None] = "single_label_classification"

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy; logits (B, C), targets (B,) of label indices."""
        return cross_entropy(logits.float(), targets)

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of the labels."""
        del targets
        return divergence(logits, taught, temperature)

    def blend(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Of distributions over labels, or over the options of a row."""
        return of_labels(logits, weights)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """The likeliest label of each row and its probability; logits (B, C)."""
        del words
        confidence, predicted = logits.float().softmax(dim=-1).max(dim=-1)
        return Decoded(predicted.cpu().numpy().astype(np.int32), confidence.cpu().numpy().astype(np.float32))

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """The likeliest label and its probability."""
        likely = np.exp(logits - logits.max())
        return labels[int(likely.argmax())], float(likely.max() / likely.sum())

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """Difference of the probabilities."""
        likely = softmax(logits)
        return float(likely.max() - likely[list(labels).index(answer)])

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Counts per label."""
        return tally(metric, gold, predicted, len(labels))

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """One label for every row."""
        found = np.unique(predicted)
        return f'it predicts "{labels[int(found[0])]}" for every row' if found.size == 1 else None

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """Which labels are taken for which."""
        matrix = confusion(gold, predicted, len(labels))
        return {"confusion": matrix.tolist(), "per_label": per_label(matrix, list(labels))}
