"""What lies on disk after a mixture of tasks: `mixture.json`, what sharing one adaptation cost or gained. Public and versioned.

Scores are fractions (0..1), times are seconds.
"""

from __future__ import annotations

from pydantic import Field

from leantune.core.records import Interval, TrialRecord, Verdict
from leantune.core.spec import Spec

VERSION = 1


class MixedTask(Spec):
    """One task of the mixture."""

    name: str
    """As the user calls it; its own study lies in tasks/NAME."""
    task: str
    data: str
    metric: str
    rows: dict[str, int]
    """Per split."""
    share: float
    """Of the mixture's steps."""
    steps: int
    """Of a full-length trial of the mixture."""
    steps_alone: int
    """Of a full-length trial of the task alone."""


class SharedScore(Spec):
    """A method on one task, with and without the others; None where nothing was scored."""

    task: str
    seeds: int
    """In both."""
    shared: Interval | None = None
    separate: Interval | None = None
    difference: Interval | None = None
    """Shared minus separate, paired by seed and test row."""
    verdict: Verdict | None = None
    """better: sharing gained · as good: it cost nothing beyond the margin · worse: it cost · undecided, indicative: not known."""
    detail: str = ""


class SharedMethod(Spec):
    """One line of the table: a method for all tasks together, beside the same method for each task."""

    name: str
    lr: float | None
    """Of the mixture."""
    seeds: int
    dev_mean: float | None
    """Mean over tasks and seeds, by which the choice goes."""
    shared_mean: float | None
    """Mean test score over the tasks, when they are trained together."""
    separate_mean: float | None
    shared_params: int | None
    """Numbers to store for all tasks: the update once, and every head."""
    separate_params: int | None
    """The same when each task has its own update."""
    shared_seconds: float | None
    """Training of one seed of the mixture."""
    separate_seconds: float | None
    """Of one seed of every task."""
    tasks: list[SharedScore]
    failure: str = ""


class SharedChoice(Spec):
    """Which mixture is in the folders."""

    method: str | None
    reason: str
    trial: str | None = None
    """Digest of the mixture's trial: the median seed on dev."""
    artifacts: dict[str, str] = {}
    """Folder of each task, relative to the run folder."""


class Sharing(Spec):
    """Everything that the report of a mixture shows."""

    version: int = VERSION
    leantune: str
    created: str
    """ISO time."""
    command: str
    name: str
    model: str
    temperature: float
    margin: float = Field(gt=0, lt=1)
    seeds: int
    steps: int
    """Of a full-length trial of the mixture."""
    tasks: list[MixedTask]
    methods: list[SharedMethod]
    """Best mean of the mixture first."""
    choice: SharedChoice
    trials: list[TrialRecord]
    """Of the mixture; those of each task lie in its own study."""
    lines: list[str] = []
    """What was decided on the way."""
    left_out: dict[str, str] = {}
    """Methods that cannot share, with the reason."""
