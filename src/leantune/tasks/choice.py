"""Multiple choice: which one of a row's own options is right. Rows may have different numbers of options.

    {"question": "How many legs has a spider?", "choices": ["four", "six", "eight"], "answer": 2}

Each option is read behind the text and gets one score (Radford et al. 2018). Loss: cross-entropy of the scores of a row. Prediction: the
option with the largest. Score: accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from leantune.data.encoded import Encoded
from leantune.kinds.choices import chosen
from leantune.kinds.task import Answers, Decoded
from leantune.models.imitation import divergence
from leantune.scores.tally import Tally
from leantune.tasks._one_label import OneLabel

_SAME = 1e-6
"""Probabilities that differ less do not tell options apart."""


class Choice(OneLabel):
    """One of the row's own options."""

    name: ClassVar[str] = "choice"
    summary: ClassVar[str] = "which one of a row's own options is right: multiple choice"
    inputs: ClassVar[str] = "text (a question, a beginning), text_pair (the options: a list, or several columns), label (the right one)"
    gold: ClassVar[str] = "choice"
    problem: ClassVar[str | None] = None
    pipeline: ClassVar[str] = "multiple-choice"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """(B, 2): the number of the row inside the batch, and 1 for the right option; the pieces of a row stand together, in order."""
        del words, outputs
        begins = np.r_[True, np.diff(rows) != 0]
        number = np.cumsum(begins) - 1
        place = np.arange(len(rows)) - np.flatnonzero(begins)[number]
        right = [gold[row]["place"] == at for row, at in zip(rows, place, strict=True)]
        return np.column_stack([number, right]).astype(np.int64)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean over rows of the cross-entropy of their options; logits (B, 1), targets (B, 2)."""
        scores, place = _by_row(logits, targets)
        return cross_entropy(scores, place[targets[:, 1] == 1])

    def weight(self, targets: Tensor) -> int:
        """Rows, each with its options."""
        return int((targets[:, 1] == 1).sum())

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of the options of each row."""
        return divergence(_by_row(logits, targets)[0], _by_row(taught, targets)[0], temperature)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """The score of each option; logits (B, 1)."""
        del words
        scores = logits.float().squeeze(-1).cpu().numpy()
        return Decoded(scores.astype(np.float64), np.ones(len(scores), dtype=np.float32))

    def join(
        self,
        decoded: Decoded,
        encoded: Encoded,
        labels: Sequence[str],
        sizes: Sequence[int] | None,
        pairs: Sequence[str] | None = None,
    ) -> Decoded:
        """For each row the place and the text of the option with the largest score, and the probabilities of all."""
        del labels, sizes
        starts = np.searchsorted(encoded.rows, np.arange(len(pairs or []) + 1))
        scores = np.asarray(decoded.predicted)
        likely = [softmax(scores[start:end]) for start, end in pairwise(starts)]
        return chosen(zip(map(json.loads, pairs or []), likely, strict=True))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Right or wrong."""
        right = [int(true["text"] == said["text"]) for true, said in zip(gold, predicted, strict=True)]
        return super().tally(metric, np.ones(len(right)), np.array(right), labels)

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """The same score for all options."""
        del labels
        same = all(np.ptp(row["scores"]) < _SAME for row in predicted)
        return "it gives all options of a row the same score" if same else None

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """The text of the option."""
        del labels
        return answer["text"]

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """Nothing beyond the worst rows."""
        del gold, predicted, labels
        return {}

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """Confidence in a wrong option."""
        return float(confidence) if gold["text"] != predicted["text"] else 0.0

    def options(self, predicted: Any, text_pair: str | None) -> list[tuple[str, float]] | None:
        """All options and how likely they are."""
        return list(zip(json.loads(text_pair or "[]"), predicted["scores"], strict=True))

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """A choice."""
        del labels, texts
        return "Chooses the right one of several options for a text."


def _by_row(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of options as (rows, options), what can never be likely where a row has fewer; and each option's place in its row."""
    row = (targets[:, 0].diff(prepend=targets[:1, 0]) != 0).cumsum(dim=0)  # numbers may be left out: some rows of a batch alone
    sizes = row.bincount()
    place = row.new_tensor(range(len(row))) - (sizes.cumsum(dim=0) - sizes)[row]
    scores = logits.new_full((len(sizes), int(sizes.max())), -1e4).float()
    scores[row, place] = logits.float().squeeze(-1)
    return scores, place


MEMBER = Choice()
