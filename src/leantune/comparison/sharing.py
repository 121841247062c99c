"""What sharing cost or gained: every method on every task, trained together and alone, paired by seed and test row. A pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from leantune.comparison.groups import Group, dev_mean, gather, mean_cost, median_trial, why_failed
from leantune.comparison.holm import holm
from leantune.comparison.outcomes import Outcomes
from leantune.comparison.verdict import judge
from leantune.core.human import count, percent, points
from leantune.core.records import TrialRecord
from leantune.core.sharing import SharedChoice, SharedMethod, SharedScore
from leantune.evaluate.predictions import Predictions
from leantune.scores.bootstrap import Difference
from leantune.scores.tally import Tally

_TOGETHER = "together "
"""In front of a method's name where its trials are those of the mixture."""


@dataclass(frozen=True)
class TaskResults:
    """What is known of one task."""

    name: str
    predictions: Callable[[str, str], Predictions]
    """From a trial's digest and a split to what it predicted."""
    tally: Callable[[Predictions], Tally]
    shared: Sequence[TrialRecord]
    """What the mixture left for the task."""
    separate: Sequence[TrialRecord]
    """Trials of the task alone."""


@dataclass(frozen=True)
class _Task:
    """A task with its test set opened."""

    name: str
    groups: dict[str, Group]
    outcomes: Outcomes

    @classmethod
    def open(cls, found: TaskResults) -> _Task:
        together = [record.model_copy(update={"name": _TOGETHER + record.name}) for record in found.shared]
        groups = gather([*together, *(record for record in found.separate if record.phase == "final")])
        return cls(found.name, {group.name: group for group in groups}, Outcomes.read(groups, found.predictions, found.tally))

    def difference(self, method: str) -> Difference | None:
        return self.outcomes.difference(_TOGETHER + method, method)


def shared_methods(mixture: Sequence[TrialRecord], results: Sequence[TaskResults], margin: float) -> list[SharedMethod]:
    """One line per method, best mean of the mixture first.

    Args:
        mixture: full-length trials of the mixture.
        results: of each task.
        margin: how much worse still counts as good, a fraction.

    Raises:
        ArtifactError: E-RUN when trials were scored on different rows or a record disagrees with its predictions.
    """
    tasks, groups = [_Task.open(found) for found in results], gather(mixture)
    found = {(group.name, task.name): task.difference(group.name) for group in groups for task in tasks}
    leads = holm({f"{method}\n{task}": one.p_better for (method, task), one in found.items() if one})
    made = []
    for group in groups:
        scores = [
            _score(group.name, task, found[group.name, task.name], margin, lead_confirmed=f"{group.name}\n{task.name}" in leads)
            for task in tasks
        ]
        made.append(_method(group, tasks, scores))
    return sorted(made, key=lambda row: (row.shared_mean is None, -(row.shared_mean or 0.0), row.name))


def _score(method: str, task: _Task, found: Difference | None, margin: float, *, lead_confirmed: bool) -> SharedScore:
    together, alone = task.groups.get(_TOGETHER + method), task.groups.get(method)
    own = SharedScore(
        task=task.name,
        seeds=found.seeds if found else 0,
        shared=task.outcomes.interval(_TOGETHER + method),
        separate=task.outcomes.interval(method),
    )
    failed = [group for group in (together, alone) if group is not None and group.failed]
    why = " ".join(dict.fromkeys(why_failed(group) or "" for group in failed))
    if found is None:
        return own.model_copy(update={"detail": why or "Not scored both together and alone, so nothing is claimed."})
    lost = max((len(group.failed) for group in failed), default=0)
    judged = judge(found, margin, reference="training alone", failed_seeds=lost, lead_confirmed=lead_confirmed)
    said = f"{judged.detail} {why}".strip()
    return own.model_copy(update={"difference": found.interval, "verdict": judged.verdict, "detail": said})


def _method(group: Group, tasks: Sequence[_Task], scores: list[SharedScore]) -> SharedMethod:
    cost = mean_cost(list(group.finished.values()))
    alone = [mean_cost(list(found.finished.values())) if (found := task.groups.get(group.name)) else None for task in tasks]
    return SharedMethod(
        name=group.name,
        lr=next((record.recipe.lr for record in [*group.finished.values(), *group.failed] if record.recipe), None),
        seeds=len(group.finished),
        dev_mean=dev_mean(group),
        shared_mean=_mean([score.shared.mean if score.shared else None for score in scores]),
        separate_mean=_mean([score.separate.mean if score.separate else None for score in scores]),
        shared_params=cost.trainable_params,
        separate_params=_whole([one.trainable_params if one else None for one in alone]),
        shared_seconds=cost.train_seconds,
        separate_seconds=_sum([one.train_seconds if one else None for one in alone]),
        tasks=scores,
        failure=why_failed(group) or "",
    )


def choose_shared(methods: Sequence[SharedMethod], mixture: Sequence[TrialRecord], margin: float) -> SharedChoice:
    """The mixture to ship, by dev alone: of those within the margin of the best mean, the one with the fewest numbers to store."""
    scored = [method for method in methods if method.dev_mean is not None]
    if not scored:
        return SharedChoice(method=None, reason="No mixture was trained to the end.")
    best = max(scored, key=lambda method: method.dev_mean or 0.0)
    near = [method for method in scored if (method.dev_mean or 0.0) >= (best.dev_mean or 0.0) - margin]
    chosen = min(near, key=lambda method: (method.shared_params or 0, -(method.dev_mean or 0.0), method.name))
    trial = next(median_trial(group) for group in gather(mixture) if group.name == chosen.name)
    return SharedChoice(method=chosen.name, reason=_reason(chosen, best, margin), trial=trial.digest if trial else None)


def _reason(chosen: SharedMethod, best: SharedMethod, margin: float) -> str:
    why = (
        "is the best mixture on dev"
        if chosen is best
        else f"is the smallest mixture within {points(margin, signed=False)} points of the best on dev ({best.name})"
    )
    verdicts: Mapping[str | None, str] = {"better": "gained", "as good": "cost nothing", "worse": "cost"}
    told = [f"{score.task}: sharing {verdicts.get(score.verdict, 'is not decided')}" for score in chosen.tasks]
    stored = f"{count(chosen.shared_params)} numbers to store in place of {count(chosen.separate_params)}"
    return f"{chosen.name} {why} (mean {percent(chosen.dev_mean)}), with {stored}. On test, {'; '.join(told)}."


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _whole(values: Sequence[int | None]) -> int | None:
    found = _sum(values)
    return None if found is None else round(found)
