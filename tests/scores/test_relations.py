"""Scores of relations are those of the scorer of SemEval-2010 task 8, rewritten here from its rule."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from leantune.core.errors import SpecError
from leantune.scores.relations import NULL, tally, types

TYPES = [
    "Cause-Effect",
    "Component-Whole",
    "Content-Container",
    "Entity-Destination",
    "Entity-Origin",
    "Instrument-Agency",
    "Member-Collection",
    "Message-Topic",
    "Product-Producer",
]
LABELS = sorted([f"{kind}({way})" for kind in TYPES for way in ("e1,e2", "e2,e1")] + ["Other"])


def official(gold: list[str], predicted: list[str]) -> float:
    """The "(9+1)-way evaluation with directionality": mean F1 of the nine types; a wrong direction is a miss on both sides."""
    found = []
    for kind in TYPES:
        right = wrong_direction = guessed_only = missed = 0
        for true, said in zip(gold, predicted, strict=True):
            is_kind, says_kind = true.split("(")[0] == kind, said.split("(")[0] == kind
            right += is_kind and true == said
            wrong_direction += is_kind and says_kind and true != said
            guessed_only += says_kind and not is_kind
            missed += is_kind and not says_kind
        precision = right / max(1, right + wrong_direction + guessed_only)
        recall = right / max(1, right + wrong_direction + missed)
        found.append(2 * precision * recall / max(1e-12, precision + recall))
    return sum(found) / len(TYPES)


def planted(rows: int = 800) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    gold = random.integers(0, len(LABELS), rows)
    turned = np.array([LABELS.index(_turned(label)) for label in LABELS])
    kind = random.random(rows)
    return gold, np.where(kind < 0.5, gold, np.where(kind < 0.7, turned[gold], random.integers(0, len(LABELS), rows)))


def _turned(label: str) -> str:
    """The other direction."""
    return label.replace("(e1,e2)", "(x)").replace("(e2,e1)", "(e1,e2)").replace("(x)", "(e2,e1)")


def named(numbers: np.ndarray) -> list[str]:
    return [LABELS[number] for number in numbers]


def test_equals_the_official_scorer() -> None:
    gold, predicted = planted()
    expected = official(named(gold), named(predicted))
    assert 0.3 < expected < 0.7
    assert tally("relation_f1", gold, predicted, LABELS).score() == pytest.approx(expected, abs=1e-12)


def test_weights_are_repeated_rows() -> None:
    gold, predicted = planted()
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    expected = official(named(gold[repeated]), named(predicted[repeated]))
    assert tally("relation_f1", gold, predicted, LABELS).score(weights) == pytest.approx(expected, abs=1e-12)


def test_the_other_metrics_are_those_of_labels() -> None:
    gold, predicted = planted()
    assert tally("accuracy", gold, predicted, LABELS).score() == pytest.approx(accuracy_score(gold, predicted))
    assert tally("macro_f1", gold, predicted, LABELS).score() == pytest.approx(f1_score(gold, predicted, average="macro"))


def test_a_wrong_direction_counts_on_both_sides() -> None:
    """Of two found ones and two there are, one is right: precision and recall one half."""
    names = ["A(e1,e2)", "A(e2,e1)", "Other"]
    assert tally("relation_f1", [0, 0, 2], [0, 1, 2], names).score() == pytest.approx(0.5)
    assert tally("relation_f1", [0, 0, 2], [0, 2, 2], names).score() == pytest.approx(2 / 3), "missed only: precision 1"


def test_the_null_class_counts_only_against() -> None:
    names = ["A(e1,e2)", "Other"]
    assert tally("relation_f1", [1, 1, 1], [1, 1, 1], names).score() == 0.0
    assert tally("relation_f1", [0, 1, 1], [0, 0, 1], names).score() == pytest.approx(2 / 3)


@pytest.mark.parametrize("null", NULL)
def test_names_of_the_null_class(null: str) -> None:
    kinds, of_label = types(["B(e2,e1)", null.upper(), "B(e1, e2)", "per:born_in"])
    assert kinds == ["B", "per:born_in"]
    assert of_label.tolist() == [0, -1, 0, 1]


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "relation_f"\. Closest: "relation_f1"'):
        tally("relation_f", [0], [0], ["A"])
