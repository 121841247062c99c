from __future__ import annotations

import pytest

from leantune.comparison.race import RaceResult, best_full, next_full_rate, next_rate, rates, slower, winner


@pytest.mark.parametrize(
    ("bounds", "n", "expected"),
    [
        ((1e-5, 2e-5, 5e-5), 3, [1e-5, 2e-5, 5e-5]),
        ((1e-4, 5e-4, 1e-3), 1, [5e-4]),
        ((1e-4, 5e-4, 1e-3), 2, [5e-4, 1e-3]),
        ((1e-4, 1e-3, 1e-2), 5, [1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2]),
        ((1e-3, 1e-3, 1e-2), 3, [1e-3, 1e-2]),
    ],
)
def test_rates(bounds: tuple[float, float, float], n: int, expected: list[float]) -> None:
    assert rates(*bounds, n) == pytest.approx(expected)


def test_rates_outside_the_range_are_a_bug() -> None:
    with pytest.raises(ValueError, match="need 0 < low"):
        rates(1e-4, 1e-5, 1e-3)


PLANNED = [1e-4, 3e-4, 1e-3]


def run(scores: dict[float, float | str]) -> list[float]:
    """The rates that a race tries, in order, when every rate would do as `scores` says."""
    results: list[RaceResult] = []
    while (lr := next_rate(results, PLANNED)) is not None:
        score = scores[lr]
        results.append(RaceResult(lr, None, score) if isinstance(score, str) else RaceResult(lr, score))  # type: ignore[arg-type]
    return [result.lr for result in results]


@pytest.mark.parametrize(
    ("scores", "tried"),
    [
        ({1e-4: 0.7, 3e-4: 0.8, 1e-3: 0.6}, [3e-4, 1e-3, 1e-4]),
        ({1e-4: 0.7, 3e-4: 0.8, 1e-3: 0.9, 3.16e-3: 0.5}, [3e-4, 1e-3, 3.16e-3]),
        ({1e-4: 0.9, 3e-4: 0.8, 1e-3: 0.7, 3.33e-5: 0.1}, [3e-4, 1e-3, 1e-4, 3.33e-5]),
        ({1e-4: 0.9, 3e-4: 0.5, 1e-3: "diverged", 3.33e-5: 0.1}, [3e-4, 1e-3, 1e-4, 3.33e-5]),
        ({1e-4: "diverged", 3e-4: "diverged", 1e-3: "diverged", 3.33e-5: 0.4}, [3e-4, 1e-3, 1e-4, 3.33e-5]),
        ({3e-4: "one_class", 1e-3: "one_class", 3.16e-3: 0.4}, [3e-4, 1e-3, 3.16e-3]),
    ],
)
def test_the_order_of_a_race(scores: dict[float, float | str], tried: list[float]) -> None:
    assert run(scores) == tried


def test_no_better_than_a_single_label_means_upwards() -> None:
    slow = [RaceResult(3e-4, 0.6), RaceResult(1e-3, 0.58)]
    assert next_rate(slow, PLANNED, floor=0.59) == 3.16e-3
    assert next_rate(slow, PLANNED, floor=0.3) == 1e-4
    collapsed = [RaceResult(3e-4, 0.8), RaceResult(1e-3, 0.59, "one_class")]
    assert next_rate(collapsed, PLANNED, floor=0.59) == 1e-4


def test_a_rate_that_does_not_hold_at_full_length_gives_way_to_the_next_lower() -> None:
    race = [RaceResult(3e-4, 0.6), RaceResult(1e-3, 0.8), RaceResult(3e-3, 0.9)]
    assert slower(race, 3e-3, 0.93) is None
    assert slower(race, 3e-3, 0.4) == 1e-3
    assert slower(race, 3e-3, None) == 1e-3
    assert slower(race, 3e-4, None) is None
    assert slower([RaceResult(3e-4, None, "diverged"), RaceResult(1e-3, 0.8)], 1e-3, 0.1) is None
    assert slower([RaceResult(3e-4, 0.0, "one_class"), RaceResult(1e-3, 0.1)], 1e-3, None) == 3e-4, "it may have needed more steps"
    assert slower([], 1e-3, None) is None, "a rate that the user fixed is kept"


def test_an_undecided_race_is_decided_at_full_length() -> None:
    close = [RaceResult(2e-4, 0.206), RaceResult(6.3e-4, 0.210)]
    assert slower(close, 6.3e-4, 0.258) == 2e-4
    assert slower([RaceResult(2e-4, 0.190), RaceResult(6.3e-4, 0.210)], 6.3e-4, 0.258) is None
    assert slower([RaceResult(2e-4, 0.875), RaceResult(6.3e-4, 0.9)], 6.3e-4, 0.95) is None
    assert slower([RaceResult(2e-4, 0.89), RaceResult(6.3e-4, 0.9)], 6.3e-4, 0.95) == 2e-4
    assert slower([RaceResult(2e-4, 0.899, "one_class"), RaceResult(6.3e-4, 0.9)], 6.3e-4, 0.95) is None


def test_full_length_trials_go_on_while_they_get_better() -> None:
    race = [RaceResult(3e-4, 0.6), RaceResult(1e-3, 0.8), RaceResult(3e-3, 0.9)]
    first, second = RaceResult(3e-3, 0.4), RaceResult(1e-3, 0.85)
    assert next_full_rate(race, [first]) == 1e-3
    assert next_full_rate(race, [first, second]) is None, "it holds"
    assert next_full_rate(race, [first, RaceResult(1e-3, 0.3)]) is None, "it is no better"
    assert next_full_rate(race, [first, RaceResult(1e-3, 0.7)]) == 3e-4
    assert next_full_rate(race, [RaceResult(3e-3, None, "failed")]) is None
    assert best_full([first, second]) == second


def test_one_label_for_all_rows_in_race_and_full_length_is_restarted_higher_once() -> None:
    race = [RaceResult(5e-5, 0.5, "one_class"), RaceResult(2e-4, 0.5, "one_class"), RaceResult(6e-4, 0.5, "one_class")]
    assert next_full_rate(race, [RaceResult(5e-5, 0.5, "one_class")]) == 2e-4
    assert next_full_rate(race, [RaceResult(5e-5, 0.5, "one_class"), RaceResult(2e-4, 0.5, "one_class")]) is None
    assert next_full_rate(race, [RaceResult(5e-5, 0.5, "one_class"), RaceResult(2e-4, 0.7)]) is None


def test_one_planned_rate_is_a_race_of_one() -> None:
    assert next_rate([], [1e-3]) == 1e-3
    assert next_rate([RaceResult(1e-3, 0.9)], [1e-3]) is None


def test_the_winner_is_the_best_and_among_equals_the_middle() -> None:
    assert winner([RaceResult(1e-4, 0.8), RaceResult(3e-4, 0.8), RaceResult(1e-3, 0.7)]) == RaceResult(3e-4, 0.8)
    assert winner([RaceResult(1e-4, None, "diverged")]) is None


def test_without_a_race_what_says_one_label_is_started_again_once() -> None:
    flat = RaceResult(1e-2, 0.5, "one_class")
    assert next_full_rate([], [flat], usual=True) == 3e-2
    assert next_full_rate([], [flat, RaceResult(3e-2, 0.5, "one_class")], usual=True) is None
    assert next_full_rate([], [RaceResult(1e-2, 0.5)], usual=True) is None
    assert next_full_rate([], [flat]) is None, "the user's own rate stays"
