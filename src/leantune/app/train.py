"""Train one recipe without a comparison and make its artifact.

leantune train tickets.csv --method "lora(rank=8)"      learning rate from the method's card unless the expression names one
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

from leantune.app.candidates import Candidate, field_in, idle_options
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.preflight import probed
from leantune.app.progress import Heard, Progress, Said, Tried, Trying
from leantune.app.ship import publish_trial
from leantune.app.structure import on_structure
from leantune.app.study import Study
from leantune.artifact.publish import refuse_foreign
from leantune.comparison.plan import Rows
from leantune.comparison.race import RESTART
from leantune.core.budget import parse_budget
from leantune.core.errors import BudgetError, SpecError
from leantune.core.events import Finished
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.data.check import cuts
from leantune.data.lengths import measured
from leantune.execution.lock import locked
from leantune.execution.process import WorkerProcess
from leantune.execution.runner import Runner

LOOKS = 5
EPOCHS = 4
"""Passes over the training rows when no budget is given; more for methods that learn slowly."""


def run_training(study: Study, method: str, artifact: Path, *, seed: int = 1, worker: WorkerProcess | None = None) -> Iterator[Progress]:
    """Train one method to the end and write its artifact; the last progress is `Tried`.

    Args:
        study: what is shared.
        method: an expression.
        artifact: where the artifact shall lie.
        seed: of everything that is drawn.
        worker: one that was started early.

    Raises:
        ArtifactError: E-ARTIFACT when something else lies at `artifact`.
        SpecError: E-METHOD when the method cannot work on this base, or when training failed.
    """
    refuse_foreign(artifact)
    parsed = read_methods(on_structure([method], study.options.structure, reference=False))
    found = field_in(study, parsed)
    with locked(study.run), Runner(study.run, study.conditions, worker, study.options.conduct) as runner:
        yield from map(Said, idle_options(study.options, parsed))
        if found.candidates[0].worded is None:  # behind a prompt rows are longer, which the trial tells
            yield from map(Said, told_cuts(study))
        make = partial(job_of, found.candidates[0], study.options, study.rows, runner, seed)
        record = yield from trained(job := make(), runner)
        if record.status == "one_class" and _may_restart(found.candidates[0], study.options, record):
            yield Said(f"{job.name}: {record.reason}; it is started again at {RESTART:g} times the learning rate")
            again = yield from trained(other := make(factor=RESTART), runner)
            job, record = (other, again) if again.status == "ok" else (job, record)
        publish_trial(study, record, artifact)
        yield Tried(job, record)


def told_cuts(study: Study) -> list[str]:
    """A line for everything that is longer than can be read or learned to be written."""
    lengths = measured(study.dataset, study.ruler)
    found = [found.message for found in cuts(study.dataset, study.ruler, lengths)]
    return found or [f"No row is longer than the {lengths.texts.most} tokens that are read."]


def _may_restart(candidate: Candidate, options: Options, record: TrialRecord) -> bool:
    """Where it trains anything at a rate of ours, and the budget is no time, which is used up."""
    timed = options.budget is not None and parse_budget(options.budget).steps is None
    return bool(record.cost.trainable_params) and candidate.raced and not timed


def job_of(candidate: Candidate, options: Options, rows: Rows, runner: Runner, seed: int, *, factor: float = 1.0) -> Job:
    """One long training at the learning rate that the user fixed, or at the one that the method starts its races with.

    Args:
        candidate: the method.
        options: of the study.
        rows: of the data.
        runner: of the study.
        seed: of everything that is drawn.
        factor: of the learning rate.

    Raises:
        BudgetError: E-BUDGET when the budget leaves no time for it.
    """
    lr = candidate.planned_rates[0] if not candidate.raced else float(f"{factor * candidate.rates.start:.3g}")
    steps = _steps(candidate, options, rows, runner)
    return candidate.taught_by({}, steps=steps, looks=LOOKS).job(lr, phase="train", seed=seed, steps=steps, looks=LOOKS)


def trained(job: Job, runner: Runner) -> Generator[Progress, None, TrialRecord]:
    """Run it to its end.

    Raises:
        SpecError: E-METHOD when training failed.
    """
    yield Trying(job, known=False, seconds_left=0.0)
    for event in runner.run(job):
        yield Heard(job, event)
        if isinstance(event, Finished):
            record = event.record
    if record.status == "failed" or record.status == "diverged":
        raise SpecError(f"{job.name}: training {record.status}: {record.reason}", "E-METHOD")
    return record


def _steps(candidate: Candidate, options: Options, rows: Rows, runner: Runner) -> int:
    """From the budget in steps or in minutes, or a few passes over the rows."""
    if options.budget is None:
        return max(20, round(candidate.parsed.method.card.longer * EPOCHS * rows.train / rows.batch))
    budget = parse_budget(options.budget)
    if budget.steps is not None:
        return budget.steps
    found = probed(candidate, runner)
    if found.problem:
        raise SpecError(f"{candidate.name}: {found.problem}", "E-METHOD")
    assert budget.seconds is not None
    looking = (LOOKS + 3) * rows.dev * found.predict_row_seconds
    seconds = budget.seconds - found.seed_seconds - (1 + rows.tasks) * found.setup_seconds - looking
    per_row = found.train_row_seconds + sum(probed(one, runner).train_row_seconds for one in candidate.mentors)
    steps = int(seconds / (rows.batch * per_row))
    if steps < 10:
        raise BudgetError(f"--budget {budget.text} leaves only {max(steps, 0)} steps; give more time.", "E-BUDGET")
    return min(steps, rows.most_steps)
