"""Splits: stratified, seeded, independent of the row order, and equal rows stay together."""

from __future__ import annotations

import numpy as np
import pytest

from leantune.core.errors import DataError
from leantune.data import splits
from leantune.data.splits import DEV, TEST, TRAIN, assign


def case(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    return source.integers(0, 2**63, rows).astype(np.uint64), source.integers(0, classes, rows)


@pytest.mark.parametrize(("rows", "classes", "share"), [(600, 2, 1 / 6), (5000, 7, 0.1), (9000, 77, 0.1), (120_000, 5, 0.1)])
def test_shares_hold_for_every_label(rows: int, classes: int, share: float) -> None:
    groups, labels = case(rows, classes)
    place = assign(groups, labels, seed=0, cut=(DEV, TEST))
    for split in (DEV, TEST):
        assert (place == split).mean() == pytest.approx(share, abs=0.002)
        for label in range(classes):
            count = (labels == label).sum()
            buckets = -(-rows // splits._BUCKET)
            assert abs((place[labels == label] == split).sum() - share * count) <= 2 * buckets


def test_the_same_seed_gives_the_same_rows_in_any_order() -> None:
    groups, labels = case(3000, 4)
    place = assign(groups, labels, seed=3, cut=(DEV, TEST))
    order = np.random.default_rng(1).permutation(3000)
    assert np.array_equal(assign(groups[order], labels[order], seed=3, cut=(DEV, TEST)), place[order])
    assert not np.array_equal(assign(groups, labels, seed=4, cut=(DEV, TEST)), place)


def test_equal_rows_stay_together_and_crowds_stay_in_train() -> None:
    groups, labels = case(3000, 4)
    groups = np.r_[np.repeat(groups[:1000], 2), groups[1000:], np.full(500, groups[0])]
    labels = np.r_[np.repeat(labels[:1000], 2), labels[1000:], np.full(500, labels[0])]
    place = assign(groups, labels, seed=0, cut=(DEV, TEST))
    for key in np.unique(groups):
        assert len(np.unique(place[groups == key])) == 1
    assert (place[groups == groups[-1]] == TRAIN).all()


def test_every_label_is_in_train() -> None:
    source = np.random.default_rng(0)
    for seed in range(20):
        groups = source.integers(0, 60, 300).astype(np.uint64)
        labels = np.minimum(source.geometric(0.3, 300), 12)
        place = assign(groups, labels, seed=seed, cut=(DEV, TEST))
        assert set(labels) == set(labels[place == TRAIN])


def test_only_test_is_cut_when_dev_is_given() -> None:
    groups, labels = case(1000, 3)
    assert set(assign(groups, labels, seed=0, cut=(TEST,))) == {TRAIN, TEST}
    assert set(assign(groups, labels, seed=0, cut=())) == {TRAIN}


def test_too_few_rows() -> None:
    with pytest.raises(DataError, match=r"4 rows \(2 different\)") as caught:
        assign(np.array([1, 1, 2, 2], np.uint64), np.array([0, 0, 1, 1]), seed=0, cut=(DEV, TEST))
    assert caught.value.code == "E-SPLIT"
