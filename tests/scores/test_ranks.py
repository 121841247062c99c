"""Scores of rankings: mean average precision is sklearn's, group by group; the reciprocal rank is counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from leantune.core.errors import SpecError
from leantune.scores.ranks import METRICS, ranked, tally

Rows = list[list[int]]


def planted(groups: int = 60) -> tuple[Rows, np.ndarray]:
    """Rows of groups in any order, graded; every fifth group has no relevant row."""
    random = np.random.default_rng(0)
    rows = [
        [(-1) ** group * 7**group % (2**61), int(random.integers(0, 3)) * (group % 5 > 0)]
        for group in range(groups)
        for _ in range(random.integers(1, 9))
    ]
    random.shuffle(rows)
    return rows, random.permutation(len(rows)) / len(rows)


def reciprocal(relevant: np.ndarray, scores: np.ndarray) -> float:
    best = scores[relevant].max()
    return 1 / (1 + int((scores > best).sum()))


REFERENCE = {"map": average_precision_score, "mrr": reciprocal}


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_equals_the_reference_group_by_group(metric: str) -> None:
    rows, scores = planted()
    group, relevant = np.array([row[0] for row in rows]), np.array([row[1] for row in rows]) > 0
    known = [number for number in dict.fromkeys(group.tolist()) if relevant[group == number].any()]
    expected = [REFERENCE[metric](relevant[group == number], scores[group == number]) for number in known]
    assert 20 < len(known) < len(set(group.tolist()))
    found = tally(metric, rows, scores)
    assert found.rows == len(known), "the unit is the group; one without a relevant row says nothing"
    assert found.score() == pytest.approx(np.mean(expected), abs=1e-12)
    weights = np.random.default_rng(1).integers(0, 4, len(known))
    assert found.score(weights) == pytest.approx(np.average(expected, weights=weights), abs=1e-12)


def test_by_hand() -> None:
    gold = [[7, 0], [3, 1], [7, 1], [7, 2], [3, 0], [3, 0]]
    scores = [0.9, 0.1, 0.8, 0.2, 0.5, 0.3]
    assert [group.tolist() for group in ranked(gold, scores)] == [[False, True, True], [False, False, True]]
    assert tally("mrr", gold, scores).score() == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert tally("map", gold, scores).score() == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1 / 3) / 2)


def test_among_ties_the_irrelevant_come_first() -> None:
    for order in ([1, 0, 0], [0, 0, 1], [0, 1, 0]):
        gold = [[0, relevant] for relevant in order]
        assert tally("mrr", gold, [0.5, 0.5, 0.5]).score() == pytest.approx(1 / 3)
        assert tally("map", gold, np.zeros(3, np.float32)).score() == pytest.approx(1 / 3)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_no_relevant_row_at_all_scores_nothing(metric: str) -> None:
    assert tally(metric, [[0, 0], [1, 0]], [0.5, 0.1]).score() == 0.0


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "mapp"\. Closest: "map"'):
        tally("mapp", [[0, 1]], [0.5])
