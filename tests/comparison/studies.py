"""Synthetic score matrices with known truth: right or wrong per seed and row, correlated as models of one study are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from leantune.scores.labels import tally
from leantune.scores.tally import Tally


@dataclass(frozen=True)
class Truth:
    """Two methods on one test set.

    `gap` is the true difference (method minus reference), `seed_sd` the spread of a method's true accuracy over seeds,
    `shared` the correlation of what is hard for both.
    """

    rows: int = 1000
    seeds: int = 3
    accuracy: float = 0.88
    gap: float = 0.0
    seed_sd: float = 0.003
    shared: float = 0.75


def tallies(right: np.ndarray) -> list[Tally]:
    """One accuracy tally per line of a matrix [seeds, rows] of right (1) and wrong (0)."""
    return [tally("accuracy", np.ones(len(line), dtype=int), line.astype(int), 2) for line in right]


def simulate(truth: Truth, seed: int) -> tuple[list[Tally], list[Tally]]:
    """(method, reference) of one study: a row is right when its latent ease passes the threshold of the model's true accuracy."""
    generator = np.random.default_rng([seed, 99])
    ease = generator.standard_normal(truth.rows)
    return (
        tallies(_model(truth, truth.accuracy + truth.gap, ease, generator)),
        tallies(_model(truth, truth.accuracy, ease, generator)),
    )


def _model(truth: Truth, accuracy: float, ease: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A method has tastes of its own (half of what is not shared); the other half belongs to each seed."""
    own = generator.standard_normal(truth.rows)
    lines = []
    for _ in range(truth.seeds):
        trial = generator.standard_normal(truth.rows)
        unshared = np.sqrt((1 - truth.shared) / 2)
        latent = np.sqrt(truth.shared) * ease + unshared * own + unshared * trial
        level = np.clip(accuracy + truth.seed_sd * generator.standard_normal(), 0.01, 0.99)
        lines.append(latent < stats.norm.ppf(level))
    return np.array(lines)
