"""Scores of tags in sentences: entity F1 as `seqeval` counts it, and the share of words with the right tag.

An entity is right when type, first and last word are. Entities are read from the tags as conlleval does (BIO, IOB1, BIOES; an I- that
follows nothing begins an entity), by `seqeval` itself. The unit that a bootstrap draws is the sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from seqeval.metrics.sequence_labeling import get_entities

from leantune.core.errors import unknown_name
from leantune.scores import f1
from leantune.scores.tally import Combine, Tally, mean_of_counts

TagRows = Sequence[Sequence[int]] | NDArray[Any]
"""Tag numbers, one for each word of each sentence."""

OUTSIDE = "O"


def tally(metric: str, gold: TagRows, predicted: TagRows, labels: Sequence[str], *, silent: Collection[str] = ()) -> Tally:
    """The tally of a tagging metric.

    Args:
        metric: a name of `METRICS`.
        gold: tag numbers of each sentence.
        predicted: tag numbers of each sentence, as many.
        labels: names of the tags.
        silent: types of entities that do not count.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, sorted(METRICS))
    pairs = zip(gold, predicted, strict=True)
    if metric == "accuracy":
        counts = [[sum(map(int.__eq__, map(int, right), map(int, guess))), len(right)] for right, guess in pairs]
        return Tally.of(np.array(counts, dtype=np.float64).reshape(-1, 2), mean_of_counts)
    found = [(entities(right, labels, silent), entities(guess, labels, silent)) for right, guess in pairs]
    types = sorted({entity[0] for sentence in found for side in sentence for entity in side}) or [OUTSIDE]
    lines = [np.concatenate([_counts(right & guess, types), _counts(guess, types), _counts(right, types)]) for right, guess in found]
    return Tally.of(np.array(lines).reshape(len(found), 3 * len(types)), METRICS[metric])


def entities(tags: Sequence[int], labels: Sequence[str], silent: Collection[str] = ()) -> set[tuple[str, int, int]]:
    """(type, first word, last word) of each entity of a sentence; those of a silent type are left out."""
    return {entity for entity in get_entities([labels[int(tag)] for tag in tags]) if entity[0] not in silent}


def type_of(tag: str) -> str:
    """The type of a tag: `PER` of `B-PER`, nothing of `O`."""
    return tag[2:] if tag[1:2] == "-" else ""


def are_spans(labels: Sequence[str]) -> bool:
    """Whether the tags mark the beginnings and insides of spans: O, and B- or I- before a type.

    >>> are_spans(["B-PER", "I-PER", "O"]), are_spans(["NOUN", "VERB"])
    (True, False)
    """
    return any(tag[:2] in ("B-", "I-") for tag in labels) and all(tag == OUTSIDE or tag[1:2] == "-" for tag in labels)


def per_type(gold: TagRows, predicted: TagRows, labels: Sequence[str], *, silent: Collection[str] = ()) -> list[dict[str, Any]]:
    """Entities, precision, recall and F1 of each type."""
    right = Counter[str]()
    guessed, rows = Counter[str](), Counter[str]()
    for one, other in zip(gold, predicted, strict=True):
        true, said = entities(one, labels, silent), entities(other, labels, silent)
        right.update(kind for kind, *_ in true & said)
        guessed.update(kind for kind, *_ in said)
        rows.update(kind for kind, *_ in true)
    types = sorted({*guessed, *rows})
    return f1.per_label(types, *(np.array([count[kind] for kind in types]) for count in (right, guessed, rows)))


def _counts(found: set[tuple[str, int, int]], types: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    count = Counter(kind for kind, *_ in found)
    return np.array([count[kind] for kind in types], dtype=np.float64)


METRICS: dict[str, Combine] = {
    "entity_f1": f1.micro,
    "macro_entity_f1": f1.macro,
    "span_f1": f1.micro,
    "macro_span_f1": f1.macro,
    "accuracy": mean_of_counts,
}
"""Tagging metrics by name; all are fractions."""
