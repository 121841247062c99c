"""What must hold of any scores: the order of rows and of seeds says nothing, changing places changes the sign, intervals hold the mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leantune.comparison.verdict import judge, word
from leantune.core.records import Interval
from leantune.scores.bootstrap import Difference, Draws, difference, interval
from leantune.scores.labels import METRICS, tally
from leantune.scores.tally import Tally

FAST = settings(max_examples=25, deadline=None, derandomize=True, database=None)
FEW = Draws(replicates=400)
STUDIES = st.tuples(st.integers(5, 60), st.integers(1, 4), st.integers(2, 4), st.integers(0, 10**6), st.sampled_from(sorted(METRICS)))
POINTS = st.floats(-0.3, 0.3, allow_nan=False)


def study(rows: int, seeds: int, labels: int, draw: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold answers (rows,) and those of two methods (seeds, rows)."""
    random = np.random.default_rng(draw)
    gold = random.integers(0, labels, rows)
    one, two = (np.where(random.random((seeds, rows)) < level, gold, random.integers(0, labels, (seeds, rows))) for level in (0.8, 0.6))
    return gold, one, two


def tallies(metric: str, gold: np.ndarray, guesses: np.ndarray, labels: int) -> list[Tally]:
    return [tally(metric, gold, guess, labels) for guess in guesses]


def both(made: tuple[int, int, int, int, str]) -> tuple[list[Tally], list[Tally]]:
    """The tallies of two methods of a study."""
    rows, seeds, labels, draw, metric = made
    gold, one, two = study(rows, seeds, labels, draw)
    return tallies(metric, gold, one, labels), tallies(metric, gold, two, labels)


@FAST
@given(STUDIES)
def test_rows_in_another_order_change_nothing(made: tuple[int, int, int, int, str]) -> None:
    rows, seeds, labels, draw, metric = made
    gold, one, two = study(rows, seeds, labels, draw)
    order = np.random.default_rng(draw + 1).permutation(rows)
    before = difference(tallies(metric, gold, one, labels), tallies(metric, gold, two, labels), FEW)
    after = difference(tallies(metric, gold[order], one[:, order], labels), tallies(metric, gold[order], two[:, order], labels), FEW)
    assert after == before, "to the last bit: resuming with rows in another order must not change a verdict"


@FAST
@given(STUDIES)
def test_methods_in_each_others_place_change_the_sign(made: tuple[int, int, int, int, str]) -> None:
    own, other = both(made)
    ahead, behind = difference(own, other, FEW), difference(other, own, FEW)
    assert behind.interval.mean == pytest.approx(-ahead.interval.mean)
    # the same draws of rows fall to the patterns in another order, so the ends agree but for the noise of few replicates
    width = max(ahead.interval.high - ahead.interval.low, 0.02)
    assert behind.interval.low == pytest.approx(-ahead.interval.high, abs=0.35 * width)
    assert behind.interval.high == pytest.approx(-ahead.interval.low, abs=0.35 * width)


@FAST
@given(STUDIES)
def test_an_interval_holds_the_mean_and_a_method_ties_with_itself(made: tuple[int, int, int, int, str]) -> None:
    own, other = both(made)
    for found in (interval(own, FEW), difference(own, other, FEW).interval):
        assert found.low <= found.mean <= found.high
    assert interval(own, FEW).mean == pytest.approx(np.mean([one.score() for one in own]))
    same = difference(own, own, FEW)
    assert (same.interval.low, same.interval.mean, same.interval.high) == (0, 0, 0)
    assert same.p_better == 1
    assert word(same.interval, 0.01) == "as good"
    wider = interval(own, Draws(replicates=400, confidence=0.99))
    narrow = interval(own, FEW)
    assert wider.low <= narrow.low <= narrow.high <= wider.high


@FAST
@given(STUDIES)
def test_seeds_in_another_order_keep_the_mean(made: tuple[int, int, int, int, str]) -> None:
    own, other = both(made)
    found, turned = difference(own, other, FEW), difference(own[::-1], other[::-1], FEW)
    assert turned.interval.mean == pytest.approx(found.interval.mean)
    assert turned.row_variance >= 0
    assert turned.seed_variance >= 0


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(POINTS, min_size=3, max_size=3), st.floats(0.001, 0.1), st.floats(0, 0.1), st.integers(1, 5), st.integers(0, 2))
def test_verdicts_follow_the_interval(ends: list[float], margin: float, shift: float, seeds: int, failed: int) -> None:
    low, mean, high = sorted(ends)
    order = ["worse", "undecided", "as good", "better"]
    found = word(Interval(mean=mean, low=low, high=high), margin)
    lifted = word(Interval(mean=mean + shift, low=low + shift, high=high + shift), margin)
    assert order.index(lifted) >= order.index(found), "a better score never makes the verdict worse"
    assert order.index(word(Interval(mean=mean, low=low, high=high), margin + shift)) >= order.index(found), "nor does a larger margin"
    told = judge(Difference(Interval(mean=mean, low=low, high=high), 500, seeds, 0.2, 0.0), margin, failed_seeds=failed)
    assert told.verdict == ("indicative" if seeds < 3 or failed else found), "too few seeds never claim anything"
    assert told.rows_needed is None or told.rows_needed > 500
