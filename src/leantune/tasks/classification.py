"""Classification: one label out of a closed list for a text or a pair of texts.

    {"text": "my card was declined", "label": "card"}      {"text": "premise", "text_pair": "hypothesis", "label": "entailment"}

Loss: cross-entropy of the logits. Prediction: the largest logit. Score: accuracy unless another metric is named.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.scores.labels import METRICS
from leantune.tasks._one_label import OneLabel


class Classification(OneLabel):
    """One label for a text or a pair of texts."""

    name: ClassVar[str] = "classification"
    summary: ClassVar[str] = "one label out of a closed list for a text or a pair of texts"
    inputs: ClassVar[str] = "text, optionally text_pair, label"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)


MEMBER = Classification()
