"""Every row exactly once an epoch, within the limits, and the same rows for the same seed, whatever the lengths."""

from __future__ import annotations

from itertools import islice

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leantune.core.errors import DataError
from leantune.data import splits
from leantune.data.batches import length_batches, training_batches

FAST = settings(max_examples=60, deadline=None, derandomize=True, database=None)
LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=200).map(lambda sizes: np.array(sizes, np.int64))
GROUPS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), min_size=1, max_size=150)


def epoch(lengths: np.ndarray, rows: int, seed: int, epochs: int = 1) -> list[list[int]]:
    """The batches of the first epochs."""
    found, seen = [], 0
    for batch in training_batches(lengths, rows=rows, seed=seed):
        found.append(batch.tolist())
        seen += len(batch)
        if seen >= epochs * len(lengths):
            return found
    raise AssertionError("training batches have no end")


@FAST
@given(LENGTHS, st.integers(1, 40), st.integers(0, 5))
def test_a_training_epoch_has_every_row_once(lengths: np.ndarray, rows: int, seed: int) -> None:
    batches = epoch(lengths, rows, seed)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    budget = max(int(rows * lengths.mean()), int(lengths.max()))
    assert all(len(batch) <= 2 * rows and len(batch) * lengths[batch].max() <= budget for batch in batches)
    assert batches == epoch(lengths, rows, seed)
    twice = epoch(lengths, rows, seed, epochs=2)
    assert twice[: len(batches)] == batches
    assert sorted(row for batch in twice[len(batches) :] for row in batch) == list(range(len(lengths)))


@FAST
@given(st.integers(30, 200), st.integers(0, 5))
def test_epochs_and_seeds_differ(count: int, seed: int) -> None:
    lengths = np.arange(1, count + 1)
    first, other = (list(islice(training_batches(lengths, rows=4, seed=number), 3)) for number in (seed, seed + 1))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in other]
    twice = epoch(lengths, 4, seed, epochs=2)
    assert twice[: len(twice) // 2] != twice[len(twice) // 2 :]


@FAST
@given(LENGTHS, st.integers(1, 2000), st.integers(1, 50))
def test_prediction_batches_have_every_row_once_and_keep_the_limits(lengths: np.ndarray, tokens: int, rows: int) -> None:
    batches = length_batches(lengths, tokens=tokens, rows=rows)
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens
    widths = [int(lengths[batch].max()) for batch in batches]
    assert widths == sorted(widths, reverse=True), "longest first, so that memory never grows"


@FAST
@given(GROUPS, st.integers(0, 3), st.sampled_from([(1,), (2,), (1, 2)]), st.randoms(use_true_random=False))
def test_splits_keep_groups_together_and_labels_in_train(
    rows: list[tuple[int, int]], seed: int, cut: tuple[int, ...], mixing: object
) -> None:
    groups, labels = (np.array(column) for column in zip(*rows, strict=True))
    keys = groups.astype(np.uint64)
    try:
        place = splits.assign(keys, labels, seed=seed, cut=cut)
    except DataError:
        assert len(set(groups)) < 60, "only few rows are too few"
        return
    assert set(np.unique(place)) == {0, *cut}
    assert all(len(set(place[groups == group])) == 1 for group in np.unique(groups)), "rows with the same text stay together"
    assert set(labels) == set(labels[place == splits.TRAIN]), "no label is left out of train"
    assert (splits.assign(keys, labels, seed=seed, cut=cut) == place).all()
