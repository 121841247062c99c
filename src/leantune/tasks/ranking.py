"""Ranking: which of several texts answer a question. A row is one question with one answer; rows with the same question are a group.

    {"question": "how tall is it", "answer": "It is 12 m tall.", "label": 1}

Loss: binary cross-entropy of each row. Prediction: the probability of being relevant, which orders the group. Score: mean average
precision unless the mean reciprocal rank is named; groups are the unit of every interval.
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
from leantune.scores.ranks import METRICS, average_precision, ordered, tally
from leantune.scores.tally import Tally


class Ranking(Task):
    """How relevant the second text is to the first."""

    name: ClassVar[str] = "ranking"
    summary: ClassVar[str] = "which of several texts answer a question"
    inputs: ClassVar[str] = "text (the question), text_pair (one answer), label (0 or 1)"
    gold: ClassVar[str] = "relevance"
    inferred: ClassVar[bool] = False
    problem: ClassVar[str | None] = "multi_label_classification"
    pipeline: ClassVar[str] = "text-ranking"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """1 for relevant rows; shape (B,)."""
        del words, outputs
        return np.array([gold[row][1] > 0 for row in rows], dtype=np.float32)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy; logits (B, 1), targets (B,)."""
        return binary_cross_entropy_with_logits(logits.float().squeeze(-1), targets)

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of outputs that are yes or no."""
        del targets
        return yes_no(logits, taught, temperature)

    def blend(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Of outputs that are yes or no."""
        return of_yes_no(logits, weights)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """The probability of being relevant, which is the answer and its score; logits (B, 1)."""
        del words
        likely = logits.float().squeeze(-1).sigmoid().cpu().numpy()
        return Decoded(likely.astype(np.float64), likely.astype(np.float32))

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """The probability of being relevant."""
        del labels
        likely = float((1 + np.tanh(logits[0] / 2)) / 2)
        return round(likely, 6), likely

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """Difference of the probabilities."""
        del labels
        return abs(float(expit(logits[0])) - float(answer))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """One line per group."""
        del labels
        return tally(metric, gold, predicted)

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """The same score for every row."""
        del labels
        same = np.ptp(np.asarray(predicted)) < 1e-6
        return "it gives every row of dev the same score" if same else None

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """The score; of a gold answer whether it is relevant."""
        del labels
        return ("relevant" if answer[1] > 0 else "not relevant") if isinstance(answer, Sequence) else round(float(answer), 6)

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """Nothing beyond the worst rows."""
        del gold, predicted, labels
        return {}

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """How far the score is on the wrong side of one half."""
        del confidence
        return max(0.0, 0.5 - float(predicted) if gold[1] > 0 else float(predicted) - 0.5)

    def rankings(self, gold: Answers, predicted: Answers) -> list[tuple[float, list[int]]]:
        """Groups whose average precision is below 1."""
        found = []
        for rows in ordered(gold, predicted):
            relevant = np.array([gold[row][1] > 0 for row in rows])
            if relevant.any() and (score := average_precision(relevant)) < 1:
                found.append((score, rows.tolist()))
        return sorted(found, key=lambda group: group[0])

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """A relevance."""
        del labels
        return f"Says of {texts} how likely the second answers the first."


MEMBER = Ranking()
