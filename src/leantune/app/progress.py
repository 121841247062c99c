"""What a comparison tells while it runs; the terminal, a notebook or a script only read it."""

from __future__ import annotations

from dataclasses import dataclass

from leantune.app.candidates import Field
from leantune.app.study import Study
from leantune.comparison.mixture_plan import MixturePlan
from leantune.comparison.plan import Plan
from leantune.core.errors import some
from leantune.core.events import Event
from leantune.core.records import CheckReport, Comparison, TrialRecord
from leantune.core.sharing import Sharing
from leantune.core.spec import Spec
from leantune.core.study import Job
from leantune.execution.probe import ProbeResult
from leantune.execution.savings import Account


@dataclass(frozen=True)
class Checked:
    """The data check is done."""

    report: CheckReport


class MethodPlan(Spec):
    """What one method will take."""

    name: str
    trainable_params: int
    learning_rates: list[float]
    """Those of its race."""
    seconds: float
    """Races and all seeds."""
    peak_memory_bytes: int
    longer: float = 1.0
    """It has this times the steps of the others."""


class Preflight(Spec):
    """The plan of a comparison, before anything is trained."""

    budget: str
    steps: int
    """Of every full-length trial."""
    race_steps: int
    seconds: float
    """Expected for the whole comparison."""
    methods: list[MethodPlan]
    left_out: dict[str, str]
    """Methods that cannot work here, with the reason."""
    more_time: str
    accounts: list[Account] = []
    """What each speed-up saves, of every method; measured where that was asked for."""


@dataclass(frozen=True)
class Planned:
    """Everything is known that can be known before training."""

    field: Field
    probes: dict[str, ProbeResult]
    plan: Plan
    more_time: str
    accounts: tuple[Account, ...] = ()
    """What each speed-up saves, of every method, where that was asked for."""

    @property
    def slow(self) -> str:
        """Which methods get more steps than the others; empty where none does."""
        more = {candidate.name: candidate.longer for candidate in self.field.candidates if candidate.longer != 1}
        return f"{max(more.values()):g} times as many steps for {some(list(more))} (slow to learn)" if more else ""

    @property
    def preflight(self) -> Preflight:
        """The same as plain data."""
        methods = [
            MethodPlan(
                name=candidate.name,
                trainable_params=self.probes[candidate.name].trainable_params,
                learning_rates=candidate.planned_rates,
                seconds=self.plan.seconds[candidate.name],
                peak_memory_bytes=self.probes[candidate.name].peak_memory_bytes,
                longer=candidate.longer,
            )
            for candidate in self.field.candidates
        ]
        return Preflight(
            budget=self.plan.budget,
            steps=self.plan.steps,
            race_steps=self.plan.race_steps,
            seconds=self.plan.total_seconds,
            methods=methods,
            left_out=self.field.left_out,
            more_time=self.more_time,
            accounts=list(self.accounts),
        )


class MixturePreflight(Spec):
    """The plan of a mixture, before anything is trained."""

    budget: str
    steps: int
    """Of every separate full-length trial; fewer for a task of few rows."""
    seconds: float
    """Expected for all tasks, alone and together."""
    tasks: dict[str, Preflight]
    """Each task alone."""
    together: Preflight
    more_time: str


@dataclass(frozen=True)
class PlannedAll:
    """Everything is known about a mixture that can be known before training."""

    alone: dict[str, Planned]
    together: Planned
    plan: MixturePlan
    more_time: str

    @property
    def preflight(self) -> MixturePreflight:
        """The same as plain data."""
        return MixturePreflight(
            budget=self.plan.budget,
            steps=self.plan.steps,
            seconds=self.plan.total_seconds,
            tasks={name: planned.preflight for name, planned in self.alone.items()},
            together=self.together.preflight,
            more_time=self.more_time,
        )


@dataclass(frozen=True)
class Doing:
    """Work that is no trial: measuring the methods, proving the artifact."""

    text: str


@dataclass(frozen=True)
class Trying:
    """A trial begins, or was found finished (`known`)."""

    job: Job
    known: bool
    seconds_left: float


@dataclass(frozen=True)
class Heard:
    """An event of the trial that is running."""

    job: Job
    event: Event


@dataclass(frozen=True)
class Tried:
    """A trial ended."""

    job: Job
    record: TrialRecord


@dataclass(frozen=True)
class Said:
    """A decision that belongs into the ledger: a rate chosen, a method dropped, time running out."""

    text: str


@dataclass(frozen=True)
class Done:
    """The comparison is on disk."""

    comparison: Comparison


@dataclass(frozen=True)
class Turn:
    """A part of a mixture begins: a task, or all of them together."""

    text: str
    study: Study
    planned: Planned | None = None
    """What will be trained; None while a task is read and its methods are measured."""


@dataclass(frozen=True)
class Shared:
    """The comparison of a mixture with training alone is on disk."""

    sharing: Sharing


Progress = Checked | Doing | Planned | PlannedAll | Trying | Heard | Tried | Said | Done | Turn | Shared
