"""Ship a mixture: from the records of its trials to `mixture.json`, the report, and an artifact for each task in `best/NAME`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from leantune import __version__
from leantune.app.ship import BEST, publish_trial
from leantune.app.study import Study
from leantune.comparison.sharing import TaskResults, choose_shared, shared_methods
from leantune.comparison.store import ordered, read_record
from leantune.core.files import write_atomic
from leantune.core.records import Comparison, TrialRecord
from leantune.core.sharing import MixedTask, SharedChoice, Sharing
from leantune.core.study import Blend
from leantune.data.turns import counts, shares
from leantune.evaluate.predictions import Predictions, read_predictions
from leantune.report.mixture import write_mixture
from leantune.scores.tally import Tally


def conclude_mixture(
    run: Path,
    studies: Mapping[str, Study],
    blend: Blend,
    alone: Mapping[str, Comparison],
    finals: Sequence[TrialRecord],
    told: Mapping[str, object],
) -> Sharing:
    """Hold the mixture against training alone, publish the chosen one for every task, write `mixture.json` and the report.

    Args:
        run: the folder of the mixture.
        studies: of the tasks.
        blend: what the trials depend on.
        alone: the comparison of each task.
        finals: full-length trials of the mixture.
        told: further fields of `Sharing`: command, name, steps, lines, left_out.
    """
    first = next(iter(studies.values()))
    results = [_results(name, study, alone[name], finals) for name, study in studies.items()]
    methods = shared_methods(finals, results, first.spec.margin)
    choice = _published(run, studies, choose_shared(methods, finals, first.spec.margin))
    values = {
        "leantune": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": first.base.name,
        "temperature": blend.temperature,
        "margin": first.spec.margin,
        "seeds": len(first.spec.seeds),
        "tasks": _tasks(studies, blend, alone, int(str(told["steps"]))),
        "methods": methods,
        "choice": choice,
        "trials": ordered(list(finals)),
    }
    made = Sharing.build("mixture", values | dict(told))
    write_atomic(run / "mixture.json", made.model_dump_json(indent=1))
    write_mixture(made, run)
    return made


def _results(name: str, study: Study, alone: Comparison, finals: Sequence[TrialRecord]) -> TaskResults:
    def tally(found: Predictions) -> Tally:
        return study.context.task.tally(study.conditions.metric, found.gold, found.predicted, study.dataset.labels)

    left = [record for final in finals if (record := read_record(study.run, final.digest)) is not None]
    return TaskResults(name, partial(read_predictions, study.run), tally, left, alone.trials)


def _published(run: Path, studies: Mapping[str, Study], choice: SharedChoice) -> SharedChoice:
    if choice.trial is None:
        return choice
    folders = {}
    for name, study in studies.items():
        record = read_record(study.run, choice.trial)
        assert record is not None
        folders[name] = publish_trial(study, record, run / BEST / name).relative_to(run).as_posix()
    return choice.model_copy(update={"artifacts": folders})


def _tasks(studies: Mapping[str, Study], blend: Blend, alone: Mapping[str, Comparison], steps: int) -> list[MixedTask]:
    sizes = {name: study.dataset.manifest.sizes for name, study in studies.items()}
    found = shares([rows["train"] for rows in sizes.values()], blend.temperature)
    return [
        MixedTask(
            name=name,
            task=study.conditions.task,
            data=study.dataset.source,
            metric=study.conditions.metric,
            rows=sizes[name],
            share=float(share),
            steps=int(own),
            steps_alone=alone[name].ledger.steps_per_trial,
        )
        for (name, study), share, own in zip(studies.items(), found, counts(found, steps), strict=True)
    ]
