"""The plan of a mixture: how one budget is shared out over the tasks alone and the trials of all together. A pure function.

steps of a task alone = the same number for all, but no more than its rows are good for
steps of the mixture  = what the tasks have alone, together

Hence minutes are for the whole command, and a task of few rows leaves time to the others. Steps are those of each separate trial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leantune.comparison.plan import FEWEST_STEPS, OVER, Plan, Rows, Speed, largest_within, passes, plan_of, refuse_endless, what_more_buys
from leantune.core.budget import Budget
from leantune.core.errors import BudgetError
from leantune.core.human import duration
from leantune.core.spec import Spec


@dataclass(frozen=True)
class Measured:
    """The methods' speeds on the rows of a task, or of all."""

    speeds: Sequence[Speed]
    rows: Rows


class MixturePlan(Spec):
    """What will be run."""

    budget: str
    steps: int
    """Of a separate trial; fewer for a task of few rows."""
    alone: dict[str, Plan]
    """Of each task."""
    together: Plan

    @property
    def alone_seconds(self) -> float:
        """Expected seconds of all tasks alone."""
        return sum(plan.total_seconds for plan in self.alone.values())

    @property
    def total_seconds(self) -> float:
        """Expected seconds of everything."""
        return self.alone_seconds + self.together.total_seconds


def plan_mixture(budget: Budget, alone: Mapping[str, Measured], together: Measured, seeds: int, *, strict: bool) -> MixturePlan:
    """Choose the steps so that the budget is used and kept.

    Args:
        budget: seconds for everything, or steps of each separate trial.
        alone: the methods on each task.
        together: the methods on the mixture.
        seeds: full-length trials per method.
        strict: the user named the budget, so one that cannot be kept is an error.

    Raises:
        BudgetError: E-BUDGET with the least time that would do, or with the passes over the rows where there are too many steps.
    """
    if budget.steps:
        for measured in alone.values():
            refuse_endless(budget, measured.rows)
        return mixture_plan_of(budget.steps, dict.fromkeys(alone, budget.steps), budget, alone, together, seeds)
    assert budget.seconds is not None
    most = {name: measured.rows.most_steps for name, measured in alone.items()}

    def planned(steps: int) -> MixturePlan:
        return mixture_plan_of(steps, {name: min(steps, most[name]) for name in alone}, budget, alone, together, seeds)

    found = planned(largest_within(budget.seconds, lambda steps: planned(steps).total_seconds, max(most.values())))
    if strict and found.total_seconds > OVER * budget.seconds:
        raise BudgetError(
            f"--budget {budget.text} is too short: {len(together.speeds)} methods with {seeds} seeds on {len(alone)} tasks, alone and "
            f"together, need about {duration(found.total_seconds)} at the least ({FEWEST_STEPS} steps for each separate trial). "
            "Give that much, fewer --methods or fewer --seeds.",
            "E-BUDGET",
        )
    return found


def mixture_plan_of(
    steps: int, each: Mapping[str, int], budget: Budget, alone: Mapping[str, Measured], together: Measured, seeds: int
) -> MixturePlan:
    """What separate trials of these steps, and as many for the mixture, would take.

    Args:
        steps: of a separate trial, before a task of few rows got fewer.
        each: steps of each task's separate trials.
        budget: that the steps come from.
        alone: the methods on each task.
        together: the methods on the mixture.
        seeds: full-length trials per method.
    """
    of_all = Budget(budget.text if budget.steps else f"{budget.text} for all tasks")
    plans = {name: plan_of(each[name], of_all, one.speeds, one.rows, seeds) for name, one in alone.items()}
    return MixturePlan(
        budget=budget.text,
        steps=steps,
        alone=plans,
        together=plan_of(sum(each.values()), of_all, together.speeds, together.rows, seeds),
    )


def more_time_for_all(found: MixturePlan, rows: Rows, seeds: int) -> str:
    """What more time would buy. `rows`: of all tasks."""
    return what_more_buys(found.budget, found.steps, found.total_seconds, passes(found.together.steps, rows), seeds)
