"""Train one recipe without a comparison and make its artifact.

leantune train tickets.csv --method "lora(rank=8)"      learning rate from the method's card unless the expression names one
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leantune.app.candidates import Candidate, field_of, read_methods
from leantune.app.progress import Heard, Progress, Tried, Trying
from leantune.app.ship import publish_trial
from leantune.app.study import Study
from leantune.artifact.publish import refuse_foreign
from leantune.comparison.plan import MOST_EPOCHS
from leantune.core.budget import parse_budget
from leantune.core.errors import BudgetError, SpecError
from leantune.core.events import Finished
from leantune.execution.lock import locked
from leantune.execution.process import WorkerProcess
from leantune.execution.runner import Runner

LOOKS = 5
EPOCHS = 4
"""Passes over the training rows when no budget is given."""


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
    parsed = read_methods([method])
    found = field_of(parsed, study.base, study.context.head, study.conditions.task, study.options, setting=study.setting)
    candidate = found.candidates[0]
    lr = candidate.planned_rates[0] if not candidate.raced else candidate.rates.start
    with locked(study.run), Runner(study.run, study.conditions, worker) as runner:
        job = candidate.job(lr, phase="train", seed=seed, steps=_steps(study, candidate, runner), looks=LOOKS)
        yield Trying(job, known=False, seconds_left=0.0)
        for event in runner.run(job):
            yield Heard(job, event)
            if isinstance(event, Finished):
                record = event.record
        if record.status == "failed" or record.status == "diverged":
            raise SpecError(f"{candidate.name}: training {record.status}: {record.reason}", "E-METHOD")
        publish_trial(study, record, artifact)
        yield Tried(job, record)


def _steps(study: Study, candidate: Candidate, runner: Runner) -> int:
    """From the budget in steps or in minutes, or a few passes over the rows."""
    rows, batch = study.dataset.manifest.sizes["train"], study.options.batch
    if study.options.budget is None:
        return max(20, round(EPOCHS * rows / batch))
    budget = parse_budget(study.options.budget)
    if budget.steps is not None:
        return budget.steps
    found = runner.probe(candidate.job(candidate.planned_rates[0], phase="race", seed=1, steps=10, looks=1))
    if found.problem:
        raise SpecError(f"{candidate.name}: {found.problem}", "E-METHOD")
    assert budget.seconds is not None
    dev = study.dataset.manifest.sizes["dev"]
    seconds = budget.seconds - 2 * found.setup_seconds - (LOOKS + 3) * dev * found.predict_row_seconds
    steps = int(seconds / (batch * found.train_row_seconds))
    if steps < 10:
        raise BudgetError(f"--budget {budget.text} leaves only {max(steps, 0)} steps; give more time.", "E-BUDGET")
    return min(steps, round(MOST_EPOCHS * rows / batch))
