"""The learning-rate race inside one method: which rates to try, which one wins, and when to look one step further.

    rates(1e-5, 2e-5, 5e-5)  ->  [1e-5, 2e-5, 5e-5]       2e-5, then 5e-5; if that wins 1.25e-4, else 1e-5

A short race favours rates that are too high for the full length, so `next_full_rate` looks back after the first full-length trial. Full
fine-tuning on QAMR: after 32 steps 21.0 % at 6.3e-4 and 20.6 % at 2e-4, after 96 steps 25.8 % and 59.9 %.
Methods never race each other here: slow starters would always lose on a short course.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leantune.core.records import Status, TrialRecord

OFF_THE_GROUND = 0.03
"""A race whose best rate is not this far above always answering the most frequent label has learned nothing yet."""
UNDECIDED, UNDECIDED_SHARE = 0.02, 0.05
"""A race is undecided between two rates whose dev scores differ by no more than both: two points, and a twentieth of the score."""
RESTART = 3.0
"""Factor of a rate that was not raced, where everything says one label: too low a rate is the commonest cause."""
_LARGEST_STEP = 10**0.5
"""Factor of an extension at most: half a decade."""


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


def next_rate(results: Sequence[RaceResult], planned: Sequence[float], floor: float = 0.0) -> float | None:
    """The rate to try next, or None when the race is decided: the middle, the highest, then whichever side is better.

    Where the highest wins, the lower ones cannot (the score over rates has one peak) and one step beyond it is tried; otherwise the
    lower ones follow, and one step below the lowest where that wins. When every rate diverged the way is down; when none got off the
    ground it is up. A race goes beyond `planned` once.

    Args:
        results: what has run so far.
        planned: the rates of the method's own range.
        floor: dev score of always answering the most frequent label.
    """
    ordered, tried = sorted(planned), {result.lr for result in results}
    if waiting := [rate for rate in first_rates(planned) if rate not in tried]:
        return waiting[0]
    if tried - set(ordered) or len(ordered) == 1 or all(result.status == "failed" for result in results):
        return None
    if _upwards(results, ordered, floor):
        return _outwards(ordered, up=True)
    if lower := [rate for rate in ordered if rate not in tried]:
        return lower[-1]
    best = winner(results)
    return _outwards(ordered, up=False) if best is None or best.lr == ordered[0] else None


def first_rates(planned: Sequence[float]) -> list[float]:
    """Those that are tried whatever they give: the middle one and the highest."""
    ordered = sorted(planned)
    return list(dict.fromkeys([ordered[len(ordered) // 2], ordered[-1]]))


def next_full_rate(race: Sequence[RaceResult], full: Sequence[RaceResult], *, usual: bool = False) -> float | None:
    """The rate to try at full length beside those that were; None when the best of them holds.

    Lower ones where the rate does not hold (`slower`), as long as each is better than the one before. Where every rate of the race said one
    label for all rows, and the full-length trial does too, the next higher one: a restart, once. Without a race it is three times the rate.

    Args:
        race: the short trials.
        full: the full-length ones, in order.
        usual: whether the first of these had the usual rate of the method, because nothing can be raced.
    """
    best, tried = best_full(full), {result.lr for result in full}
    if best is not full[-1] or best.status == "failed":
        return None
    if best.status == "one_class" and usual:
        return float(f"{RESTART * best.lr:.3g}") if len(full) == 1 else None
    if best.status == "one_class" and {result.status for result in race} == {"one_class"}:
        return min((result.lr for result in race if result.lr > best.lr), default=None)
    lower = slower(race, best.lr, best.dev if best.status == "ok" else None)
    return None if lower in tried else lower


def best_full(full: Sequence[RaceResult]) -> RaceResult:
    """The best of some full-length trials on dev; the first one among equals."""
    return max(full, key=lambda result: (result.status == "ok", (result.dev or 0.0) if result.status == "ok" else 0.0))


def slower(results: Sequence[RaceResult], lr: float, full_dev: float | None) -> float | None:
    """The next lower rate of the race, to be tried at full length too; None when `lr` holds.

    It does not hold when its full-length trial ended below its own race trial on dev, nor when the race was undecided between the two.
    A lower rate that said one label for all rows in the race may just have needed more steps.

    Args:
        results: the race.
        lr: the rate of the full-length trial.
        full_dev: its dev score; None when it failed, diverged or predicts one class.
    """
    raced = next((result for result in results if result.lr == lr), None)
    below = [result for result in results if result.lr < lr and result.status in ("ok", "one_class")]
    if raced is None or not below:
        return None
    lower = max(below, key=lambda result: result.lr)
    held = full_dev is not None and full_dev >= (raced.dev or 0.0)
    return None if held and not _undecided(raced, lower) else lower.lr


def _undecided(one: RaceResult, other: RaceResult) -> bool:
    if one.dev is None or other.dev is None or other.status != "ok":
        return False
    return one.dev - other.dev <= min(UNDECIDED, UNDECIDED_SHARE * one.dev)


def _upwards(results: Sequence[RaceResult], ordered: Sequence[float], floor: float) -> bool:
    best = winner(results)
    if best is None:
        return {result.status for result in results} == {"one_class"}
    return best.lr == ordered[-1] or (best.dev or 0.0) < floor + OFF_THE_GROUND


def _outwards(ordered: Sequence[float], *, up: bool) -> float:
    step = min(ordered[-1] / ordered[-2] if up else ordered[1] / ordered[0], _LARGEST_STEP)
    rate = ordered[-1] * step if up else ordered[0] / step
    return float(f"{rate:.3g}")
