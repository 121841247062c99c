"""From records to the comparison: one pure function. The same records give the same comparison, byte for byte.

build(ComparisonInputs(study, records, predictions, metric="accuracy", margin=0.01, ...))  ->  Comparison
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leantune.comparison.choice import Situation, cheapest, choose
from leantune.comparison.groups import Group, gather, median_trial, reference
from leantune.comparison.inspect import Texts, inspect
from leantune.comparison.outcomes import Outcomes
from leantune.comparison.pareto import front
from leantune.comparison.rows import Yardstick, method_rows
from leantune.core.records import CheckReport, Choice, Comparison, Inspection, Ledger, MethodRow, TrialRecord
from leantune.core.shown import Sample
from leantune.core.study import Limits, Preference
from leantune.data.test_sets import MAIN
from leantune.evaluate.predictions import Predictions
from leantune.kinds.task import Task
from leantune.scores.tally import Tally

MAJORITY = "majority"


@dataclass(frozen=True)
class ComparisonInputs:
    """Everything a comparison is made of."""

    study: dict[str, Any]
    """Facts of the study, as `Comparison.study` describes them."""
    records: Sequence[TrialRecord]
    predictions: Callable[[str, str], Predictions]
    """From a trial's digest and a split to what it predicted."""
    task: Task
    metric: str
    margin: float
    """How much worse still counts as good, a fraction."""
    labels: Sequence[str]
    check: CheckReport
    ledger: Ledger
    texts: Texts
    """From the position of a test row to the row, for the mistakes."""
    command: str
    created: str
    leantune: str
    """Version that wrote the comparison."""
    limits: Limits = field(default_factory=Limits)
    prefer: Preference = "storage"
    """Which cost decides among methods that are as good."""
    unsupported: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Methods that elimination dropped, with its sentence."""
    tests: Sequence[str] = (MAIN,)
    """Names of the test sets, the main one first."""
    learned: Sequence[Sample] = ()
    """Rows of train as they are trained on, where that is worth a look."""
    samples: Callable[[str], Sequence[Sample]] = lambda _: ()
    """From a trial's digest to the samples that it kept."""
    artifact: str | None = None
    """Folder of the artifact relative to the run folder, once it is written."""

    def tally(self, found: Predictions) -> Tally:
        """What predictions contribute to the study's metric."""
        return self.task.tally(self.metric, found.gold, found.predicted, self.labels)


def build(inputs: ComparisonInputs) -> Comparison:
    """The comparison.

    Raises:
        ArtifactError: E-RUN when the trials were scored on different rows or a record disagrees with its predictions.
    """
    groups = gather(inputs.records)
    outcomes = Outcomes.read(groups, inputs.predictions, inputs.tally)
    name, note = reference(groups)
    main, *others = inputs.tests
    further = {other: Outcomes.read(groups, inputs.predictions, inputs.tally, other) for other in others}
    rows = method_rows(groups, outcomes, Yardstick(name, inputs.margin, inputs.limits, inputs.dropped), further)
    situation = Situation(
        rows=rows,
        margin=inputs.margin,
        test_rows=outcomes.rows,
        reference=name,
        reference_note=note,
        majority=MAJORITY,
        nothing_above=outcomes.nothing_above(MAJORITY),
        prefer=inputs.prefer,
    )
    choice = _with_trial(choose(situation), groups, rows, inputs)
    return Comparison(
        leantune=inputs.leantune,
        created=inputs.created,
        command=inputs.command,
        study=inputs.study,
        check=inputs.check,
        tests={main: outcomes.rows, **{other: found.rows for other, found in further.items()}},
        trials=list(inputs.records),
        methods=[row.model_copy(update={"chosen": row.name == choice.method}) for row in rows],
        pareto=_pareto(rows),
        choice=choice,
        inspection=_inspection(inputs, choice, groups, rows),
        unsupported=dict(inputs.unsupported),
        ledger=inputs.ledger,
    )


def _with_trial(choice: Choice, groups: Sequence[Group], rows: Sequence[MethodRow], inputs: ComparisonInputs) -> Choice:
    shipped = _shipped(choice, rows, inputs.prefer)
    group = next((group for group in groups if group.name == shipped), None)
    trial = median_trial(group) if group else None
    found = {"shipped": shipped, "trial": trial.digest if trial else None, "artifact": inputs.artifact if trial else None}
    return choice.model_copy(update=found)


def _shipped(choice: Choice, rows: Sequence[MethodRow], prefer: Preference) -> str | None:
    """The chosen method; where that is a floor, or nothing, the cheapest tuned one that is as good, the reference or the best.

    None where no tuned method keeps the limits.
    """
    tuned = [row for row in rows if row.kind == "method" and row.mean is not None]
    if not tuned or choice.method in {row.name for row in tuned}:
        return choice.method if tuned else None
    good = [row for row in tuned if row.verdict in ("better", "as good") and row.within_limits]
    allowed = sorted((row for row in tuned if row.within_limits), key=lambda row: row.verdict != "reference")
    return cheapest(good, prefer).name if good else allowed[0].name if allowed else None


def _pareto(rows: Sequence[MethodRow]) -> list[str]:
    known = {row.name: (row.mean, row.cost.trainable_params) for row in rows}
    return front({name: (mean, float(params)) for name, (mean, params) in known.items() if mean is not None and params is not None})


def _inspection(inputs: ComparisonInputs, choice: Choice, groups: Sequence[Group], rows: Sequence[MethodRow]) -> Inspection | None:
    """Of the chosen method; of the best one when nothing was chosen; None when nothing was tested."""
    name = choice.method or next((row.name for row in rows if row.mean is not None), None)
    group = next((group for group in groups if group.name == name and group.tested), None)
    if group is None:
        return None
    trial = median_trial(group)
    if trial is None or trial.scores.test is None:
        trial = next(iter(group.tested.values()))
    seen = inspect(group.name, inputs.task, inputs.predictions(trial.digest, MAIN), inputs.labels, inputs.texts)
    return seen.model_copy(update={"learned": list(inputs.learned), "samples": list(inputs.samples(trial.digest))})
