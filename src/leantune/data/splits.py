"""One file into train, dev and test: stratified by label, seeded, and rows with the same text stay together.

Share of each held-out split: a tenth of the rows, more for small files (up to a fifth, to reach 100 rows), because the size
of the test set decides how small a difference can be seen. A group of equal rows gets a pseudo-random rank from (seed, key),
so the same row goes the same way whatever the order of the file. The first group of each label is always in train.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leantune.core.errors import DataError

TRAIN, DEV, TEST = 0, 1, 2
NAMES = ("train", "dev", "test")

_BUCKET = 50_000
"""Rows that are split at a time; longer files fall by key into buckets of about this size, so that memory stays flat."""

_WISHED_ROWS = 100
_SHARE, _LARGEST_SHARE = 0.1, 0.2

Array = np.ndarray[Any, np.dtype[Any]]


def held_out_share(rows: int) -> float:
    """Share of the rows that goes into each held-out split.

    >>> held_out_share(600), held_out_share(10_000)
    (0.16666666666666666, 0.1)
    """
    return max(_SHARE, min(_LARGEST_SHARE, _WISHED_ROWS / rows))


def assign(groups: Array, labels: Array, *, seed: int, cut: Sequence[int]) -> Array:
    """Which split each row goes to.

    Args:
        groups: key of each row; rows with equal keys stay together. Shape (rows,), uint64.
        labels: label index of each row. Shape (rows,).
        seed: another seed gives another split.
        cut: the splits to cut from train: any of `DEV`, `TEST`.

    Returns:
        Split number of each row, int8, shape (rows,).

    Raises:
        DataError: E-SPLIT when there are too few different rows.
    """
    split = np.zeros(len(groups), np.int8)
    share, buckets = held_out_share(len(groups)), -(-len(groups) // _BUCKET)
    for bucket in range(buckets if cut else 0):
        rows = np.flatnonzero(groups % np.uint64(buckets) == bucket)
        split[rows] = _assign(groups[rows], labels[rows], seed=seed, share=share, cut=cut)
    if any(not (split == number).any() for number in cut):
        rows_here = f"{len(groups):,} rows ({len(np.unique(groups)):,} different)"
        wanted = " and ".join(NAMES[number] for number in cut)
        raise DataError(f"{rows_here} are too few to cut {wanted} from. Add rows or give files of your own.", "E-SPLIT")
    return split


def _assign(groups: Array, labels: Array, *, seed: int, share: float, cut: Sequence[int]) -> Array:
    """The split of each row of one bucket."""
    keys, first, inverse, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    target = max(1, round(share * len(groups)))
    of_label = labels[first]
    order = np.lexsort((_mixed(keys, seed), of_label))
    starts = np.r_[True, np.diff(of_label[order]) != 0]
    movable = order[~starts & (sizes[order] <= max(1, target // 10))]
    if sizes[movable].sum() < len(cut) * target:  # groups are large, such as questions with many answers each
        movable = order[~starts & (sizes[order] <= max(1, target // 2))]
    place = np.zeros(len(keys), np.int8)
    _spread(place, movable, sizes[movable], target=target, cut=cut)
    _keep_labels_in_train(place, inverse, labels)
    return place[inverse]


def _spread(place: Array, movable: Array, sizes: Array, *, target: int, cut: Sequence[int]) -> None:
    """Take groups at even distances from the list sorted by label, turn by turn for each split to cut."""
    if len(movable) < len(cut):
        return
    rate = min(0.8, max(len(cut) * target / sizes.sum(), len(cut) / len(movable)))
    steps = np.floor(np.arange(1, len(movable) + 1) * rate + 1e-9).astype(np.int64)
    taken = np.flatnonzero(np.diff(steps, prepend=0))
    place[movable[taken]] = np.asarray(cut, np.int8)[steps[taken] % len(cut)]


def _keep_labels_in_train(place: Array, inverse: Array, labels: Array) -> None:
    """Groups of mixed labels may have taken the only rows of a label away: bring them back."""
    split = place[inverse]
    gone = np.setdiff1d(labels, labels[split == TRAIN])
    place[inverse[np.isin(labels, gone)]] = TRAIN


def _mixed(keys: Array, seed: int) -> Array:
    """Splitmix64 of key and seed: a fixed pseudo-random number per key."""
    with np.errstate(over="ignore"):
        mixed = keys ^ (np.uint64(seed % 2**64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019))
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed
