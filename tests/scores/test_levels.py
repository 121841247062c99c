"""Scores of levels are those of sklearn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, mean_absolute_error

from leantune.core.errors import SpecError
from leantune.scores.levels import ERRORS, METRICS, tally

KNOWN = METRICS | ERRORS
SKLEARN = {
    "qwk": lambda g, p: cohen_kappa_score(g, p, weights="quadratic"),
    "accuracy": accuracy_score,
    "macro_f1": lambda g, p: f1_score(g, p, average="macro", zero_division=0),
    "mae": mean_absolute_error,
}


def planted(n_levels: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    gold = random.integers(0, n_levels, rows)
    return gold, np.clip(gold + random.integers(-2, 2, rows), 0, n_levels - 1)


@pytest.mark.parametrize("metric", sorted(KNOWN))
@pytest.mark.parametrize("n_levels", [2, 5, 11])
def test_equals_sklearn(metric: str, n_levels: int) -> None:
    gold, predicted = planted(n_levels)
    assert tally(metric, gold, predicted, n_levels).score() == pytest.approx(SKLEARN[metric](gold, predicted), abs=1e-12)


@pytest.mark.parametrize("metric", sorted(KNOWN))
def test_weights_are_repeated_rows(metric: str) -> None:
    gold, predicted = planted(5)
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    expected = SKLEARN[metric](gold[repeated], predicted[repeated])
    assert tally(metric, gold, predicted, 5).score(weights) == pytest.approx(expected, abs=1e-12)


def test_kappa_of_one_level_for_all_rows_is_chance() -> None:
    gold, _ = planted(5)
    flat = np.full(len(gold), 2)
    assert tally("qwk", gold, flat, 5).score() == pytest.approx(cohen_kappa_score(gold, flat, weights="quadratic"), abs=1e-12)
    assert tally("qwk", gold, flat, 5).score() == pytest.approx(0.0, abs=1e-12)


def test_kappa_sees_how_far_off_a_level_is() -> None:
    gold = [0, 1, 2, 3, 4]
    near, far = (tally("qwk", gold, predicted, 5).score() for predicted in ([1, 1, 2, 3, 4], [4, 1, 2, 3, 4]))
    assert far < near < 1.0 == tally("qwk", gold, gold, 5).score()


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "qkw"\. Closest: "qwk"'):
        tally("qkw", [0], [0], 1)
