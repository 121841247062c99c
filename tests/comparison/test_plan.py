"""The plan out of a budget and measured speeds: kept, fair, told when it cannot be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leantune.app.options import Options
from leantune.comparison.plan import (
    FEWEST_STEPS,
    FORK_SECONDS,
    MOST_EPOCHS,
    MOST_SEEDS,
    OVER,
    RATES,
    Plan,
    Rows,
    Speed,
    more_time,
    plan,
    plan_of,
)
from leantune.core.budget import DEFAULT, parse_budget
from leantune.core.errors import BudgetError, SpecError
from leantune.core.human import duration

ROWS = Rows(train=8_000, dev=1_000, test=1_000, batch=32)
FULL = Speed("full", setup_seconds=1.0, train_row_seconds=4e-3, predict_row_seconds=1e-3)
LORA = Speed("lora", setup_seconds=1.5, train_row_seconds=2e-3, predict_row_seconds=1e-3)
HEAD = Speed("head", setup_seconds=1.0, train_row_seconds=5e-5, predict_row_seconds=1e-3, once_seconds=9.0)
SPEEDS = [FULL, LORA, HEAD]


def planned(budget: str, speeds: list[Speed] = SPEEDS, rows: Rows = ROWS, seeds: int = 3, *, strict: bool = True) -> Plan:
    return plan(parse_budget(budget), speeds, rows, seeds, strict=strict)


@pytest.mark.parametrize("budget", ["10min", "20min", "45min", "1h"])
@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_budget_is_kept_and_used(budget: str, seeds: int) -> None:
    found, seconds = planned(budget, seeds=seeds), parse_budget(budget).seconds or 0.0
    assert found.steps > FEWEST_STEPS
    assert found.total_seconds <= seconds
    longest = found.steps >= MOST_EPOCHS * ROWS.train / ROWS.batch
    assert longest or found.total_seconds > 0.9 * seconds


def test_a_plan_that_is_a_little_over_the_budget_stands() -> None:
    least = planned(f"{FEWEST_STEPS}steps").total_seconds
    assert planned(f"{least / OVER + 1:.0f}s").steps == FEWEST_STEPS
    with pytest.raises(BudgetError):
        planned(f"{least / OVER - 1:.0f}s")


def test_twice_the_budget_is_about_twice_the_steps() -> None:
    assert planned("40min").steps == pytest.approx(2 * planned("20min").steps, rel=0.15)


def test_there_are_no_more_steps_than_passes_make_sense() -> None:
    assert planned("100h").steps == MOST_EPOCHS * ROWS.train / ROWS.batch
    assert planned("100h", rows=Rows(20, 10, 10, 32)).steps == FEWEST_STEPS


def test_all_methods_get_the_same_steps() -> None:
    """Seconds beyond the processes' starts are as different as the speeds, so the steps of races and seeds are the same."""
    slow, fast = Speed("slow", 0.0, 4e-3, 0.0), Speed("fast", 0.0, 1e-3, 0.0)
    found = planned("20min", [slow, fast])
    starts = (RATES + 3) * FORK_SECONDS
    assert found.seconds["slow"] - starts == pytest.approx(4 * (found.seconds["fast"] - starts))
    expected = (RATES * found.race_steps + 3 * found.steps) * ROWS.batch * 1e-3
    assert found.seconds["fast"] - starts == pytest.approx(expected)


def test_looks_are_as_many_for_all_and_cost_a_fair_share() -> None:
    speed = Speed("full", 0.0, train_row_seconds=3e-3, predict_row_seconds=1e-3)

    def seconds(dev: int) -> tuple[int, float]:
        found = planned("240steps", [speed], Rows(8_000, dev, 1_000, 32))
        return found.looks, found.looks * dev * speed.predict_row_seconds

    training = 240 * ROWS.batch * speed.train_row_seconds
    (many, cheap), (few, dear) = seconds(100), seconds(1_500)
    assert many > few
    assert max(cheap, dear) <= 0.15 * training


def test_no_clock_decides_what_a_budget_in_steps_does() -> None:
    busy = [replace(speed, train_row_seconds=9e-3, predict_row_seconds=8e-3) for speed in SPEEDS]
    quiet, loaded = planned("600steps"), planned("600steps", busy)
    assert quiet.model_copy(update={"seconds": loaded.seconds}) == loaded
    assert planned("600steps", rows=replace(ROWS, written=True)).looks < quiet.looks


def test_what_is_done_once_and_rates_that_are_known_count() -> None:
    def seconds(**changes: object) -> float:
        return planned("240steps", [Speed("one", 1.0, 1e-3, 1e-3, **changes)]).total_seconds  # type: ignore[arg-type]

    found = planned("240steps", [Speed("one", 1.0, 1e-3, 1e-3)])
    race = RATES * (FORK_SECONDS + 1.0 + found.race_steps * ROWS.batch * 1e-3 + found.race_looks * ROWS.dev * 1e-3)
    assert seconds(once_seconds=9.0) == pytest.approx(seconds() + 9.0)
    assert seconds(raced=False) == pytest.approx(seconds() - race)


