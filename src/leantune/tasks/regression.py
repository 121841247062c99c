"""Regression and similarity: a number for a text or a pair of texts.

    {"text": "A plane is taking off.", "text_pair": "An air plane is taking off.", "score": 5.0}

Loss: mean squared error in the unit of the numbers. Prediction: the output itself. Score: Spearman's rank correlation unless another
metric is named; the mean absolute and the root mean squared error are told besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss

from leantune.kinds.task import Answers, Decoded, Task
from leantune.models.blending import of_numbers
from leantune.scores.numbers import ERRORS, METRICS, tally
from leantune.scores.tally import Tally

_SHOWN = 400
"""Points of the scatter plot."""


class Regression(Task):
    """A number for a text or a pair of texts."""

    name: ClassVar[str] = "regression"
    summary: ClassVar[str] = "a number for a text or a pair of texts: ratings, similarity"
    inputs: ClassVar[str] = "text, optionally text_pair, label (a number)"
    gold: ClassVar[str] = "number"
    problem: ClassVar[str | None] = "regression"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)
    reported: ClassVar[tuple[str, ...]] = tuple(ERRORS)

    def start(self, gold: Answers) -> float | None:
        """Their mean: at a head's learning rate a bias takes hundreds of steps to it, and the body would be bent to it instead."""
        return float(np.mean(gold))

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """The numbers; shape (B,)."""
        del words, outputs
        return np.asarray(gold)[rows].astype(np.float32)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error; logits (B, 1), targets (B,)."""
        return mse_loss(logits.float().squeeze(-1), targets)

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Mean squared difference: numbers have no temperature."""
        del targets, temperature
        return mse_loss(logits.float(), taught.float())

    def blend(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Of numbers."""
        return of_numbers(logits, weights)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """The outputs; they have no probability, so the confidence is 1."""
        del words
        numbers = logits.float().squeeze(-1).cpu().numpy().astype(np.float64)
        return Decoded(numbers, np.ones(len(numbers), dtype=np.float32))

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """The output; it has no probability, so the score is 1."""
        del labels
        return round(float(logits[0]), 6), 1.0

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """Difference of the numbers."""
        del labels
        return abs(float(logits[0]) - float(answer))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Sums of the numbers, their squares and products."""
        del labels
        return tally(metric, gold, predicted)

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """The same number for every row."""
        del labels
        numbers = np.asarray(predicted)
        return f"it predicts {numbers.mean():.3g} for every row of dev" if np.ptp(numbers) < 1e-6 else None

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """The number."""
        del labels
        return round(float(answer), 6)

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """The error."""
        del confidence
        return abs(float(gold) - float(predicted))

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """The number's name."""
        return f"Gives {texts} a number: `{labels[0]}`."

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """Gold numbers beside predicted ones, and the mean errors."""
        step = max(1, len(gold) // _SHOWN)
        pairs = zip(np.asarray(gold)[::step], np.asarray(predicted)[::step], strict=True)
        points = [(float(right), round(float(guess), 4)) for right, guess in pairs]
        return {"scatter": points, "errors": self.errors(gold, predicted, labels)}


MEMBER = Regression()
