"""Multi-label classification: any number of labels out of a closed list, none included.

    {"text": "late again, and too dear", "label": ["delay", "price"]}

Loss: binary cross-entropy of each logit, the mean over rows and labels. Prediction: the labels whose probability is above one half.
Score: macro F1 unless another metric is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from leantune.kinds.task import Answers, Decoded, Task
from leantune.models.blending import of_yes_no
from leantune.models.imitation import yes_no
from leantune.scores.label_sets import METRICS, membership, per_label, tally
from leantune.scores.tally import Tally


class MultiLabel(Task):
    """Any number of labels for a text or a pair of texts."""

    name: ClassVar[str] = "multilabel"
    summary: ClassVar[str] = "any number of labels out of a closed list for a text or a pair of texts"
    inputs: ClassVar[str] = "text, optionally text_pair, label (a list, or labels between commas, semicolons or bars)"
    gold: ClassVar[str] = "labels"
    problem: ClassVar[str | None] = "multi_label_classification"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """1 where a row has a label; shape (B, C)."""
        del words
        found: NDArray[Any] = membership([gold[row] for row in rows], outputs).toarray().astype(np.float32)
        return found

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy; logits and targets (B, C)."""
        return binary_cross_entropy_with_logits(logits.float(), targets)

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of outputs that are yes or no."""
        del targets
        return yes_no(logits, taught, temperature)

    def blend(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Of outputs that are yes or no."""
        return of_yes_no(logits, weights)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """The labels above one half, and the probability of the least certain decision; logits (B, C)."""
        del words
        probable = logits.float().sigmoid()
        certain = (probable - 0.5).abs().min(dim=-1).values + 0.5
        sets = [row.nonzero().flatten().tolist() for row in probable.cpu() > 0.5]
        return Decoded(sets, certain.cpu().numpy().astype(np.float32))

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """The labels above one half, and the probability of the least certain decision."""
        likely = (1 + np.tanh(logits / 2)) / 2
        found = [labels[place] for place in np.flatnonzero(likely > 0.5).tolist()]
        return found, float(np.abs(likely - 0.5).min() + 0.5)

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """The probability by which the labels too many or too few miss one half."""
        likely = expit(logits)
        wrong = [abs(float(likely[place]) - 0.5) for place, label in enumerate(labels) if (label in answer) != bool(likely[place] > 0.5)]
        return max(wrong, default=0.0)

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Counts per label."""
        return tally(metric, gold, predicted, len(labels))

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """The same labels for every row."""
        found = {tuple(answer) for answer in predicted}
        if len(found) > 1:
            return None
        same = ", ".join(f'"{labels[label]}"' for label in found.pop()) or "no label"
        return f"it predicts {same} for every row of dev"

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """Names of the labels."""
        return [labels[int(label)] for label in answer]

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """Any number of labels."""
        return super().describe(labels, texts).replace("Tells", "Gives", 1).replace("apart by", "any number of", 1)

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """How well each label is found."""
        return {"per_label": per_label(gold, predicted, labels)}


MEMBER = MultiLabel()
