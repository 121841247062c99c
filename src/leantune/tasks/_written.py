"""Text to text: what tasks share whose answers a model writes: translation, summaries, sentences from data, replies.

Loss: cross-entropy of each token of the target, given the source and the tokens before it (teacher forcing). Prediction: token by token,
greedily or with beams, until the end token. While training, dev is judged by how likely the references are; texts are written at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from leantune.kinds.task import Answers
from leantune.models.heads import HeadKind
from leantune.scores.tally import Tally
from leantune.scores.texts import METRICS, tally
from leantune.tasks._next_token import NextToken


class Written(NextToken):
    """A text for each row."""

    inputs: ClassVar[str] = "text (the source), label (the target, or a list of references)"
    gold: ClassVar[str] = "text"
    head: ClassVar[HeadKind] = "text"
    writes: ClassVar[bool] = True
    pipeline: ClassVar[str] = "text-generation"
    metrics: ClassVar[tuple[str, ...]] = METRICS

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """One line per document."""
        del labels
        return tally(metric, [list(references) for references in gold], list(predicted))

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """The same text for every row."""
        del labels
        same = set(predicted)
        if len(same) > 1 or len(predicted) < 2:
            return None
        return f'it writes "{same.pop()[:60]}" for every row of dev'

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """A text; of references the first."""
        del labels
        return answer if isinstance(answer, str) else answer[0]

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """All scores."""
        return {"scores": {name: self.tally(name, gold, predicted, labels).score() for name in self.metrics}}

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """How little of the reference is there (chrF of the row)."""
        del confidence
        return 1.0 - tally("chrf", [list(gold)], [predicted]).score()

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """What is written."""
        del labels, texts
        return self.summary[0].upper() + self.summary[1:] + "."
