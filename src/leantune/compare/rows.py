"""The lines of the verdict table: each method's mean, interval, difference to the reference, verdict and cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from leantune.compare.bootstrap import DEFAULT, Difference, Draws, difference, interval
from leantune.compare.groups import Group, dev_mean, mean_cost, why_failed
from leantune.compare.limits import Limits, limit_broken
from leantune.compare.verdict import judge, sentence
from leantune.core.errors import ArtifactError
from leantune.core.human import plural
from leantune.core.records import Interval, MethodRow
from leantune.evaluate.predictions import Predictions, SplitName
from leantune.evaluate.quality import Tally, tally

_ERROR = 0.05
_TOLERANCE = 1e-3
"""How far a recorded score may lie from the one that its predictions give (scores may be rounded)."""


@dataclass(frozen=True)
class Outcomes:
    """The test set opened: per method and seed the tally of its predictions."""

    tallies: Mapping[str, Mapping[int, Tally]]
    kinds: Mapping[str, str]
    rows: int

    @classmethod
    def read(cls, groups: Sequence[Group], predictions: Callable[[str, SplitName], Predictions], metric: str, n_labels: int) -> Outcomes:
        """Read every tested trial's predictions.

        Raises:
            ArtifactError: E-RUN when trials were scored on different rows or a record disagrees with its predictions.
        """
        tallies: dict[str, dict[int, Tally]] = {}
        first: Predictions | None = None
        for group in groups:
            for seed, record in group.tested.items():
                found = predictions(record.digest, "test")
                first = first or found
                if not np.array_equal(found.gold, first.gold):
                    raise ArtifactError(f"trial {record.digest} ({group.name}) was scored on other test rows than the rest.", "E-RUN")
                counted = tally(metric, found.gold, found.predicted, n_labels)
                _agree(record.digest, record.scores.test, counted.score())
                tallies.setdefault(group.name, {})[seed] = counted
        return cls(tallies, {group.name: group.kind for group in groups}, 0 if first is None else len(first.gold))

    def mean(self, name: str) -> float:
        """Mean score over seeds."""
        return fmean(one.score() for one in self.tallies[name].values())

    def interval(self, name: str) -> Interval | None:
        """Of a method's own score; None when it was not tested."""
        return interval(list(self.tallies[name].values())) if name in self.tallies else None

    def difference(self, name: str, reference: str, draws: Draws = DEFAULT) -> Difference | None:
        """Paired by seed; a floor that ran once stands beside every seed of the other. None without a common seed."""
        own, other = self.tallies.get(name), self.tallies.get(reference)
        if not own or not other:
            return None
        own, other = self._spread(name, other), self._spread(reference, own)
        seeds = sorted(set(own) & set(other))
        return difference([own[seed] for seed in seeds], [other[seed] for seed in seeds], draws) if seeds else None

    def nothing_above(self, floor: str) -> tuple[str, Interval] | None:
        """The best of the rest and its difference to `floor`, when none of the rest is above the floor; None otherwise.

        One error in twenty for the whole family: with k others each must pass at .05 / k (Bonferroni).
        """
        others = sorted((name for name in self.tallies if name != floor), key=lambda name: (-self.mean(name), name))
        if floor not in self.tallies or not others:
            return None
        draws = Draws(confidence=1 - 2 * _ERROR / len(others))
        best: tuple[str, Interval] | None = None
        for name in others:
            found = self.difference(name, floor, draws)
            if found is not None and found.interval.low > 0:
                return None
            best = best or ((name, found.interval) if found else None)
        return best

    def _spread(self, name: str, seeds: Mapping[int, Tally]) -> Mapping[int, Tally]:
        own = self.tallies[name]
        if self.kinds[name] == "baseline" and len(own) == 1:
            return dict.fromkeys(seeds, next(iter(own.values())))
        return own


def method_rows(
    groups: Sequence[Group],
    scores: Outcomes,
    *,
    margin: float,
    reference: str | None,
    limits: Limits,
    dropped: Mapping[str, str],
) -> list[MethodRow]:
    """One row per method, best mean test score first, those without a score last."""
    differences = {group.name: scores.difference(group.name, reference) for group in groups if reference not in (None, group.name)}
    confirmed = _confirmed_better(groups, differences)
    rows = [_row(group, scores, margin, reference) for group in groups]
    rows = [_with_drop(_with_limits(row, limits), dropped.get(row.name)) for row in rows]
    return sorted(rows, key=lambda row: (row.mean is None, -(row.mean or 0.0), row.name))


def _row(group: Group, scores: Outcomes, margin: float, reference: str | None) -> MethodRow:
    own = scores.interval(group.name)
    if own is None:
        return _row_without_score(group)
    per_seed = [one.score() for one in scores.tallies[group.name].values()]
    row = MethodRow(
        name=group.name,
        kind=group.kind,
        seeds=len(per_seed),
        mean=fmean(per_seed),
        interval=own,
        dev_mean=dev_mean(group),
        seed_sd=stdev(per_seed) if len(per_seed) > 1 else None,
        verdict="floor" if group.kind == "baseline" else "reference",
        detail=_reference_detail(group) if group.kind == "method" else "",
        lr=next((record.recipe.lr for record in group.finished.values() if record.recipe), None),
        cost=mean_cost(list(group.finished.values())),
    )
    found = scores.difference(group.name, reference) if reference not in (None, group.name) else None
    return row if group.name == reference else _judged(row, group, found, margin, reference or "")


def _judged(row: MethodRow, group: Group, found: Difference | None, margin: float, reference: str) -> MethodRow:
    if group.kind == "baseline":
        detail = f"A floor. {sentence(found.interval, margin, reference)}" if found else "A floor."
        return row.model_copy(update={"detail": detail, "difference_to_full": found.interval if found else None})
    if found is None:
        return row.model_copy(update={"verdict": "indicative", "detail": f"No seed in common with {reference}, so nothing is claimed."})
    judged = judge(found, margin, reference=reference, failed_seeds=len(group.failed))
    why = f" {why_failed(group)}" if group.failed else ""
    return row.model_copy(
        update={
            "verdict": judged.verdict,
            "detail": judged.detail + why,
            "difference_to_full": found.interval,
            "rows_needed": judged.rows_needed,
        }
    )


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
            "lr": next((record.recipe.lr for record in trials if record.recipe), None),
            "cost": mean_cost(trials),
        }
    )


def _with_limits(row: MethodRow, limits: Limits) -> MethodRow:
    broken = limit_broken(row.cost, limits)
    return row.model_copy(update={"within_limits": broken is None, "limit_broken": broken})


def _with_drop(row: MethodRow, sentence_of_drop: str | None) -> MethodRow:
    return row.model_copy(update={"detail": f"{row.detail} {sentence_of_drop}".strip()}) if sentence_of_drop else row


def _reference_detail(group: Group) -> str:
    lost = f" {plural(len(group.failed), 'seed')} did not finish. {why_failed(group)}" if group.failed else ""
    return f"The reference, {plural(len(group.tested), 'seed')}.{lost}"


def _agree(digest: str, recorded: float | None, computed: float) -> None:
    if recorded is not None and abs(recorded - computed) > _TOLERANCE:
        told = f"its record says a test score of {recorded:.4f}, its predictions give {computed:.4f}"
        raise ArtifactError(f"trial {digest}: {told}. Delete its folder and run again.", "E-RUN")
