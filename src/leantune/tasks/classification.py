"""Classification: one label out of a closed list for a text or a pair of texts.

    {"text": "my card was declined", "label": "card"}      {"text": "premise", "text_pair": "hypothesis", "label": "entailment"}

Loss: cross-entropy of the logits. Prediction: the largest logit. Score: accuracy unless another metric is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from leantune.kinds.task import Answers, Decoded
from leantune.scores.labels import METRICS, tally
from leantune.scores.tally import Tally


class Classification:
    """One label for a text or a pair of texts."""

    name: ClassVar[str] = "classification"
    summary: ClassVar[str] = "one label out of a closed list for a text or a pair of texts"
    inputs: ClassVar[str] = "text, optionally text_pair, label"
    default_metric: ClassVar[str] = "accuracy"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)

    def outputs(self, labels: list[str]) -> int:
        """One logit for each label."""
        return len(labels)

    def loss(self, logits: Tensor, gold: Tensor) -> Tensor:
        """Mean cross-entropy; logits (B, C), gold (B,) of label indices."""
        return cross_entropy(logits.float(), gold)

    def decode(self, logits: Tensor) -> Decoded:
        """The likeliest label of each row and its probability; logits (B, C)."""
        confidence, predicted = logits.float().softmax(dim=-1).max(dim=-1)
        return Decoded(predicted.cpu().numpy().astype(np.int32), confidence.cpu().numpy().astype(np.float32))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Counts per label."""
        return tally(metric, gold, predicted, len(labels))

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """One label for every row."""
        found = np.unique(predicted)
        return f'it predicts "{labels[int(found[0])]}" for every row of dev: it did not converge' if found.size == 1 else None


MEMBER = Classification()