@pytest.mark.parametrize("steps", [10, 77, 40_000])
def test_a_budget_in_steps_is_taken_as_it_is(steps: int) -> None:
    found = planned(f"{steps}steps")
    assert (found.steps, found.budget) == (steps, f"{steps}steps")
    assert 0 < found.race_steps <= steps


def test_too_many_steps_are_refused_with_the_passes() -> None:
    assert planned("250000steps").steps == 250_000, "1,000 passes over 8,000 rows"
    with pytest.raises(BudgetError, match=r"1,004 passes over the 8,000 training rows.*3000steps are 12 passes") as caught:
        planned("251000steps")
    assert caught.value.code == "E-BUDGET"
    assert planned("900steps", rows=Rows(20, 10, 10, 2_000)).steps == 900, "a batch holds no more rows than there are"


def test_a_named_budget_that_is_too_short_is_refused_with_the_least_time() -> None:
    with pytest.raises(BudgetError, match=r"--budget 30s is too short: 3 methods with 3 seeds need about .* at the least") as caught:
        planned("30s")
    assert caught.value.code == "E-BUDGET"
    least = planned("30s", strict=False)
    assert least.steps == FEWEST_STEPS
    assert duration(least.total_seconds) in caught.value.message
    assert planned(f"{least.total_seconds + 1:.0f}s").steps >= FEWEST_STEPS, "what the message names is enough"


@pytest.mark.parametrize(
    ("budget", "seeds", "says"),
    [
        ("100h", 3, "(--seeds 5)"),
        ("100h", 5, "(--seeds 7)"),
        ("100h", MOST_SEEDS - 1, f"(--seeds {MOST_SEEDS})"),
        ("100h", MOST_SEEDS, "nothing"),
        ("3000steps", 5, "(--seeds 7)"),
        ("240steps", 3, "1.0 times; --budget 480steps would double that"),
    ],
)
def test_what_more_time_would_buy(budget: str, seeds: int, says: str) -> None:
    assert says in more_time(planned(budget, seeds=seeds), ROWS, seeds)


def test_more_minutes_would_double_the_steps() -> None:
    found = planned("20min")
    sentence = more_time(found, ROWS, 3)
    assert f"{found.steps * ROWS.batch / ROWS.train:.1f} times" in sentence
    named = re.search(r"--budget (\d+min) would double", sentence)
    assert named is not None
    assert planned(named[1]).steps == pytest.approx(2 * found.steps, rel=0.15)


def test_seeds_are_suggested_only_where_a_study_takes_them() -> None:
    assert Options(seeds=MOST_SEEDS).seeds == MOST_SEEDS
    with pytest.raises(SpecError):
        Options.of(seeds=MOST_SEEDS + 1)


def test_the_least_plan_may_take_longer_than_the_default_budget_and_says_so() -> None:
    slow = [Speed(f"slow {number}", 20.0, 0.05, 0.02) for number in range(3)]
    found = planned(DEFAULT, slow, strict=False)
    assert found.steps == FEWEST_STEPS
    minutes = round(found.total_seconds / 60)
    assert minutes > 24
    said = f"The least that can be compared takes {minutes} min, more than the default 20min. "
    assert more_time(found, ROWS, 3).startswith(said)
    assert "The least" not in more_time(planned(DEFAULT, strict=False), ROWS, 3)
    assert "The least" not in more_time(planned("19min", slow, strict=False), ROWS, 3), "only the default was our own choice"


def test_a_batch_of_few_rows_is_no_larger_than_they_are() -> None:
    fixed, few = replace(FULL, raced=False), Rows(8, 0, 100, 32, at_least=250)
    one, whole = (plan_of(100, parse_budget("100steps"), [fixed], Rows(rows, 0, 100, 32), 1).seconds["full"] for rows in (8, 32))
    assert whole - one == pytest.approx(100 * 24 * FULL.train_row_seconds)
    student = replace(fixed, more_rows=24)
    assert plan_of(100, parse_budget("100steps"), [student], few, 1).seconds["full"] == pytest.approx(whole)


def test_what_is_done_for_a_seed_is_counted_once_for_it() -> None:
    taught = replace(FULL, seed_seconds=50.0)
    one, two = (planned("240steps", [speed], seeds=4).total_seconds for speed in (FULL, taught))
    assert two - one == pytest.approx(4 * 50.0), "races are of the first seed, whose views are kept"


def test_nothing_is_looked_at_where_nothing_is_chosen() -> None:
    assert planned("240steps", rows=replace(ROWS, chosen_on=False)).looks == 1
