"""Turns: which of several tasks each training step belongs to.

    shares([8000, 2000], 0.5)      [2/3, 1/3]: a task weighs rows ** temperature
    turns(found, steps=300, seed=1)     200 times 0 and 100 times 1, in an order that the seed decides

A short run that draws its tasks at random may miss a small one altogether, so the counts are settled and only their order is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def shares(rows: Sequence[int], temperature: float) -> NDArray[np.float64]:
    """The share of the steps that each task gets; they add up to 1.

    Args:
        rows: training rows of each task.
        temperature: 0 is the same share for all, 1 is by size; in between small tasks get more than their size.

    >>> shares([900, 100], 0.5).tolist()
    [0.75, 0.25]
    """
    weights = np.asarray(rows, dtype=np.float64) ** temperature
    found: NDArray[np.float64] = weights / weights.sum()
    return found


def counts(found: NDArray[np.float64], steps: int) -> NDArray[np.int64]:
    """Steps of each task: its share, rounded so that they add up; at least one each where there are enough.

    >>> counts(np.array([0.75, 0.25]), 10).tolist()
    [8, 2]
    """
    least = 1 if steps >= len(found) else 0
    exact = found * steps
    given = np.maximum(np.floor(exact).astype(np.int64), least)
    while given.sum() > steps:
        given[int(np.argmax(np.where(given > least, given - exact, -np.inf)))] -= 1
    while given.sum() < steps:
        given[int(np.argmax(exact - given))] += 1
    return given


def turns(found: NDArray[np.float64], *, steps: int, seed: int) -> NDArray[np.int64]:
    """The number of a task for each step."""
    order = np.repeat(np.arange(len(found)), counts(found, steps))
    drawn: NDArray[np.int64] = np.random.default_rng([seed, 2]).permutation(order)
    return drawn
