from __future__ import annotations

import numpy as np
import pytest

from leantune.comparison.verdict import judge, rows_needed, word
from leantune.core.records import Interval
from leantune.scores.bootstrap import Difference, Draws, difference

from .studies import Truth, simulate


def made(
    low: float, high: float, *, seeds: int = 3, rows: int = 1000, row_variance: float = 0.08, seed_variance: float = 0.0
) -> Difference:
    found = Interval(mean=(low + high) / 2, low=low, high=high)
    return Difference(found, rows, seeds, row_variance, seed_variance)


@pytest.mark.parametrize(
    ("low", "high", "expected", "said"),
    [
        (0.001, 0.02, "better", "Better than full (+1.1 points, 90 % interval +0.1 to +2.0)."),
        (-0.009, 0.004, "as good", "As good as full within the margin of 1"),
        (-0.009, -0.001, "as good", "Slightly worse than full, inside the margin of 1"),
        (-0.02, -0.001, "worse", "Worse than full"),
        (-0.04, -0.02, "worse", "Clearly worse than full"),
        (-0.02, 0.01, "undecided", "Neither as good as full"),
        (-0.01, 0.01, "undecided", "Neither"),
        (0.0, 0.0, "as good", "As good as full"),
    ],
)
def test_words_and_sentences(low: float, high: float, expected: str, said: str) -> None:
    judged = judge(made(low, high), 0.01)
    assert word(Interval(mean=(low + high) / 2, low=low, high=high), 0.01) == judged.verdict == expected
    assert judged.detail.startswith(said)


def test_too_few_or_failed_seeds_claim_nothing() -> None:
    judged = judge(made(0.001, 0.02, seeds=2), 0.01)
    assert judged.verdict == "indicative"
    assert judged.detail.startswith("Only 2 seeds, so nothing is claimed; it looks like this. Better than full")
    assert judge(made(0.001, 0.02), 0.01, failed_seeds=1).detail.startswith("1 of 4 seeds did not finish")


def test_a_lead_that_does_not_stand_is_as_good() -> None:
    judged = judge(made(0.001, 0.02), 0.01, lead_confirmed=False)
    assert judged.verdict == "as good"
    assert "luck of the best of several" in judged.detail


@pytest.mark.parametrize(
    ("discordance", "margin", "expected"), [(0.04, 0.01, 2_500), (0.08, 0.01, 5_000), (0.156, 0.02, 2_500), (0.12, 0.005, 30_000)]
)
def test_rows_needed_is_the_closed_form_at_no_difference(discordance: float, margin: float, expected: int) -> None:
    # (1.645 + 0.842)^2 d / margin^2 = 2473, 4947, 2410 and 29679, rounded up to two digits
    assert rows_needed(made(-0.03, 0.03, row_variance=discordance, rows=500), margin) == expected


def test_rows_needed_grows_towards_the_middle_and_ends_with_the_seeds() -> None:
    middle = rows_needed(made(-0.035, 0.025), 0.01)
    assert middle is not None
    assert middle == pytest.approx(4 * 4947, rel=0.05)
    assert rows_needed(made(-0.03, 0.03, seed_variance=0.01**2), 0.01) is None
    assert "more seeds would help more" in judge(made(-0.03, 0.03, seed_variance=0.01**2), 0.01).detail


def _share(truth: Truth, studies: int, replicates: int, words: set[str]) -> float:
    found = [difference(*simulate(truth, seed), Draws(replicates=replicates)) for seed in range(studies)]
    return float(np.mean([word(one.interval, 0.01) in words for one in found]))


GOOD = {"better", "as good"}


def test_false_claims_are_rare() -> None:
    """100 studies each: the upper 99.9 % limit of a true 5 % is 13."""
    assert _share(Truth(gap=-0.01, rows=2000), 100, 400, GOOD) <= 0.13
    assert _share(Truth(gap=0.0, rows=600), 100, 400, {"better", "worse"}) <= 0.19
    assert _share(Truth(gap=-0.05, rows=2000), 40, 400, {"worse"}) >= 0.95
    assert _share(Truth(gap=0.0, rows=200), 60, 400, {"undecided"}) >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "seeds", "seed_sd"), [(2000, 3, 0.003), (2000, 3, 0.008), (2000, 5, 0.008), (600, 3, 0.008)])
def test_three_hundred_studies_keep_the_nominal_rate(rows: int, seeds: int, seed_sd: float) -> None:
    """A true 5 % reads at most 9.3 % in 300 studies (99.9 %)."""
    at = {"rows": rows, "seeds": seeds, "seed_sd": seed_sd}
    assert _share(Truth(gap=-0.01, **at), 300, 1000, GOOD) <= 0.093
    assert _share(Truth(gap=0.0, **at), 300, 1000, {"better"}) <= 0.093
    assert _share(Truth(gap=-0.03, **at), 300, 1000, GOOD) <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("seed_sd", [0.0, 0.005])
def test_intervals_cover_the_truth(seed_sd: float) -> None:
    """90 % intervals: at least 85 % over 300 studies, seeds and rows both random."""
    inside = []
    for seed in range(300):
        found = difference(*simulate(Truth(gap=-0.02, rows=1500, seed_sd=seed_sd), seed), Draws(replicates=1000)).interval
        inside.append(found.low <= -0.02 <= found.high)
    assert np.mean(inside) >= 0.85
