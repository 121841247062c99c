"""Learning rates of a method: found on dev in a race of short trials, and lowered where the full length shows that it was too high.

Both are generators of progress that get their trials run by `attempt`, which gives the record back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from leantune.app.candidates import Candidate
from leantune.app.progress import Progress, Said
from leantune.comparison.race import RaceResult, best_full, next_full_rate, next_rate, winner
from leantune.core.human import percent
from leantune.core.records import TrialRecord
from leantune.core.study import Job

Attempt = Callable[[Job], Generator[Progress, None, TrialRecord]]


@dataclass(frozen=True)
class Raced:
    """How a race ended."""

    results: list[RaceResult]
    lr: float


def race(
    candidate: Candidate, job: Callable[[float], Job], attempt: Attempt, say: Callable[[str], Said], *, floor: float, on_dev: str
) -> Generator[Progress, None, Raced]:
    """Find the learning rate on dev inside the method's own range, unless the user fixed it.

    Args:
        candidate: the method.
        job: the short trial at a rate.
        attempt: runs it.
        say: notes what was found.
        floor: dev score of always answering the most frequent label.
        on_dev: how the numbers of races are called.
    """
    planned, results = candidate.planned_rates, list[RaceResult]()
    if not candidate.raced:
        return Raced(results, planned[0])
    while (lr := next_rate(results, planned, floor=floor)) is not None:
        record = yield from attempt(job(lr))
        results.append(RaceResult.of(record))
    best = winner(results)
    found = best.lr if best else candidate.rates.start
    tried = ", ".join(f"{result.lr:.2g}: {percent(result.dev) if result.dev is not None else result.status}" for result in results)
    yield say(f"{candidate.name}: learning rate {found:.2g} ({on_dev} {tried})")
    return Raced(results, found)


def first_trial(
    candidate: Candidate,
    raced: Sequence[RaceResult],
    lr: float,
    job: Callable[[float], Job],
    attempt: Attempt,
    say: Callable[[str], Said],
    *,
    on_dev: str,
) -> Generator[Progress, None, tuple[TrialRecord, float]]:
    """The first full-length trial; while its rate does not hold, one at another (`race.next_full_rate`); the best is kept.

    Args:
        candidate: the method.
        raced: its race.
        lr: the rate that won it.
        job: the full-length trial at a rate.
        attempt: runs it.
        say: notes what was found.
        on_dev: how the numbers of races are called.
    """
    records, full = dict[float, TrialRecord](), list[RaceResult]()
    rate: float | None = lr
    while rate is not None:
        records[rate] = yield from attempt(job(rate))
        full.append(RaceResult(rate, _best_look(records[rate]), records[rate].status))
        rate = next_full_rate(raced, full, usual=candidate.usual)
    if len(full) > 1:
        yield say(f"{candidate.name}: {_settled(full, on_dev, usual=candidate.usual)}")
    best = best_full(full).lr
    return records[best], best


def _settled(full: Sequence[RaceResult], on_dev: str, *, usual: bool) -> str:
    """What became of several full-length trials; without a race dev is not looked at."""
    if usual:
        return f"it said one label for all rows at {full[0].lr:.2g}, and was started again at {full[-1].lr:.2g}"
    found = " and ".join(f"{percent(one.dev)} at {one.lr:.2g}" for one in full)
    return f"the short race did not settle the rate; at full length {on_dev} {found}"


def _best_look(record: TrialRecord) -> float | None:
    """What a full-length trial and its races are both judged by."""
    return max((point.dev_score for point in record.curve), default=None)
