"""What a comparison tells while it runs; the terminal, a notebook or a script only read it."""

from __future__ import annotations

from dataclasses import dataclass

from leantune.app.candidates import Field
from leantune.comparison.plan import Plan
from leantune.core.events import Event
from leantune.core.records import CheckReport, Comparison, TrialRecord
from leantune.core.study import Job
from leantune.execution.probe import ProbeResult


@dataclass(frozen=True)
class Checked:
    """The data check is done."""

    report: CheckReport


@dataclass(frozen=True)
class Planned:
    """Everything is known that can be known before training."""

    field: Field
    probes: dict[str, ProbeResult]
    plan: Plan
    more_time: str


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


Progress = Checked | Planned | Trying | Heard | Tried | Said | Done
