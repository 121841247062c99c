"""The choice: the cheapest method that is as good as the reference, under the user's limits, and the sentence that says why.

a floor inside the margin          -> the floor: no tuning is needed
something better or as good        -> the cheapest of them: by what the user prefers, then by the other costs
nothing proven                     -> the reference (or the best floor, where that does not beat it), and what would settle the rest
nothing above the majority floor   -> exactly that
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leantune.comparison.verdict import FEWEST_SEEDS, word
from leantune.core.errors import some
from leantune.core.human import count, percent, plural, points, score_interval, size
from leantune.core.records import Choice, Cost, Interval, MethodRow
from leantune.core.study import Preference


@dataclass(frozen=True)
class Situation:
    """What the choice looks at.

    `reference` is the method that the differences are against (None: no method finished) and `reference_note` says why it is not
    full. `nothing_above` is set when no method and no other floor beats the majority floor: the best of them and its difference to it.
    """

    rows: Sequence[MethodRow]
    margin: float
    test_rows: int
    reference: str | None = "full"
    reference_note: str = ""
    majority: str = "majority"
    nothing_above: tuple[str, Interval] | None = None
    prefer: Preference = "storage"


def choose(seen: Situation) -> Choice:
    """The choice and its reason; the trial and the artifact are for the caller to fill in."""
    ranked = [row for row in seen.rows if row.mean is not None]
    if not ranked:
        reasons = [f"{row.name}: {row.detail}" for row in seen.rows]
        return Choice(method=None, verdict=None, reason=f"Nothing was trained to the end. {some(reasons)}".strip())
    if (floor := _nothing_above_majority(seen, ranked)) is not None:
        return floor
    feasible = [row for row in ranked if row.within_limits]
    if not feasible:
        broken = [f"{row.name} {_lowered(row.limit_broken)}" for row in ranked]
        return Choice(method=None, verdict=None, reason=f"Nothing keeps the limits: {some(broken, most=3)}.")
    return _floor_that_is_enough(seen, feasible) or _cheapest_proven(seen, feasible) or _nothing_proven(seen, ranked, feasible)


def cheapest(rows: Sequence[MethodRow], prefer: Preference = "storage") -> MethodRow:
    """The cheapest row: by the preferred cost, then by the others; what lies within noise goes on to the next one.

    What is left after that goes to the fewest trainable parameters, then to the higher score, then to the name.

    Args:
        rows: to choose from.
        prefer: storage (saved bytes, then latency, then training time), speed (latency first) or size (the whole model first).
    """
    left = list(rows)
    for measure in _ORDER[prefer]:
        left = _within_noise(left, *measure)
    return min(left, key=lambda row: (_known(row.cost.trainable_params), -(row.mean or 0.0), row.name))


_Measure = tuple[Callable[[Cost], float | None], float]
_SAVED: _Measure = (lambda cost: cost.saved_bytes, 0.05)
_MODEL: _Measure = (lambda cost: cost.model_bytes, 0.05)
_SPEED: _Measure = (lambda cost: cost.latency_ms.batch_1 if cost.latency_ms else None, 0.3)
_TIME: _Measure = (lambda cost: cost.train_seconds, 0.1)
"""A cost, and how far apart two of them still count as equal: the same merged model was timed a third apart on a busy machine."""
_ORDER: dict[Preference, tuple[_Measure, ...]] = {
    "storage": (_SAVED, _SPEED, _TIME),
    "speed": (_SPEED, _MODEL, _SAVED, _TIME),
    "size": (_MODEL, _SPEED, _SAVED, _TIME),
}


def deciding(cost: Cost, prefer: Preference) -> float:
    """The cost that the user prefers to be small; infinite where it is not known."""
    measure, _ = _ORDER[prefer][0]
    return _known(measure(cost))


def _within_noise(rows: list[MethodRow], measure: Callable[[Cost], float | None], tie: float) -> list[MethodRow]:
    values = {row.name: _known(measure(row.cost)) for row in rows}
    least = min(values.values())
    return [row for row in rows if values[row.name] <= least * (1 + tie)]


def _known(value: float | None) -> float:
    return float("inf") if value is None else float(value)


def _nothing_above_majority(seen: Situation, ranked: Sequence[MethodRow]) -> Choice | None:
    floor = next((row for row in ranked if row.name == seen.majority), None)
    if floor is None or seen.nothing_above is None:
        return None
    name, best = seen.nothing_above
    reason = (
        f"Nothing beats the {seen.majority} floor, which gives the commonest answer whatever the text and scores {percent(floor.mean)} on "
        f"{plural(seen.test_rows, 'test row')}: the best, {name}, is at {_between(best)}. No method is worth its cost on these rows; "
        f"look at the labels first, or bring more rows."
    )
    return Choice(method=floor.name, verdict=floor.verdict, reason=reason, floor="majority")


def _floor_that_is_enough(seen: Situation, feasible: Sequence[MethodRow]) -> Choice | None:
    reference = next((row for row in seen.rows if row.name == seen.reference), None)
    if reference is None or reference.seeds < FEWEST_SEEDS:
        return None
    enough = [row for row in feasible if row.kind == "baseline" and _is_as_good(row, seen.margin)]
    if not enough:
        return None
    row = cheapest(enough, seen.prefer)
    assert row.difference_to_full is not None
    reason = (
        f"No tuning is needed: the floor {row.name} reaches {percent(row.mean)} on {plural(seen.test_rows, 'test row')} and is "
        f"{_as_good_as(row, seen)} ({_by(row.difference_to_full)}).{_note(seen)}"
    )
    return Choice(method=row.name, verdict=row.verdict, reason=reason, floor="enough")


def _cheapest_proven(seen: Situation, feasible: Sequence[MethodRow]) -> Choice | None:
    proven = [row for row in feasible if row.kind == "method" and row.verdict in ("better", "as good")]
    if not proven:
        return None
    row = cheapest([*proven, *(row for row in feasible if row.verdict == "reference")], seen.prefer)
    if row.difference_to_full is None:
        reason = f"{row.name} is itself the cheapest: {_others(proven)} as good within {_margin(seen)}, and none costs less.{_note(seen)}"
        return Choice(method=row.name, verdict=row.verdict, reason=reason)
    lead = "the only method proven" if len(proven) == 1 else f"the cheapest of the {len(proven)} methods proven"
    reason = (
        f"{row.name} is {lead} {_as_good_as(row, seen)}: {percent(row.mean)} on {plural(seen.test_rows, 'test row')}, "
        f"{_by(row.difference_to_full)}{_saving(row, seen)}.{_note(seen)}"
    )
    return Choice(method=row.name, verdict=row.verdict, reason=reason)


def _nothing_proven(seen: Situation, ranked: Sequence[MethodRow], feasible: Sequence[MethodRow]) -> Choice:
    methods = [row for row in feasible if row.kind == "method"]
    floors = [row for row in feasible if row.kind == "baseline"]
    reference = next((row for row in feasible if row.name == seen.reference), None)
    best = reference or max(methods, key=_mean, default=None)
    floor = max(floors, key=_mean, default=None)
    if best is None or (floor is not None and _mean(floor) >= _mean(best)):
        assert floor is not None
        against = f"{best.name} ({percent(best.mean)}) does not beat it" if best else "no method finished within the limits"
        reason = f"The floor {floor.name} is recommended: it reaches {score_interval(floor.interval)} and {against}."
        return Choice(method=floor.name, verdict=floor.verdict, reason=reason + _note(seen), floor="best")
    if reference is None:
        why = next((row.limit_broken for row in ranked if row.name == seen.reference), None)
        lead = f"{seen.reference} breaks a limit ({_lowered(why)}) and nothing within the limits is proven as good:"
        lead += f" {best.name} scores best of the rest,"
    elif len([row for row in seen.rows if row.kind == "method" and row.mean is not None]) == 1:
        lead = f"{best.name} is the only method that finished: it reaches"
    else:
        lead = f"Nothing cheaper is proven as good as {best.name} within {_margin(seen)}, so {best.name} is recommended:"
    reason = (
        f"{lead} {score_interval(best.interval)} on {plural(seen.test_rows, 'test row')}.{_open_option(seen, methods, best)}{_note(seen)}"
    )
    return Choice(method=best.name, verdict=best.verdict, reason=reason)


def _open_option(seen: Situation, methods: Sequence[MethodRow], best: MethodRow) -> str:
    """The cheapest option that is still open, and what would settle it."""
    still_open = [
        row
        for row in methods
        if row is not best
        and row.difference_to_full
        and (row.verdict == "undecided" or (row.verdict == "indicative" and word(row.difference_to_full, seen.margin) != "worse"))
    ]
    if not still_open:
        return ""
    row = cheapest(still_open, seen.prefer)
    assert row.difference_to_full is not None
    if row.verdict == "indicative":
        settle = f"at least {FEWEST_SEEDS} finished seeds would allow a verdict"
    elif row.rows_needed:
        settle = f"about {row.rows_needed:,} test rows would settle it"
    else:
        settle = "more seeds would settle it sooner than more test rows"
    return f" The cheapest option still open is {row.name} ({_by(row.difference_to_full)}): {settle}."


def _mean(row: MethodRow) -> float:
    return row.mean if row.mean is not None else float("-inf")


def _is_as_good(row: MethodRow, margin: float) -> bool:
    return row.difference_to_full is not None and word(row.difference_to_full, margin) in ("better", "as good")


def _as_good_as(row: MethodRow, seen: Situation) -> str:
    assert row.difference_to_full is not None
    within = f"as good as {seen.reference} within {_margin(seen)}"
    return f"{within}, and better" if row.difference_to_full.low > 0 else within


def _margin(seen: Situation) -> str:
    return f"the margin of {points(seen.margin, signed=False)} {'point' if round(100 * seen.margin, 6) == 1 else 'points'}"


def _lowered(sentence: str | None) -> str:
    """A sentence as part of another one."""
    return sentence[:1].lower() + sentence[1:].rstrip(".") if sentence else ""


def _by(found: Interval) -> str:
    return f"{points(found.mean)} points, 90 % interval {points(found.low)} to {points(found.high)}"


def _between(found: Interval) -> str:
    return f"{points(found.mean)} points (interval {points(found.low)} to {points(found.high)})"


def _others(proven: Sequence[MethodRow]) -> str:
    return f"{some([row.name for row in proven])} {'is' if len(proven) == 1 else 'are'}"


def _saving(row: MethodRow, seen: Situation) -> str:
    """What the choice saves against the reference, in stored bytes and trained parameters."""
    full = next((other for other in seen.rows if other.name == seen.reference), None)
    if full is None:
        return ""
    parts = []
    if row.cost.saved_bytes is not None and full.cost.saved_bytes and row.cost.saved_bytes < full.cost.saved_bytes:
        parts.append(f"storing {size(row.cost.saved_bytes)} instead of {size(full.cost.saved_bytes)}")
    if row.cost.model_bytes is not None and full.cost.model_bytes and row.cost.model_bytes < 0.95 * full.cost.model_bytes:
        parts.append(f"loading {size(row.cost.model_bytes)} instead of {size(full.cost.model_bytes)}")
    if row.cost.trainable_params is not None and full.cost.trainable_params and row.cost.trainable_params < full.cost.trainable_params:
        parts.append(f"training {count(row.cost.trainable_params)} instead of {count(full.cost.trainable_params)} parameters")
    return f", {' and '.join(parts)}" if len(parts) < 3 else f", {parts[0]}, {' and '.join(parts[1:])}"


def _note(seen: Situation) -> str:
    return f" {seen.reference_note}" if seen.reference_note else ""
