"""The plan: how many steps every trial gets, out of a budget and of what the probe measured. A pure function.

seconds(method) = race: 3 rates * (steps / 3)  +  seeds * steps          all methods get the same number of steps
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from leantune.core.budget import DEFAULT, Budget, parse_budget
from leantune.core.errors import BudgetError
from leantune.core.human import duration
from leantune.core.spec import Spec

RATES = 3
"""Rates of a race; a fourth one only where the lowest wins."""
RACE_SHARE = 1 / 3
"""Length of a race trial against a full one."""
MOST_EPOCHS = 12
"""More passes over the training rows than this are not planned; early stopping ends most trials sooner."""
MOST_PASSES = 1_000
"""A budget in steps that passes over the training rows more often than this is a slip."""
MOST_SEEDS = 20
"""As many as a study takes."""
OVER = 1.2
"""A plan may take this times the budget; its seconds are estimates."""
FEWEST_STEPS = 24
MOST_LOOKS, FEWEST_LOOKS = 8, 2
LOOK_SHARE = 0.15
"""Time for looks at dev against time for training steps, of the method in the middle."""
RACE_LOOKS = 1
FORK_SECONDS = 0.4
MEASURED_ROWS = 250
"""Rows that the latency calls of one method take."""


@dataclass(frozen=True)
class Speed:
    """One method's measured speed."""

    name: str
    setup_seconds: float
    train_row_seconds: float
    predict_row_seconds: float
    once_seconds: float = 0.0
    raced: bool = True
    """False where the user fixed the learning rate."""


@dataclass(frozen=True)
class Rows:
    """Rows of each split, and per step."""

    train: int
    dev: int
    test: int
    """Of all test sets."""
    batch: int


class Plan(Spec):
    """What will be run."""

    budget: str
    steps: int
    race_steps: int
    looks: int
    race_looks: int = RACE_LOOKS
    seconds: dict[str, float]
    """Expected seconds of each method, races and seeds included."""

    @property
    def total_seconds(self) -> float:
        """Expected seconds of the whole comparison."""
        return sum(self.seconds.values())


def plan(budget: Budget, speeds: Sequence[Speed], rows: Rows, seeds: int, *, strict: bool) -> Plan:
    """Choose the steps so that the budget is used and kept.

    Args:
        budget: seconds or steps.
        speeds: of every method.
        rows: of the data.
        seeds: full-length trials per method.
        strict: the user named the budget, so one that cannot be kept is an error.

    Raises:
        BudgetError: E-BUDGET with the least time that would do, or with the passes over the rows where there are too many steps.
    """
    most = max(FEWEST_STEPS, round(MOST_EPOCHS * rows.train / rows.batch))
    if budget.steps:
        _refuse_endless(budget, budget.steps, rows)
        return _plan(budget, budget.steps, speeds, rows, seeds)
    assert budget.seconds is not None
    steps = most
    if _plan(budget, most, speeds, rows, seeds).total_seconds > budget.seconds:
        steps = _largest_within(budget.seconds, speeds, rows, seeds, most)
    found = _plan(budget, steps, speeds, rows, seeds)
    if strict and found.total_seconds > OVER * budget.seconds:
        raise BudgetError(
            f"--budget {budget.text} is too short: {len(speeds)} methods with {seeds} seeds need about "
            f"{duration(found.total_seconds)} at the least ({FEWEST_STEPS} steps each). "
            "Give that much, fewer --methods or fewer --seeds.",
            "E-BUDGET",
        )
    return found


def more_time(found: Plan, rows: Rows, seeds: int) -> str:
    """What more time would buy; before that, whether the least plan takes longer than the default budget.

    Args:
        found: the plan.
        rows: of the data.
        seeds: full-length trials per method.
    """
    return f"{_over_the_default(found)}{_what_more_buys(found, rows, seeds)}"


def _over_the_default(found: Plan) -> str:
    """A named budget that is too short is refused; the default one is only what we took to be enough."""
    if found.budget != DEFAULT or found.steps > FEWEST_STEPS or found.total_seconds <= OVER * (parse_budget(DEFAULT).seconds or 0.0):
        return ""
    return f"The least that can be compared takes {_minutes(found.total_seconds)} min, more than the default {DEFAULT}. "


def _what_more_buys(found: Plan, rows: Rows, seeds: int) -> str:
    epochs = _passes(found.steps, rows)
    if epochs >= MOST_EPOCHS * 0.95:
        more = min(seeds + 2, MOST_SEEDS)
        if more == seeds:
            return "More time would buy nothing: the trials are long enough, and there are as many seeds as can be."
        return f"More time would buy more seeds (--seeds {more}) for narrower intervals; the trials themselves are long enough."
    double = f"{2 * found.steps}steps" if found.budget.rstrip().endswith(("step", "steps")) else f"{_minutes(2 * found.total_seconds)}min"
    return f"Each trial passes over the training rows {epochs:.1f} times; --budget {double} would double that."


def _passes(steps: int, rows: Rows) -> float:
    """How often each training row is seen; a batch never holds more rows than there are."""
    return steps * min(rows.batch, rows.train) / rows.train


def _refuse_endless(budget: Budget, steps: int, rows: Rows) -> None:
    if (passes := _passes(steps, rows)) > MOST_PASSES:
        raise BudgetError(
            f"--budget {budget.text} would be {passes:,.0f} passes over the {rows.train:,} training rows; the most is {MOST_PASSES:,}. "
            f"{round(MOST_EPOCHS * steps / passes)}steps are {MOST_EPOCHS} passes, the most that is planned for a budget in minutes.",
            "E-BUDGET",
        )


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))


def _largest_within(seconds: float, speeds: Sequence[Speed], rows: Rows, seeds: int, most: int) -> int:
    low, high = FEWEST_STEPS, most
    while high - low > 1:
        middle = (low + high) // 2
        within = _plan(Budget(""), middle, speeds, rows, seeds).total_seconds <= seconds
        low, high = (middle, high) if within else (low, middle)
    return low


def _plan(budget: Budget, steps: int, speeds: Sequence[Speed], rows: Rows, seeds: int) -> Plan:
    race_steps = max(min(steps, 12), round(steps * RACE_SHARE))
    looks = _looks(steps, speeds, rows)
    seconds = {}
    for speed in speeds:
        race = RATES * _trial(speed, race_steps, RACE_LOOKS, rows) if speed.raced else 0.0
        measuring = (rows.dev + MEASURED_ROWS) * speed.predict_row_seconds
        seconds[speed.name] = speed.once_seconds + race + measuring + seeds * (_trial(speed, steps, looks, rows) + _saving(speed, rows))
    return Plan(budget=budget.text, steps=steps, race_steps=race_steps, looks=looks, seconds=seconds)


def _looks(steps: int, speeds: Sequence[Speed], rows: Rows) -> int:
    """As many looks as cost a fair share of the training; the same for all methods."""
    training = statistics.median(speed.train_row_seconds for speed in speeds) * steps * rows.batch
    look = statistics.median(speed.predict_row_seconds for speed in speeds) * rows.dev
    return max(FEWEST_LOOKS, min(MOST_LOOKS, int(LOOK_SHARE * training / look) if look else MOST_LOOKS))


def _trial(speed: Speed, steps: int, looks: int, rows: Rows) -> float:
    training = steps * rows.batch * speed.train_row_seconds
    return FORK_SECONDS + speed.setup_seconds + training + looks * rows.dev * speed.predict_row_seconds


def _saving(speed: Speed, rows: Rows) -> float:
    """The test set, and reloading what was saved."""
    return speed.setup_seconds + rows.test * speed.predict_row_seconds
