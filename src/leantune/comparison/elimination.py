"""Which methods go no further after their first full-length trial, judged on dev, and the sentence for the ledger.

    (a)  the 99 % upper bound of method - full lies below -margin                       clearly too weak
    (b)  worse than a survivor beyond the 95 % interval, and cheaper in nothing          dominated

Everything else survives as undecided. Full fine-tuning, the reference, is never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leantune.core.human import points, points_interval
from leantune.core.records import Interval
from leantune.scores.bootstrap import Draws, difference, upper_bound
from leantune.scores.tally import Tally

_SURE = 0.99
_INTERVAL = Draws(confidence=0.95)


@dataclass(frozen=True)
class Candidate:
    """One method after its first full-length trial.

    `dev` maps the seed to the tally on dev; `cost` is what another trial costs (seconds), `kept` what the result costs its user,
    in the measure that decides the choice: a smaller model may be worth a loss that the margin allows.
    """

    name: str
    dev: Mapping[int, Tally]
    cost: float
    kept: float = 0.0


def eliminate(candidates: Sequence[Candidate], margin: float, *, reference: str = "full") -> dict[str, str]:
    """Names of the methods that are dropped, each with its sentence; empty without a reference among the candidates."""
    ordered = sorted(candidates, key=lambda candidate: (candidate.cost, candidate.name))
    full = next((candidate for candidate in ordered if candidate.name == reference), None)
    if full is None:
        return {}
    dropped: dict[str, str] = {}
    for candidate in ordered:
        if candidate is not full and (bound := _bound(candidate, full)) is not None and bound < -margin:
            dropped[candidate.name] = (
                f"{candidate.name} dropped: at best {points(bound)} points against {reference} on dev (99 % bound), "
                f"below the margin of {points(margin, signed=False)}."
            )
    survivors = [candidate for candidate in ordered if candidate.name not in dropped]
    for candidate in survivors:
        if candidate is not full and (sentence := _dominated(candidate, survivors)):
            dropped[candidate.name] = sentence
    return dropped


def _dominated(candidate: Candidate, survivors: Sequence[Candidate]) -> str | None:
    for other in survivors:
        if other.cost >= candidate.cost:
            return None
        if other.kept > candidate.kept:
            continue
        found = _interval(candidate, other)
        if found is not None and found.high < 0:
            gap = f"{points_interval(found)} points on dev, 95 % interval"
            return f"{candidate.name} dropped: worse than {other.name} ({gap}) and cheaper in nothing."
    return None


def _pairs(one: Candidate, other: Candidate) -> tuple[list[Tally], list[Tally]]:
    seeds = sorted(set(one.dev) & set(other.dev))
    return [one.dev[seed] for seed in seeds], [other.dev[seed] for seed in seeds]


def _bound(candidate: Candidate, full: Candidate) -> float | None:
    own, theirs = _pairs(candidate, full)
    return upper_bound(own, theirs, _SURE) if own else None


def _interval(candidate: Candidate, other: Candidate) -> Interval | None:
    own, theirs = _pairs(candidate, other)
    return difference(own, theirs, _INTERVAL).interval if own else None
