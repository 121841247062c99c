"""Language modelling: what tasks share that find tokens of a text by the rest of it; they need no labels.

Loss: mean cross-entropy of the sought tokens. Score: their mean likelihood, which is 1 / perplexity, over all tokens alike; accuracy beside
it. The artifact is a base model like the one that it was made of: give its folder to --model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose, isfinite
from typing import Any, ClassVar

import numpy as np

from leantune.data.encoded import Encoded
from leantune.kinds.task import Answers, Decoded
from leantune.scores.likelihood import ERRORS, METRICS, tally
from leantune.scores.tally import Tally
from leantune.tasks._next_token import NextToken


class LanguageModel(NextToken):
    """How likely a text is; an answer is (sum of negative log-likelihoods, sought tokens, right ones)."""

    inputs: ClassVar[str] = "text; plain text files too"
    inferred: ClassVar[bool] = False
    sampled: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)
    reported: ClassVar[tuple[str, ...]] = tuple(ERRORS)

    def join(
        self,
        decoded: Decoded,
        encoded: Encoded,
        labels: Sequence[str],
        sizes: Sequence[int] | None,
        pairs: Sequence[str] | None = None,
    ) -> Decoded:
        """The sums over the pieces of a row."""
        del labels, sizes, pairs
        sums = np.zeros((int(encoded.rows.max()) + 1, 3))
        np.add.at(sums, encoded.rows, np.array(decoded.predicted))
        return Decoded(sums.tolist(), np.exp(-sums[:, 0] / np.maximum(sums[:, 1], 1)).astype(np.float32))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """One line per text."""
        del gold, labels
        return tally(metric, predicted)

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """Never: how likely a text is says nothing of that."""
        del predicted, labels
        return None

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """The perplexity of a text; a text that was filled as it is."""
        del labels
        if isinstance(answer, str):
            return answer
        return "" if isinstance(answer, int | np.integer) else f"perplexity {np.exp(answer[0] / max(answer[1], 1)):.1f}"

    def alike(self, one: str, other: str) -> bool:
        """Perplexities may differ by rounding."""
        if one.startswith("perplexity ") and other.startswith("perplexity "):
            return isclose(float(one.split()[1]), float(other.split()[1]), rel_tol=1e-3, abs_tol=0.1)
        return one == other

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """All scores, and the perplexity."""
        scores = {name: self.tally(name, gold, predicted, labels).score() for name in self.metrics}
        return {
            "scores": scores,
            "errors": {name: found for name, found in self.errors(gold, predicted, labels).items() if isfinite(found)},
        }

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """How unlikely the text is."""
        del gold, predicted
        return 1.0 - float(confidence)

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """What is found."""
        del labels, texts
        return self.summary[0].upper() + self.summary[1:] + "."
