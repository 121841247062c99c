"""Tagging: one tag for each word of a sentence: names (BIO, IOB1, BIOES), parts of speech, slots, triggers.

    {"tokens": ["Karl", "Ove", "sings"], "tags": ["B-PER", "I-PER", "O"]}
    {"text": "Karl Ove sings.", "entities": [{"start": 0, "end": 8, "label": "PER"}]}

Score: entity F1 where the tags mark spans, else the share of right tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from leantune.scores.tags import are_spans
from leantune.tasks._of_words import OfWords


class Tagging(OfWords):
    """One tag for each word."""

    name: ClassVar[str] = "tagging"
    summary: ClassVar[str] = "one tag for each word: names, parts of speech, slots, triggers"
    inputs: ClassVar[str] = "text (a list of words), label (a list of tags); or text and entities or events (places with names)"
    gold: ClassVar[str] = "tags"
    metrics: ClassVar[tuple[str, ...]] = ("entity_f1", "macro_entity_f1", "accuracy")

    def default_metric(self, labels: Sequence[str]) -> str:
        """Entity F1 for spans, accuracy for tags that stand for themselves."""
        return "entity_f1" if are_spans(labels) else "accuracy"


MEMBER = Tagging()
