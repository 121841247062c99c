"""Two-level paired bootstrap: intervals over seeds and test rows at once.

    for each replicate b:   S* = seeds drawn with replacement,  I* = rows drawn with replacement   (one draw for both methods)
                            D[b] = mean over S* of  metric(method, I*) - metric(reference, I*)
    [L, U] = 5th and 95th percentile of D          90 % two-sided = 95 % one-sided each way

Resampling rows alone claims "as good" 1.5 to 2 times too often; this keeps its level (docs/decisions, and the simulations in the
tests). Rows with the same pattern of outcomes are drawn together from a multinomial, which is the same distribution at a
fraction of the work, and makes the result independent of the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.core.records import Interval
from leantune.scores.tally import Tally

Array = NDArray[Any]
_CELLS = 16_000_000
"""Most patterns x replicates that one interval may cost (about a second); more patterns get fewer replicates."""
_CHUNK = 4_000_000
_FEWEST = 1_000


@dataclass(frozen=True)
class Draws:
    """How the bootstrap draws; the same draws give the same interval."""

    replicates: int = 10_000
    seed: int = 20_260_101
    confidence: float = 0.90


@dataclass(frozen=True)
class Difference:
    """A method minus its reference on the same rows and seeds."""

    interval: Interval
    rows: int
    seeds: int
    row_variance: float
    """Variance that one test row contributes to the difference: for accuracy and one seed, the share of rows on which exactly one of
    the two is right (the discordance), less the squared difference. Divide by the rows for the variance of the mean."""
    seed_variance: float
    """Variance of the mean over seeds that no number of rows removes; 0 when the spread between seeds is explained by the rows."""

    p_better: float = 1.0
    """One-sided bootstrap p-value of "the method is not better": the share of replicates at or below 0."""

    @property
    def bottleneck(self) -> str:
        """What limits the certainty more: "rows" or "seeds"."""
        return "seeds" if self.seed_variance > self.row_variance / self.rows else "rows"


DEFAULT = Draws()


def interval(scores: Sequence[Tally], draws: Draws = DEFAULT) -> Interval:
    """Interval of a method's own mean score over seeds.

    Args:
        scores: one tally per seed, on the same rows.
        draws: replicates, seed and confidence.
    """
    replicates = _resample(scores, draws)
    mean = float(np.mean([tally.score() for tally in scores]))
    return _percentiles(mean, _over_seeds(replicates, draws), draws.confidence)


def difference(method: Sequence[Tally], reference: Sequence[Tally], draws: Draws = DEFAULT) -> Difference:
    """Interval of method minus reference, paired by seed and row.

    Args:
        method: one tally per seed.
        reference: tallies of the same seeds, in the same order, on the same rows.
        draws: replicates, seed and confidence.
    """
    if len(method) != len(reference):
        raise ValueError(f"{len(method)} seeds against {len(reference)}: pair them first")
    seeds = len(method)
    replicates = _resample([*method, *reference], draws)
    per_seed = replicates[:seeds] - replicates[seeds:]
    actual = np.array([own.score() - other.score() for own, other in zip(method, reference, strict=True)])
    resampled = _over_seeds(per_seed, draws)
    row, seed = _components(actual, per_seed)
    rows = method[0].rows
    return Difference(
        interval=_percentiles(float(actual.mean()), resampled, draws.confidence),
        rows=rows,
        seeds=seeds,
        row_variance=row * rows,
        seed_variance=seed,
        p_better=float((1 + (resampled <= 0).sum()) / (1 + len(resampled))),
    )


def upper_bound(method: Sequence[Tally], reference: Sequence[Tally], confidence: float) -> float:
    """One-sided upper bound of method minus reference at `confidence`, for example 0.99."""
    return difference(method, reference, Draws(confidence=2 * confidence - 1)).interval.high


def _components(actual: Array, per_seed: Array) -> tuple[float, float]:
    """Variance of the mean difference by rows and by seeds alone.

    Seeds scored on few rows differ by chance even when their models are equally good; that part (the interaction) is taken off.
    """
    seeds = len(actual)
    mean = per_seed.mean(axis=0)
    if seeds == 1:
        return float(mean.var()), 0.0
    interaction = float((per_seed - mean).var(axis=1).mean()) * seeds / (seeds - 1)
    return float(mean.var()), max(0.0, float(actual.var(ddof=1)) - interaction) / seeds


def _percentiles(mean: float, replicates: Array, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return Interval(mean=mean, low=min(float(low), mean), high=max(float(high), mean))


def _over_seeds(per_seed: Array, draws: Draws) -> Array:
    """Mean over seeds drawn with replacement; [seeds, replicates] to [replicates]."""
    seeds, replicates = per_seed.shape
    drawn = np.random.default_rng([draws.seed, 1]).multinomial(seeds, np.full(seeds, 1 / seeds), size=replicates)
    mean: Array = (drawn.T * per_seed).sum(axis=0) / seeds
    return mean


def _resample(tallies: Sequence[Tally], draws: Draws) -> Array:
    """Scores of every tally in every replicate, [tallies, replicates]; all see the same rows of a replicate."""
    patterns, shares = _patterns(tallies)
    replicates = max(min(draws.replicates, _CELLS // len(shares)), min(_FEWEST, draws.replicates))
    tables = [tally.table[pattern].T.tocsr() for tally, pattern in zip(tallies, patterns, strict=True)]
    generator = np.random.default_rng([draws.seed, 0])
    out = np.empty((len(tallies), replicates))
    step = max(1, _CHUNK // len(shares))
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        weights = np.ascontiguousarray(generator.multinomial(tallies[0].rows, shares, size=size).T, dtype=np.float64)
        for position, (tally, table) in enumerate(zip(tallies, tables, strict=True)):
            out[position, start : start + size] = tally.combine(table @ weights)
    return out


def _patterns(tallies: Sequence[Tally]) -> tuple[list[Array], Array]:
    """Distinct combinations of codes over all tallies: the code of each in each combination, and the share of rows it has."""
    rows = tallies[0].rows
    if any(tally.rows != rows for tally in tallies):
        raise ValueError("all tallies must be of the same rows")
    joint = np.zeros(rows, dtype=np.int64)
    for tally in tallies:
        _, joint = np.unique(joint * (int(tally.codes.max()) + 1) + tally.codes, return_inverse=True)
    _, first, counts = np.unique(joint, return_index=True, return_counts=True)
    return [tally.codes[first] for tally in tallies], counts / rows
