"""Scores of tags are those of seqeval, whatever the scheme and however broken the sequences."""

from __future__ import annotations

import numpy as np
import pytest
from seqeval.metrics import accuracy_score, f1_score

from leantune.core.errors import SpecError
from leantune.scores.tags import METRICS, are_spans, entities, per_type, tally

SCHEMES = {
    "BIO": ["B-LOC", "I-LOC", "B-PER", "I-PER", "O"],
    "IOB1": ["I-LOC", "B-LOC", "I-PER", "O"],
    "BIOES": ["B-LOC", "I-LOC", "E-LOC", "S-LOC", "B-PER", "I-PER", "E-PER", "S-PER", "O"],
}
SEQEVAL = {
    "entity_f1": lambda g, p: f1_score(g, p, zero_division=0),
    "macro_entity_f1": lambda g, p: f1_score(g, p, average="macro", zero_division=0),
    "accuracy": accuracy_score,
}
SEQEVAL |= {name.replace("entity", "span"): score for name, score in SEQEVAL.items() if "entity" in name}

Rows = list[list[int]]


def planted(labels: list[str], rows: int = 120) -> tuple[Rows, Rows]:
    """Random tags, so many sequences are broken: an I- behind nothing or behind another type, an E- without a beginning."""
    random = np.random.default_rng(0)
    gold = [random.integers(0, len(labels), size).tolist() for size in random.integers(1, 12, rows)]
    predicted = [[tag if random.random() < 0.8 else int(random.integers(0, len(labels))) for tag in row] for row in gold]
    return gold, predicted


def named(rows: Rows, labels: list[str]) -> list[list[str]]:
    return [[labels[tag] for tag in row] for row in rows]


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_equals_seqeval(scheme: str, metric: str) -> None:
    labels = SCHEMES[scheme]
    gold, predicted = planted(labels)
    expected = SEQEVAL[metric](named(gold, labels), named(predicted, labels))
    assert 0.2 < expected < 0.95
    assert tally(metric, gold, predicted, labels).score() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_weights_are_repeated_sentences(metric: str) -> None:
    labels = SCHEMES["BIO"]
    gold, predicted = planted(labels)
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    expected = SEQEVAL[metric](*(named([rows[row] for row in repeated], labels) for rows in (gold, predicted)))
    assert tally(metric, gold, predicted, labels).score(weights) == pytest.approx(expected, abs=1e-12)


def test_an_entity_is_right_when_type_and_both_ends_are() -> None:
    labels = ["B-LOC", "B-PER", "I-PER", "O"]
    gold = [[1, 2, 3, 0], [1, 2]]
    assert entities(gold[0], labels) == {("PER", 0, 1), ("LOC", 3, 3)}
    predicted = [[1, 3, 3, 0], [1, 2]]  # the first name is cut short; two of three are right
    assert tally("entity_f1", gold, predicted, labels).score() == pytest.approx(2 / 3)
    assert per_type(gold, predicted, labels) == [
        {"label": "LOC", "rows": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0},
        {"label": "PER", "rows": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5},
    ]


def test_no_entity_at_all_scores_nothing() -> None:
    labels = SCHEMES["BIO"]
    assert tally("entity_f1", [[4, 4]], [[4, 4]], labels).score() == 0.0
    assert tally("entity_f1", [[0, 1]], [[4, 4]], labels).score() == 0.0


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        *((labels, True) for labels in SCHEMES.values()),
        (["NOUN", "VERB", "O"], False),
        (["O"], False),
        (["B-PER", "NOUN"], False),
    ],
)
def test_tags_of_spans_are_told_from_tags_of_words(labels: list[str], expected: bool) -> None:
    assert are_spans(labels) is expected


def test_as_many_tags_as_words() -> None:
    with pytest.raises(ValueError, match="zip"):
        tally("accuracy", [[0], [0]], [[0]], ["O"])


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "entityf1"\. Closest: "entity_f1"'):
        tally("entityf1", [[0]], [[0]], ["O"])
