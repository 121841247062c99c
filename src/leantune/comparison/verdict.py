"""The verdict on one method: a word and a sentence out of the interval [L, U] of its difference to the reference, and the margin.

    better: L > 0      as good: L > -margin      worse: U < 0 and L <= -margin      undecided: the rest
    indicative: fewer than 3 seeds, so the spread between seeds is not known

Failing to find a difference is not equality: only an interval that lies above -margin says "as good".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from leantune.core.human import plural, points
from leantune.core.records import Interval, Verdict
from leantune.scores.bootstrap import Difference

FEWEST_SEEDS = 3
_ONE_SIDED, _POWER = 1.6449, 0.8416
"""Normal quantiles of an error of .05 and a power of .8."""
_MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class Judgement:
    """A verdict with its sentence and, when undecided, the rows that would decide it (None: more rows alone would not)."""

    verdict: Verdict
    detail: str
    rows_needed: int | None = None


def word(interval: Interval, margin: float) -> Verdict:
    """The verdict word of an interval alone, whatever the number of seeds."""
    if interval.low > 0:
        return "better"
    if interval.low > -margin:
        return "as good"
    return "worse" if interval.high < 0 else "undecided"


def judge(
    difference: Difference, margin: float, *, reference: str = "full", failed_seeds: int = 0, lead_confirmed: bool = True
) -> Judgement:
    """Verdict on a method.

    Args:
        difference: method minus reference.
        margin: how much worse still counts as good, a fraction.
        reference: name of the reference, for the sentence.
        lead_confirmed: False when the lead of a "better" method does not stand among all the methods compared (Holm).
        failed_seeds: seeds that did not finish; a method that fails on some seeds has no claim to be as good.
    """
    found = word(difference.interval, margin)
    said = sentence(difference.interval, margin, reference)
    if difference.seeds < FEWEST_SEEDS or failed_seeds:
        return Judgement("indicative", f"{_why_indicative(difference.seeds, failed_seeds)} {said}")
    if found == "better" and not lead_confirmed:
        return Judgement("as good", f"At least as good as {reference}; its lead may be the luck of the best of several. {said}")
    if found != "undecided":
        return Judgement(found, said)
    rows = rows_needed(difference, margin)
    return Judgement(found, f"{said} {_what_decides(difference, rows)}", rows)


def sentence(interval: Interval, margin: float, reference: str) -> str:
    """The interval in words, for example `As good as full within the margin of 1 (-0.2 points, 90 % interval -0.8 to +0.4).`"""
    found = word(interval, margin)
    by = f"{points(interval.mean)} points, 90 % interval {points(interval.low)} to {points(interval.high)}"
    allowed = points(margin, signed=False)
    if found == "better":
        return f"Better than {reference} ({by})."
    if found == "as good" and interval.high < 0:
        return f"Slightly worse than {reference}, inside the margin of {allowed} ({by})."
    if found == "as good":
        return f"As good as {reference} within the margin of {allowed} ({by})."
    if found == "worse":
        return f"{'Clearly worse' if interval.high < -margin else 'Worse'} than {reference} ({by})."
    return f"Neither as good as {reference} within the margin of {allowed} nor worse is proven ({by})."


def rows_needed(difference: Difference, margin: float) -> int | None:
    """Test rows that would decide, at one-sided 5 % and power .8, if the difference is what was measured.

        n = (1.645 + 0.842)^2 * row variance / room^2

    where room is the distance to the farther of the two decisive borders (-margin from below, 0 from above), less what the seeds take.
    For a measured difference of 0 this is the usual non-inferiority formula with the discordance as variance.
    Two digits are kept. None: the spread between seeds alone keeps the verdict open.
    """
    mean = difference.interval.mean
    distance = max(mean + margin, -mean)
    room = (distance / (_ONE_SIDED + _POWER)) ** 2 - difference.seed_variance
    if room <= 0:
        return None
    rows = difference.row_variance / room
    if not difference.rows < rows < _MOST_ROWS:
        return None
    return _two_digits(rows)


def _why_indicative(seeds: int, failed_seeds: int) -> str:
    if failed_seeds:
        total = plural(seeds + failed_seeds, "seed")
        return f"{failed_seeds} of {total} did not finish, so nothing is claimed; on the others it looks like this."
    return f"Only {plural(seeds, 'seed')}, so nothing is claimed; it looks like this."


def _what_decides(difference: Difference, rows: int | None) -> str:
    if rows is None:
        return f"The spread over {plural(difference.seeds, 'seed')} is the bottleneck: more seeds would help more than more test rows."
    also = " and more seeds would help too" if difference.bottleneck == "seeds" else ""
    return f"About {rows:,} test rows would decide it (there are {difference.rows:,}){also}."


def _two_digits(number: float) -> int:
    """Rounded up to two digits: 9,893 is 9,900."""
    unit = int(10 ** max(0, math.floor(math.log10(number)) - 1))
    return math.ceil(number / unit) * unit
