"""Train one method on several tasks at once, without a comparison, and make an artifact for each task.

leantune train mix.yaml --method "lora(rank=8)"      the budget is that of the one training; artifacts in best/NAME
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from leantune.app.expressions import read_methods
from leantune.app.mixture import MixedStudy, for_all
from leantune.app.progress import Progress, Said, Tried
from leantune.app.ship import publish_trial
from leantune.app.train import job_of, told_cuts, trained
from leantune.artifact.publish import refuse_foreign
from leantune.comparison.store import read_record
from leantune.core.records import TrialRecord
from leantune.execution.process import WorkerProcess
from leantune.execution.runner import Runner


def run_mixture_training(
    mixed: MixedStudy, method: str, artifacts: Path, *, seed: int = 1, worker: WorkerProcess | None = None
) -> Iterator[Progress]:
    """Train all tasks together to the end and write their artifacts; the last progress is `Tried`.

    Args:
        mixed: the studies.
        method: an expression.
        artifacts: the folder in which each task gets one of its own.
        seed: of everything that is drawn.
        worker: one that was started early.

    Raises:
        ArtifactError: E-ARTIFACT when something else lies where an artifact shall.
        SpecError: E-METHOD when the method cannot work on this base, or when training failed.
    """
    for name in mixed.studies:
        refuse_foreign(artifacts / name)
    (candidate,) = mixed.field(read_methods([method])).candidates
    with mixed.locked(), Runner(mixed.run, mixed.blend, worker, mixed.options.conduct) as runner:
        for name, study in mixed.studies.items():
            yield from (Said(f"{name}: {line}") for line in told_cuts(study))
        job = for_all(job_of(candidate, mixed.options, mixed.rows, runner, seed))
        record = yield from trained(job, runner)
        for name, part in records_of(mixed, record).items():
            publish_trial(mixed.studies[name], part, artifacts / name)
        yield Tried(job, record)


def records_of(mixed: MixedStudy, record: TrialRecord) -> Mapping[str, TrialRecord]:
    """What a trial of the mixture left for each task."""
    found = {name: read_record(study.run, record.digest) for name, study in mixed.studies.items()}
    return {name: part for name, part in found.items() if part is not None}
