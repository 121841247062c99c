"""Scores of numbers are those of scipy and sklearn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from leantune.core.errors import SpecError
from leantune.scores.numbers import ERRORS, METRICS, tally

KNOWN = METRICS | ERRORS
LIBRARIES = {
    "spearman": lambda g, p: spearmanr(g, p).statistic,
    "pearson": lambda g, p: pearsonr(g, p).statistic,
    "r2": r2_score,
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
}


def planted(rows: int = 300, *, around: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Gold numbers with ties, and predictions that follow them."""
    random = np.random.default_rng(0)
    gold = around + random.integers(0, 21, rows) / 4
    return gold, gold + random.normal(0.3, 1.0, rows)


@pytest.mark.parametrize("around", [0.0, 1e7])
@pytest.mark.parametrize("metric", sorted(KNOWN))
def test_equals_scipy_and_sklearn(metric: str, around: float) -> None:
    gold, predicted = planted(around=around)
    assert tally(metric, gold, predicted).score() == pytest.approx(LIBRARIES[metric](gold, predicted), rel=1e-7)


@pytest.mark.parametrize("metric", sorted(set(KNOWN) - {"spearman"}))
def test_weights_are_repeated_rows(metric: str) -> None:
    gold, predicted = planted()
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    assert tally(metric, gold, predicted).score(weights) == pytest.approx(LIBRARIES[metric](gold[repeated], predicted[repeated]))


def test_spearman_keeps_the_ranks_of_all_rows() -> None:
    """Repeated rows have other ranks among themselves; a tally adds up what each row brings, so ranks are those among all rows."""
    gold, predicted = planted(30)
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    found = tally("spearman", gold, predicted).score(weights)
    assert found == pytest.approx(pearsonr(rankdata(gold)[repeated], rankdata(predicted)[repeated]).statistic)
    assert abs(found - spearmanr(gold[repeated], predicted[repeated]).statistic) > 1e-5
    assert found == pytest.approx(spearmanr(gold[repeated], predicted[repeated]).statistic, abs=0.05), "near enough for an interval"


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
@pytest.mark.parametrize("constant", [0.1, 1 / 3, 2.7182, 1e6 + 0.1])
def test_a_constant_correlates_with_nothing(metric: str, constant: float) -> None:
    """Rounding must not make a correlation out of the mean, which is what the floor predicts."""
    gold, _ = planted(97)
    flat = np.full(len(gold), constant)
    weights = np.random.default_rng(2).integers(0, 3, len(gold))
    for one in (tally(metric, gold, flat), tally(metric, flat, gold)):
        assert one.score() == one.score(weights) == 0.0


def test_r2_of_constant_gold() -> None:
    flat, other = np.full(7, 0.5), np.linspace(0, 1, 7)
    assert tally("r2", flat, other).score() == r2_score(flat, other) == 0.0
    assert tally("r2", other, flat).score([0, 0, 2, 0, 0, 0, 0]) == 0.0, "of a row drawn twice"
    assert tally("r2", flat, flat).score() == r2_score(flat, flat) == 1.0


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "spearmann"\. Closest: "spearman"'):
        tally("spearmann", [0], [0])
