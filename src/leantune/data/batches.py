"""Batches of about equal length: little padding, the same order for every method.

Padding waste = 1 - real tokens / (rows * longest). Random batches of 32 short texts waste half; sorted ones about 3 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

POOL = 64
"""Training batches sorted by length together; larger wastes less and mixes less."""


def length_batches(lengths: NDArray[np.int64], *, tokens: int, rows: int) -> list[NDArray[np.int64]]:
    """All rows in batches of like length, longest first, for prediction.

    Args:
        lengths: tokens per row.
        tokens: padded tokens per batch at most (one row may exceed it).
        rows: rows per batch at most.
    """
    order = np.argsort(-lengths, kind="stable")
    return _cut(order, lengths, tokens, rows)


def training_batches(lengths: NDArray[np.int64], *, rows: int, seed: int, by_length: bool = True) -> Iterator[NDArray[np.int64]]:
    """Endless training batches; epoch e of seed s has the same rows in the same order for every method.

    A batch of like length has a token budget of `rows` rows of mean length, and at most twice `rows` rows.

    Args:
        lengths: tokens per row.
        rows: rows per batch, on average where they are of like length.
        seed: of the order.
        by_length: otherwise rows make a batch as they come.
    """
    budget = max(int(rows * lengths.mean()), int(lengths.max()))
    for epoch in count():
        random = np.random.default_rng([seed, epoch])
        if by_length:
            yield from epoch_batches(lengths, budget=budget, rows=rows, random=random)
        else:
            yield from np.split(random.permutation(len(lengths)), range(rows, len(lengths), rows))


def epoch_batches(lengths: NDArray[np.int64], *, budget: int, rows: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """One epoch: shuffle, sort pools by length, cut by the budget, shuffle the batches."""
    order = random.permutation(len(lengths))
    batches = []
    for pool in np.array_split(order, max(1, round(len(order) / (POOL * rows)))):
        by_length = pool[np.argsort(lengths[pool], kind="stable")]
        batches += _cut(by_length, lengths, budget, 2 * rows)
    return [batches[place] for place in random.permutation(len(batches))]


def _cut(order: NDArray[np.int64], lengths: NDArray[np.int64], tokens: int, rows: int) -> list[NDArray[np.int64]]:
    batches, start, longest = [], 0, 0
    for place, row in enumerate(order):
        width = max(longest, int(lengths[row]))
        if place > start and (width * (place - start + 1) > tokens or place - start >= rows):
            batches.append(order[start:place])
            start, width = place, int(lengths[row])
        longest = width
    if start < len(order):
        batches.append(order[start:])
    return batches
