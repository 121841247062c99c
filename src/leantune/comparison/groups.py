"""Trials gathered by method: what finished, what failed, which seed stands for the rest, and what it cost on average.

Races never enter the table: they choose a learning rate, and see fewer steps than a full-length trial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from leantune.core.records import Cost, Flops, Latency, TrialRecord

FULL = "full"


@dataclass(frozen=True)
class Group:
    """All trials of one method or baseline, finished ones by seed."""

    name: str
    kind: Literal["method", "baseline"]
    finished: dict[int, TrialRecord]
    failed: list[TrialRecord]
    """Full-length trials that failed, diverged or predict one label; races count only where nothing went further."""
    races: list[TrialRecord]

    @property
    def tested(self) -> dict[int, TrialRecord]:
        """Finished trials that have seen the test set, by seed."""
        return {seed: record for seed, record in self.finished.items() if record.scores.test is not None}


def gather(records: Sequence[TrialRecord]) -> list[Group]:
    """Groups in the order in which their names first appear."""
    names = list(dict.fromkeys(record.name for record in records))
    return [_group(name, [record for record in records if record.name == name]) for name in names]


def reference(groups: Sequence[Group]) -> tuple[str | None, str]:
    """The name that differences are taken against, and a sentence where it is not full fine-tuning.

    Without a finished `full` the best method on dev stands in; None when no method finished.
    """
    full = next((group for group in groups if group.name == FULL), None) or next((g for g in groups if is_full(g.name)), None)
    if full is not None and full.tested:
        return full.name, ""
    others = [group for group in groups if group.kind == "method" and group.tested]
    if not others:
        return None, ""
    most = max(len(group.tested) for group in others)
    best = max((group for group in others if len(group.tested) == most), key=lambda group: (dev_mean(group) or 0.0, group.name))
    why = "was not part of the study" if full is None else f"did not finish ({(why_failed(full) or 'not run to the end').rstrip('.')})"
    return best.name, f"Full fine-tuning {why}: the claim is relative to {best.name}, the best method on dev."


def is_full(name: str) -> bool:
    """Whether a method's name is that of full fine-tuning, under whatever options."""
    return "|" not in name and name.split("(")[0].strip() == FULL


def dev_mean(group: Group) -> float | None:
    """Mean dev score of the finished trials."""
    scores = [record.scores.dev for record in group.finished.values() if record.scores.dev is not None]
    return fmean(scores) if scores else None


def median_trial(group: Group) -> TrialRecord | None:
    """The trial whose weights stand for the method: the median seed on dev (the lower of two), so that it is neither lucky nor unlucky."""
    trials = sorted(group.finished.values(), key=lambda record: (record.scores.dev or 0.0, record.seed))
    return trials[(len(trials) - 1) // 2] if trials else None


def why_failed(group: Group) -> str | None:
    """The reason of the first trial that did not finish, with its status."""
    bad = group.failed or [record for record in group.races if record.status != "ok"]
    if not bad:
        return None
    words = {"failed": "Failed", "diverged": "Diverged", "one_class": "One answer for all", "ok": ""}
    return f"{words[bad[0].status]}: {bad[0].reason}" if bad[0].reason else f"{words[bad[0].status]}."


def mean_cost(trials: Sequence[TrialRecord]) -> Cost:
    """Means over trials; of peak memory the largest. What no trial measured stays None."""
    costs = [record.cost for record in trials]
    latencies = [cost.latency_ms for cost in costs if cost.latency_ms]
    flops = [cost.flops_per_row for cost in costs if cost.flops_per_row]
    return Cost(
        trainable_params=_whole_mean(costs, lambda cost: cost.trainable_params),
        trainable_params_without_head=_whole_mean(costs, lambda cost: cost.trainable_params_without_head),
        saved_bytes=_whole_mean(costs, lambda cost: cost.saved_bytes),
        train_seconds=fmean(seconds) if (seconds := [cost.train_seconds for cost in costs if cost.train_seconds is not None]) else None,
        peak_memory_bytes=max((cost.peak_memory_bytes for cost in costs if cost.peak_memory_bytes is not None), default=None),
        latency_ms=_mean_latency(latencies),
        model_params=_whole_mean(costs, lambda cost: cost.model_params),
        model_bytes=_whole_mean(costs, lambda cost: cost.model_bytes),
        flops_per_row=Flops(train=fmean(x.train for x in flops), predict=fmean(x.predict for x in flops)) if flops else None,
    )


def _mean_latency(found: Sequence[Latency]) -> Latency | None:
    if not found:
        return None
    slowest = {
        name: max((value for one in found if (value := getattr(one, name)) is not None), default=None)
        for name in ("slowest_1", "slowest_32")
    }
    return Latency(batch_1=fmean(one.batch_1 for one in found), batch_32=fmean(one.batch_32 for one in found), **slowest)


def _group(name: str, records: Sequence[TrialRecord]) -> Group:
    full_length = [record for record in records if record.phase != "race"]
    finished = {record.seed: record for record in full_length if record.status == "ok"}
    return Group(
        name=name,
        kind="baseline" if any(record.phase == "baseline" for record in records) else "method",
        finished=dict(sorted(finished.items())),
        failed=[record for record in full_length if record.status != "ok" and record.seed not in finished],
        races=[record for record in records if record.phase == "race"],
    )


def _whole_mean(costs: Sequence[Cost], measure: Callable[[Cost], int | None]) -> int | None:
    values = [value for cost in costs if (value := measure(cost)) is not None]
    return round(fmean(values)) if values else None
