"""One budget for several tasks: kept, used, shared out with sense, told when it cannot be kept."""

from __future__ import annotations

import pytest

from leantune.comparison.mixture_plan import Measured, MixturePlan, more_time_for_all, plan_mixture
from leantune.comparison.plan import FEWEST_STEPS, MOST_EPOCHS, Rows, Speed
from leantune.core.budget import parse_budget
from leantune.core.errors import BudgetError

SPEEDS = [Speed("full", 1.0, 4e-3, 1e-3), Speed("lora", 1.5, 2e-3, 1e-3)]
LARGE, SMALL = Rows(8_000, 1_000, 1_000, 32), Rows(320, 100, 100, 32)
TASKS = {"large": Measured(SPEEDS, LARGE), "small": Measured(SPEEDS, SMALL)}
ALL = Rows(8_320, 1_100, 1_100, 32, tasks=2)


def planned(budget: str, tasks: dict[str, Measured] = TASKS, *, strict: bool = True) -> MixturePlan:
    return plan_mixture(parse_budget(budget), tasks, Measured(SPEEDS, ALL), 3, strict=strict)


@pytest.mark.parametrize("budget", ["5min", "20min", "1h"])
def test_minutes_are_for_all_tasks_alone_and_together(budget: str) -> None:
    found, seconds = planned(budget), parse_budget(budget).seconds or 0.0
    assert 0.9 * seconds < found.total_seconds <= seconds
    assert found.total_seconds == sum(plan.total_seconds for plan in (*found.alone.values(), found.together))


def test_the_mixture_has_as_many_steps_as_the_tasks_have_alone() -> None:
    found = planned("20min")
    assert found.together.steps == sum(plan.steps for plan in found.alone.values())


def test_a_task_of_few_rows_leaves_time_to_the_others() -> None:
    found = planned("20min")
    most = MOST_EPOCHS * SMALL.train / SMALL.batch
    assert found.alone["small"].steps == most
    assert found.alone["large"].steps == found.steps > most
    even = planned("20min", {"large": TASKS["large"], "other": TASKS["large"]})
    assert even.alone["large"].steps == even.alone["other"].steps < found.steps


def test_more_than_the_rows_are_good_for_is_never_planned() -> None:
    found = planned("100h")
    assert {name: plan.steps for name, plan in found.alone.items()} == {"large": 3_000, "small": 120}
    assert "(--seeds 5)" in more_time_for_all(found, ALL, 3)


def test_steps_are_those_of_each_separate_trial() -> None:
    found = planned("300steps")
    assert [plan.steps for plan in found.alone.values()] == [300, 300]
    assert found.together.steps == 600
    assert "--budget 600steps would double" in more_time_for_all(found, ALL, 3)
    with pytest.raises(BudgetError, match="passes over the 320 training rows"):
        planned("20000steps")


def test_what_every_task_leaves_behind_takes_time_of_its_own() -> None:
    def seconds(tasks: int) -> float:
        rows = Rows(ALL.train, ALL.dev, ALL.test, ALL.batch, tasks=tasks)
        return plan_mixture(parse_budget("300steps"), TASKS, Measured(SPEEDS, rows), 3, strict=True).together.seconds["full"]

    read_back = 3 * SPEEDS[0].setup_seconds
    assert seconds(3) - seconds(2) > read_back


def test_a_named_budget_that_is_too_short_is_refused_with_what_would_do() -> None:
    with pytest.raises(BudgetError, match=r"--budget 20s is too short: 2 methods with 3 seeds on 2 tasks, alone and together, need about"):
        planned("20s")
    least = planned("20s", strict=False)
    assert least.steps == FEWEST_STEPS
    assert planned(f"{least.total_seconds + 1:.0f}s").steps >= FEWEST_STEPS, "what the message names is enough"


def test_the_plan_of_a_task_says_that_the_budget_is_not_its_own() -> None:
    assert planned("20min").alone["small"].budget == "20min for all tasks"
    assert planned("300steps").alone["small"].budget == "300steps"
