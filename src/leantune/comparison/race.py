"""The learning-rate race inside one method: which rates to try, which one wins, and when to look one step further.

    rates(1e-5, 2e-5, 5e-5)  ->  [1e-5, 2e-5, 5e-5]       the winner 5e-5 sits on an edge  ->  extension 1.25e-4, once

Methods never race each other here: slow starters would always lose on a short course.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leantune.core.records import Status, TrialRecord

_LARGEST_STEP = 10**0.5
"""Factor of an extension at most: half a decade."""
_STEP = 3.0
"""Factor where a single rate gives no step of its own."""


@dataclass(frozen=True)
class RaceResult:
    """How one rate did."""

    lr: float
    dev: float | None
    status: Status = "ok"

    @classmethod
    def of(cls, record: TrialRecord) -> RaceResult:
        """From the record of a race trial."""
        if record.recipe is None:
            raise ValueError(f"trial {record.digest} has no learning rate")
        return cls(record.recipe.lr, record.scores.dev, record.status)


def rates(low: float, start: float, high: float, n: int = 3) -> list[float]:
    """`n` rising rates in [low, high] through `start`, evenly spaced in the logarithm on either side of it.

    >>> rates(1e-4, 5e-4, 1e-3)
    [0.0001, 0.0005, 0.001]
    """
    if not 0 < low <= start <= high or n < 1:
        raise ValueError(f"need 0 < low <= start <= high and n >= 1, got {low}, {start}, {high}, {n}")
    below, above = (n - 1) // 2, n // 2
    lower = [low * (start / low) ** (step / below) for step in range(below)]
    upper = [start * (high / start) ** (step / above) for step in range(1, above + 1)]
    return sorted({float(f"{rate:.3g}") for rate in [*lower, start, *upper]})


def winner(results: Sequence[RaceResult]) -> RaceResult | None:
    """The best finished rate on dev; among equals the one nearest to the middle of the field, then the lower. None: no rate finished."""
    finished = [result for result in results if result.status == "ok" and result.dev is not None]
    if not finished:
        return None
    ordered = sorted(result.lr for result in results)
    middle = (len(ordered) - 1) / 2
    return min(finished, key=lambda result: (-(result.dev or 0.0), abs(ordered.index(result.lr) - middle), result.lr))


def extension(results: Sequence[RaceResult], planned: Sequence[float]) -> float | None:
    """The one further rate worth trying, or None.

    One step outwards when the winner sits on an edge; a step down when every rate diverged; a step up when none got off the
    ground (one label only). Only once: None as soon as a rate outside `planned` has a result.
    """
    if {result.lr for result in results} != set(planned) or not results:
        return None
    best, ordered = winner(results), sorted(planned)
    if best is None:
        states = {result.status for result in results}
        if "diverged" in states:
            return _outwards(ordered, up=False)
        return _outwards(ordered, up=True) if "one_class" in states else None
    if len(ordered) > 1 and best.lr == ordered[0]:
        return _outwards(ordered, up=False)
    return _outwards(ordered, up=True) if len(ordered) > 1 and best.lr == ordered[-1] else None


def _outwards(ordered: Sequence[float], *, up: bool) -> float:
    if len(ordered) == 1:
        step = _STEP
    else:
        step = ordered[-1] / ordered[-2] if up else ordered[1] / ordered[0]
    step = min(step, _LARGEST_STEP)
    rate = ordered[-1] * step if up else ordered[0] / step
    return float(f"{rate:.3g}")
