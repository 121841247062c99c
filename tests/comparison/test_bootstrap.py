from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leantune.scores import bootstrap
from leantune.scores.bootstrap import Draws, difference, interval, upper_bound
from leantune.scores.labels import METRICS, tally

from .studies import Truth, simulate, tallies


def correctness(rows: int, accuracy: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((1, rows)) < accuracy).astype(int)


def test_rows_only_equals_scipy() -> None:
    right = correctness(500, 0.8, 0)
    ours = interval(tallies(right))
    theirs = stats.bootstrap((right[0],), np.mean, confidence_level=0.9, method="percentile", n_resamples=9999, rng=1)
    assert ours.mean == pytest.approx(right.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.0021)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.0021)


def test_paired_difference_equals_scipy_and_the_closed_form() -> None:
    one, two = correctness(800, 0.85, 0), correctness(800, 0.82, 1)
    found = difference(tallies(one), tallies(two))
    delta = one[0] - two[0]
    theirs = stats.bootstrap((delta,), np.mean, confidence_level=0.9, method="percentile", n_resamples=9999, rng=1)
    assert found.interval.low == pytest.approx(theirs.confidence_interval.low, abs=0.0026)
    assert found.interval.high == pytest.approx(theirs.confidence_interval.high, abs=0.0026)
    discordance = np.mean(delta != 0)
    assert found.row_variance == pytest.approx(discordance - delta.mean() ** 2, rel=0.05)
    assert found.seed_variance == 0


def test_agrees_with_mcnemar() -> None:
    one, two = correctness(2000, 0.9, 2), correctness(2000, 0.88, 3)
    better, worse = int(((one == 1) & (two == 0)).sum()), int(((one == 0) & (two == 1)).sum())
    midp = stats.binom.sf(better - 1, better + worse, 0.5) - 0.5 * stats.binom.pmf(better, better + worse, 0.5)
    assert difference(tallies(one), tallies(two)).p_better == pytest.approx(midp, abs=0.01)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_multinomial_draws_are_a_bootstrap_over_rows_and_seeds(metric: str) -> None:
    generator = np.random.default_rng(5)
    gold = generator.integers(0, 3, 150)
    guesses = [np.where(generator.random(150) < level, gold, generator.integers(0, 3, 150)) for level in (0.7, 0.8, 0.75, 0.85)]
    both = [tally(metric, gold, guess, 3) for guess in guesses]
    ours = difference(both[:2], both[2:]).interval
    drawn = []
    for _ in range(1500):
        weights = np.bincount(generator.integers(0, 150, 150), minlength=150)
        seeds = generator.integers(0, 2, 2)
        drawn.append(np.mean([both[s].score(weights) - both[s + 2].score(weights) for s in seeds]))
    assert [ours.low, ours.high] == pytest.approx(list(np.quantile(drawn, [0.05, 0.95])), abs=0.015)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_order_of_rows_changes_nothing(metric: str) -> None:
    generator = np.random.default_rng(3)
    gold = generator.integers(0, 4, 300)
    guesses = [np.where(generator.random(300) < 0.8, gold, 0) for _ in range(6)]
    order = generator.permutation(300)

    def both(rows: np.ndarray) -> object:
        made = [tally(metric, gold[rows], guess[rows], 4) for guess in guesses]
        return difference(made[:3], made[3:])

    assert both(np.arange(300)) == both(order)


def test_swapping_the_methods_mirrors_the_interval() -> None:
    method, reference = simulate(Truth(gap=-0.02), 1)
    one, other = difference(method, reference).interval, difference(reference, method).interval
    assert [one.mean, one.low, one.high] == pytest.approx([-other.mean, -other.high, -other.low], abs=0.002)


def test_identical_methods_differ_by_exactly_nothing() -> None:
    method, _ = simulate(Truth(), 0)
    found = difference(method, method)
    assert (found.interval.low, found.interval.mean, found.interval.high) == (0, 0, 0)
    assert found.p_better == 1


def test_constant_rows_give_a_point() -> None:
    found = interval(tallies(np.ones((3, 50), dtype=int)))
    assert (found.low, found.mean, found.high) == (1, 1, 1)


def test_the_spread_between_seeds_is_found() -> None:
    few = Draws(replicates=500)
    calm = [difference(*simulate(Truth(rows=3000, seed_sd=0.0, seeds=5), seed), few).seed_variance for seed in range(8)]
    wild = [difference(*simulate(Truth(rows=3000, seed_sd=0.02, seeds=5), seed), few) for seed in range(8)]
    assert np.mean([one.seed_variance for one in wild]) == pytest.approx(2 * 0.02**2 / 5, rel=0.5)
    assert np.mean(calm) < 0.05 * 2 * 0.02**2
    assert sum(one.bottleneck == "seeds" for one in wild) >= 7


def test_higher_confidence_is_wider() -> None:
    method, reference = simulate(Truth(gap=-0.02), 4)
    assert upper_bound(method, reference, 0.99) > difference(method, reference).interval.high
    assert upper_bound(method, reference, 0.95) == difference(method, reference).interval.high


def test_fewer_replicates_for_very_many_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 50, 600)
    made = [tally("macro_f1", gold, generator.integers(0, 50, 600), 50) for _ in range(2)]
    patterns, shares = bootstrap._patterns(made)
    assert len(patterns) == 2
    assert len(shares) > 300
    monkeypatch.setattr(bootstrap, "_CELLS", 250 * len(shares))
    monkeypatch.setattr(bootstrap, "_FEWEST", 10)
    drawn = bootstrap._resample(made, Draws(replicates=2000))
    assert drawn.shape == (2, 250)
    found = difference(made[:1], made[1:], Draws(replicates=2000))
    assert found.interval.low < 0 < found.interval.high


def test_unpaired_input_is_a_bug() -> None:
    method, reference = simulate(Truth(rows=100), 0)
    with pytest.raises(ValueError, match="pair them first"):
        difference(method, reference[:2])
