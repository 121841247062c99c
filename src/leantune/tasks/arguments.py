"""Event arguments: what takes part in an event whose trigger is given, and as what, one tag for each word.

    {"tokens": ["Rebels", "attacked", "Aden"], "trigger": [1, 2], "tags": ["B-Attacker", "O", "B-Target"]}

A row is a sentence and one of its events. Files of sentences with lists of events give one for each; their triggers, with types, are the
task `tagging`. The model sees which words are the trigger. Score: F1 of spans with their roles.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.data.names import TRIGGERS
from leantune.tasks._of_words import SPAN_METRICS, OfWords


class Arguments(OfWords):
    """A role for each word, seen from a trigger."""

    name: ClassVar[str] = "arguments"
    summary: ClassVar[str] = "arguments of an event whose trigger is given"
    inputs: ClassVar[str] = (
        "text (a list of words), text_pair (the place of the trigger, from 0), label (a list of BIO tags); or text or words, and events"
    )
    gold: ClassVar[str] = "roles"
    focus: ClassVar[tuple[str, ...]] = TRIGGERS
    metrics: ClassVar[tuple[str, ...]] = SPAN_METRICS


MEMBER = Arguments()
