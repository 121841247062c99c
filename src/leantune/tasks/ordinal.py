"""Ordinal classification: one level out of an ordered list, such as stars.

    {"text": "fine, but slow", "label": "3"}

One output for each step between levels: logit k says whether the answer is above level k (cumulative link, McCullagh 1980; as binary
decisions, Frank and Hall 2001). Loss: their binary cross-entropy, summed over steps. Prediction: the number of steps that are passed.
Score: quadratic weighted kappa unless another metric is named; the mean distance is told besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from leantune.kinds.task import Answers, Decoded
from leantune.models.blending import of_yes_no
from leantune.models.imitation import yes_no
from leantune.scores.levels import ERRORS, METRICS, tally
from leantune.scores.tally import Tally
from leantune.tasks._one_label import OneLabel


class Ordinal(OneLabel):
    """One level for a text or a pair of texts."""

    name: ClassVar[str] = "ordinal"
    summary: ClassVar[str] = "one level out of an ordered list for a text or a pair of texts: stars, grades"
    inputs: ClassVar[str] = "text, optionally text_pair, label (with a number that says the order)"
    gold: ClassVar[str] = "levels"
    inferred: ClassVar[bool] = False
    problem: ClassVar[str | None] = "multi_label_classification"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)
    reported: ClassVar[tuple[str, ...]] = tuple(ERRORS)

    def outputs(self, labels: Sequence[str]) -> int:
        """One logit for each step between levels."""
        return len(labels) - 1

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """1 for every step below the level; shape (B, C)."""
        del words
        levels = np.asarray(gold)[rows]
        return (levels[:, None] > np.arange(outputs)).astype(np.float32)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy summed over steps, the mean over rows; logits and targets (B, C)."""
        return binary_cross_entropy_with_logits(logits.float(), targets, reduction="sum") / len(targets)

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of outputs that are yes or no."""
        del targets
        return yes_no(logits, taught, temperature)

    def blend(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Of outputs that are yes or no."""
        return of_yes_no(logits, weights)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """The number of steps that are passed, and the probability of the least certain step; logits (B, C)."""
        del words
        passed = logits.float().sigmoid()
        certain = (passed - 0.5).abs().min(dim=-1).values + 0.5
        return Decoded((passed > 0.5).sum(dim=-1).cpu().numpy().astype(np.int32), certain.cpu().numpy().astype(np.float32))

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """The level after the steps that are passed, and the probability of the least certain step."""
        passed = (1 + np.tanh(logits / 2)) / 2
        return labels[int((passed > 0.5).sum())], float(np.abs(passed - 0.5).min() + 0.5)

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """The probability by which the steps that would have to turn miss one half."""
        above = expit(logits) - 0.5
        missing = list(labels).index(answer) - int((above > 0).sum())
        turned = np.sort(-above[above <= 0] if missing > 0 else above[above > 0])[: abs(missing)]
        return float(turned.max(initial=0.0))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Sums of levels and distances."""
        return tally(metric, gold, predicted, len(labels))

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """Which levels are taken for which, and the mean distance."""
        return {**super().details(gold, predicted, labels), "errors": self.errors(gold, predicted, labels)}


MEMBER = Ordinal()
