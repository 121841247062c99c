"""The lines of the verdict table: each method's mean, interval, difference to the reference, verdict and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from types import MappingProxyType

from leantune.comparison.groups import Group, dev_mean, mean_cost, why_failed
from leantune.comparison.holm import holm
from leantune.comparison.limits import limit_broken
from leantune.comparison.outcomes import Outcomes
from leantune.comparison.verdict import judge, sentence
from leantune.core.human import plural
from leantune.core.records import FurtherResult, MethodRow, TrialRecord
from leantune.core.study import Limits
from leantune.scores.bootstrap import Difference


@dataclass(frozen=True)
class Yardstick:
    """What every method is held against. `reference` is None when no method finished; `dropped` has elimination's sentences."""

    reference: str | None
    margin: float
    limits: Limits
    dropped: Mapping[str, str]


def method_rows(
    groups: Sequence[Group], outcomes: Outcomes, yardstick: Yardstick, further: Mapping[str, Outcomes] = MappingProxyType({})
) -> list[MethodRow]:
    """One row per method, best mean test score first, those without a score last.

    Args:
        groups: the trials.
        outcomes: on the main test set, by which everything goes.
        yardstick: what every method is held against.
        further: outcomes on the further test sets, which are only told.
    """
    reference = yardstick.reference
    found = {group.name: outcomes.difference(group.name, reference) for group in groups if reference and group.name != reference}
    leads = holm({group.name: one.p_better for group in groups if group.kind == "method" and (one := found.get(group.name))})
    rows = []
    for group in groups:
        row = _row(group, outcomes)
        if row.mean is not None and group.name != reference:
            row = _judged(row, group, found.get(group.name), yardstick, lead_confirmed=group.name in leads)
        elsewhere = {name: told for name, one in further.items() if (told := _further(group.name, one, reference))}
        rows.append(_finished(row, yardstick).model_copy(update={"further": elsewhere}))
    return sorted(rows, key=lambda row: (row.mean is None, -(row.mean or 0.0), row.name))


def _further(name: str, outcomes: Outcomes, reference: str | None) -> FurtherResult | None:
    own = outcomes.interval(name)
    if own is None:
        return None
    difference = outcomes.difference(name, reference) if reference and name != reference else None
    return FurtherResult(mean=outcomes.mean(name), interval=own, difference_to_full=difference.interval if difference else None)


def _row(group: Group, outcomes: Outcomes) -> MethodRow:
    """What was measured on one method, not yet held against anything."""
    own = outcomes.interval(group.name)
    if own is None:
        return _row_without_score(group)
    per_seed = outcomes.per_seed(group.name)
    return MethodRow(
        name=group.name,
        kind=group.kind,
        seeds=len(per_seed),
        mean=fmean(per_seed),
        interval=own,
        dev_mean=dev_mean(group),
        seed_sd=stdev(per_seed) if len(per_seed) > 1 else None,
        verdict="floor" if group.kind == "baseline" else "reference",
        detail="A floor." if group.kind == "baseline" else _reference_detail(group),
        lr=_lr(list(group.finished.values())),
        cost=mean_cost(list(group.finished.values())),
    )


def _judged(row: MethodRow, group: Group, found: Difference | None, yardstick: Yardstick, *, lead_confirmed: bool) -> MethodRow:
    reference = yardstick.reference or ""
    if group.kind == "baseline":
        said = f"{row.detail} {sentence(found.interval, yardstick.margin, reference)}" if found else row.detail
        return row.model_copy(update={"detail": said, "difference_to_full": found.interval if found else None})
    if found is None:
        return row.model_copy(update={"verdict": "indicative", "detail": f"No seed in common with {reference}, so nothing is claimed."})
    if why := yardstick.dropped.get(row.name):
        said = f"{why} On test, {plural(row.seeds, 'seed')}: {sentence(found.interval, yardstick.margin, reference)}"
        return row.model_copy(update={"verdict": "dropped", "detail": said, "difference_to_full": found.interval})
    judged = judge(found, yardstick.margin, reference=reference, failed_seeds=len(group.failed), lead_confirmed=lead_confirmed)
    return row.model_copy(
        update={
            "verdict": judged.verdict,
            "detail": f"{judged.detail} {why_failed(group)}" if group.failed else judged.detail,
            "difference_to_full": found.interval,
            "rows_needed": judged.rows_needed,
        }
    )


def _finished(row: MethodRow, yardstick: Yardstick) -> MethodRow:
    """With the limits."""
    broken = limit_broken(row.cost, yardstick.limits)
    return row.model_copy(update={"within_limits": broken is None, "limit_broken": broken})


def _row_without_score(group: Group) -> MethodRow:
    """Failed, or not finished far enough to be tested."""
    why = why_failed(group)
    if group.finished:
        verdict, detail = "indicative", "Trained to the end but never scored on the test set, so nothing is claimed."
    elif why:
        verdict, detail = "failed", why
    else:
        verdict, detail = "indicative", "Only its learning-rate race has run, so nothing is claimed."
    trials = [*group.finished.values(), *group.failed] or group.races
    return MethodRow.model_validate(
        {
            "name": group.name,
            "kind": group.kind,
            "seeds": len(group.finished),
            "mean": None,
            "dev_mean": dev_mean(group),
            "verdict": verdict,
            "detail": detail,
            "lr": _lr(trials),
            "cost": mean_cost(trials),
        }
    )


def _reference_detail(group: Group) -> str:
    lost = f" {plural(len(group.failed), 'seed')} did not finish. {why_failed(group)}" if group.failed else ""
    return f"The reference, {plural(len(group.tested), 'seed')}.{lost}"


def _lr(trials: Sequence[TrialRecord]) -> float | None:
    return next((record.recipe.lr for record in trials if record.recipe), None)
