"""Scores of sets of labels are those of sklearn, with repeated rows too."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from leantune.core.errors import SpecError
from leantune.scores.label_sets import METRICS, membership, per_label, tally

N_LABELS, UNUSED = 9, 3
"""The last labels occur neither in gold nor in predictions, as rare labels do in a small test set."""


def _macro(gold: np.ndarray, predicted: np.ndarray) -> float:
    occurring = np.flatnonzero((gold + predicted).sum(axis=0))
    return float(f1_score(gold, predicted, labels=occurring, average="macro", zero_division=0))


SKLEARN = {"macro_f1": _macro, "micro_f1": lambda g, p: f1_score(g, p, average="micro", zero_division=0), "exact": accuracy_score}


def planted(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Membership of gold and predictions, (rows, labels); some rows have no label."""
    random = np.random.default_rng(0)
    gold = random.random((rows, N_LABELS)) < 0.25
    predicted = np.where(random.random(gold.shape) < 0.8, gold, random.random(gold.shape) < 0.5)
    gold[:, -UNUSED:] = predicted[:, -UNUSED:] = False
    assert not gold.any(axis=1).all()
    return gold.astype(int), predicted.astype(int)


def sets(membership: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in membership]


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_equals_sklearn(metric: str) -> None:
    gold, predicted = planted()
    found = tally(metric, sets(gold), sets(predicted), N_LABELS)
    assert found.rows == len(gold)
    assert found.score() == pytest.approx(SKLEARN[metric](gold, predicted), abs=1e-12)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_weights_are_repeated_rows(metric: str) -> None:
    gold, predicted = planted()
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    expected = SKLEARN[metric](gold[repeated], predicted[repeated])
    assert tally(metric, sets(gold), sets(predicted), N_LABELS).score(weights) == pytest.approx(expected, abs=1e-12)


def test_no_label_anywhere_is_exact_and_finds_nothing() -> None:
    assert [tally(metric, [[], []], [[], []], 3).score() for metric in ("exact", "macro_f1", "micro_f1")] == [1.0, 0.0, 0.0]


def test_per_label_equals_sklearn() -> None:
    gold, predicted = planted()
    names = list("abcdefghi")
    lines = per_label(sets(gold), sets(predicted), names)
    expected = np.array(precision_recall_fscore_support(gold, predicted, zero_division=0))
    assert [line["label"] for line in lines] == names
    assert np.array([[line[key] for line in lines] for key in ("precision", "recall", "f1", "rows")]) == pytest.approx(expected)


def test_membership_is_one_where_a_row_has_a_label() -> None:
    assert membership([[0, 2], [], [1]], 3).toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "microf1"\. Closest: "micro_f1"'):
        tally("microf1", [[0]], [[0]], 1)
