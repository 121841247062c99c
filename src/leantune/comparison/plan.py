"""The plan: how many steps every trial gets, out of a budget and of what the probe measured. A pure function.

seconds(method) = race: 3 rates * (steps / 3)  +  seeds * steps          all methods get the same number of steps
                                                                         (slow ones several for each of these)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
OVERTIME = 1.15
"""A further seed is only begun when it is expected to end within this times the budget."""
FEWEST_STEPS = 24
FEW_SHOT_STEPS = 250
"""Steps that few rows are worth, as in the SuperGLUE setting of PET (arXiv:2009.07118); 12 passes over 32 rows would be 12 steps."""
MOST_LOOKS, FEWEST_LOOKS = 8, 2
LOOK_SHARE = 0.15
"""Cost of looks at dev against that of training steps."""
LOOK_COST, WRITTEN_COST = 1 / 3, 1.0
"""Of a dev row at a look against a row in a step, which passes through the model forth and back; answers are written token by token."""
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
    """Of one step of the plan, which is several for a method that learns slowly."""
    predict_row_seconds: float
    once_seconds: float = 0.0
    seed_seconds: float = 0.0
    """Work that is done once for all trials of a seed: the views of a teacher."""
    more_rows: int = 0
    """That it learns from besides the training rows: those that a teacher judges."""
    raced: bool = True
    """False where the user fixed the learning rate."""
    further: float = 0.0
    """Steps behind each full-length training, as a share of its own: what compressors train."""


@dataclass(frozen=True)
class Rows:
    """Rows of each split, and per step."""

    train: int
    dev: int
    test: int
    """Of all test sets."""
    batch: int
    tasks: int = 1
    """That one training is for; what it leaves is saved, read back and measured for each."""
    at_least: int = FEWEST_STEPS
    """Steps that may be planned however few the rows are."""
    chosen_on: bool = True
    """Whether dev is looked at while a trial runs."""
    written: bool = False
    """Whether answers are written at a look."""

    @property
    def most_steps(self) -> int:
        """As many as are ever planned."""
        return max(self.at_least, round(MOST_EPOCHS * self.train / self.batch))


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
    if budget.steps:
        refuse_endless(budget, rows)
        return plan_of(budget.steps, budget, speeds, rows, seeds)
    assert budget.seconds is not None

    def planned(steps: int) -> Plan:
        return plan_of(steps, budget, speeds, rows, seeds)

    found = planned(largest_within(budget.seconds, lambda steps: planned(steps).total_seconds, rows.most_steps))
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
    if not rows.train:
        return "More time would buy nothing: nothing is trained."
    return what_more_buys(found.budget, found.steps, found.total_seconds, passes(found.steps, rows), seeds)


def what_more_buys(budget: str, steps: int, seconds: float, epochs: float, seeds: int) -> str:
    """The same for whatever is planned.

    Args:
        budget: as the user gave it, or the default.
        steps: of a full-length trial.
        seconds: expected for all.
        epochs: passes of a trial over its training rows.
        seeds: full-length trials per method.
    """
    return _over_the_default(budget, steps, seconds) + _what_more_buys(budget, steps, seconds, epochs, seeds)


def _over_the_default(budget: str, steps: int, seconds: float) -> str:
    """A named budget that is too short is refused; the default one is only what we took to be enough."""
    if budget != DEFAULT or steps > FEWEST_STEPS or seconds <= OVER * (parse_budget(DEFAULT).seconds or 0.0):
        return ""
    return f"The least that can be compared takes {_minutes(seconds)} min, more than the default {DEFAULT}. "


def _what_more_buys(budget: str, steps: int, seconds: float, epochs: float, seeds: int) -> str:
    if epochs >= MOST_EPOCHS * 0.95:
        more = min(seeds + 2, MOST_SEEDS)
        if more == seeds:
            return "More time would buy nothing: the trials are long enough, and there are as many seeds as can be."
        return f"More time would buy more seeds (--seeds {more}) for narrower intervals; the trials themselves are long enough."
    double = f"{2 * steps}steps" if parse_budget(budget).steps else f"{_minutes(2 * seconds)}min"
    return f"Each trial passes over the training rows {epochs:.1f} times; --budget {double} would double that."


def passes(steps: int, rows: Rows) -> float:
    """How often each training row is seen; a batch never holds more rows than there are."""
    return steps * min(rows.batch, rows.train) / rows.train if rows.train else 0.0


def refuse_endless(budget: Budget, rows: Rows) -> None:
    """Raise BudgetError for more steps than make sense on any data."""
    if (times := passes(budget.steps or 0, rows)) > MOST_PASSES:
        enough = round(MOST_EPOCHS * (budget.steps or 0) / times)
        raise BudgetError(
            f"--budget {budget.text} would be {times:,.0f} passes over the {rows.train:,} training rows; the most is {MOST_PASSES:,}. "
            f"{enough}steps are {MOST_EPOCHS} passes, the most that is planned for a budget in minutes.",
            "E-BUDGET",
        )


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))


def largest_within(seconds: float, takes: Callable[[int], float], most: int) -> int:
    """The most steps, up to `most`, that take no more than some seconds; the fewest where none do."""
    low, high = FEWEST_STEPS, most
    if takes(most) <= seconds:
        return most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) <= seconds else (low, middle)
    return low


def plan_of(steps: int, budget: Budget, speeds: Sequence[Speed], rows: Rows, seeds: int) -> Plan:
    """What every full-length trial having `steps` would take."""
    race_steps = max(min(steps, 12), round(steps * RACE_SHARE))
    looks = _looks(steps, rows)
    seconds = {}
    for speed in speeds:
        race = RATES * _trial(speed, race_steps, RACE_LOOKS, rows) if speed.raced else 0.0
        measuring = (rows.dev + rows.tasks * MEASURED_ROWS) * speed.predict_row_seconds
        further = speed.further * steps * rows.batch * speed.train_row_seconds
        each = speed.seed_seconds + _trial(speed, steps, looks, rows) + further + _saving(speed, rows)
        seconds[speed.name] = speed.once_seconds + race + measuring + seeds * each
    return Plan(budget=budget.text, steps=steps, race_steps=race_steps, looks=looks, seconds=seconds)


def _looks(steps: int, rows: Rows) -> int:
    """As many looks as cost a fair share of the training, the same for all methods; one at the end where nothing is chosen.

    No clock is asked: with a budget in steps the same command shall give the same bits on a busy machine.
    """
    if not rows.chosen_on:
        return 1
    training = steps * min(rows.batch, rows.train)
    look = rows.dev * (WRITTEN_COST if rows.written else LOOK_COST)
    return max(FEWEST_LOOKS, min(MOST_LOOKS, int(LOOK_SHARE * training / look) if look else MOST_LOOKS))


def _trial(speed: Speed, steps: int, looks: int, rows: Rows) -> float:
    training = steps * min(rows.batch, rows.train + speed.more_rows) * speed.train_row_seconds
    return FORK_SECONDS + speed.setup_seconds + training + looks * rows.dev * speed.predict_row_seconds


def _saving(speed: Speed, rows: Rows) -> float:
    """The test set, and reloading what was saved."""
    return rows.tasks * speed.setup_seconds + rows.test * speed.predict_row_seconds
