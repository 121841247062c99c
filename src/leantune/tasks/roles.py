"""Semantic roles of a given predicate: who did what to whom, one tag for each word.

    {"tokens": ["We", "sold", "it"], "predicate_index": 1, "tags": ["B-ARG0", "B-V", "B-ARG1"]}

A row is a sentence and one of its predicates; PropBank columns (CoNLL-2005, CoNLL-2012) give one for each. The model sees which word is the
predicate. Score: F1 of spans with their roles; the predicate's own span (V) does not count, as in the scorer of CoNLL-2005.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.data.names import PREDICATES
from leantune.tasks._of_words import SPAN_METRICS, OfWords


class Roles(OfWords):
    """A role for each word, seen from a predicate."""

    name: ClassVar[str] = "roles"
    summary: ClassVar[str] = "semantic roles of a given predicate"
    inputs: ClassVar[str] = "text (a list of words), text_pair (the place of the predicate, from 0), label (a list of BIO tags)"
    gold: ClassVar[str] = "roles"
    focus: ClassVar[tuple[str, ...]] = PREDICATES
    silent: ClassVar[frozenset[str]] = frozenset({"V"})
    metrics: ClassVar[tuple[str, ...]] = SPAN_METRICS


MEMBER = Roles()
