from __future__ import annotations

from typing import Any

import pytest

from leantune.comparison.choice import Situation, cheapest, choose
from leantune.core.records import Cost, Interval, Latency, MethodRow


def row(name: str, diff: tuple[float, float] | None = None, **changes: Any) -> MethodRow:
    """A row; `diff` is the interval of the difference to full, whose mean is 90 %."""
    mid = sum(diff) / 2 if diff else 0.0
    floor = changes.get("kind") == "baseline"
    values: dict[str, Any] = {
        "name": name,
        "kind": "method",
        "seeds": 3,
        "mean": 0.9 + mid,
        "interval": Interval(mean=0.9 + mid, low=0.89 + mid, high=0.91 + mid),
        "verdict": "floor" if floor else "reference",
        "difference_to_full": Interval(mean=mid, low=diff[0], high=diff[1]) if diff else None,
        "cost": cost(changes.pop("stored", 90_000_000)),
    }
    return MethodRow(**{**values, **changes})


def cost(stored: int | None, latency: float | None = 6.0, seconds: float | None = 60.0, params: int | None = 1000) -> Cost:
    both = None if latency is None else Latency(batch_1=latency, batch_32=latency * 10)
    return Cost(saved_bytes=stored, latency_ms=both, train_seconds=seconds, trainable_params=params)


GOOD, LEAD, OPEN, BAD = (-0.006, 0.004), (0.002, 0.02), (-0.02, 0.01), (-0.06, -0.03)
FULL = row("full")
LORA = row("lora", GOOD, verdict="as good", stored=600_000)
HEAD = row("head", BAD, verdict="worse", stored=10_000)
BITFIT = row("bitfit", OPEN, verdict="undecided", stored=170_000, rows_needed=4_900)
HOULSBY = row("houlsby", LEAD, verdict="better", stored=1_200_000)
MAJORITY = row("majority", (-0.7, -0.6), kind="baseline", stored=100)
TFIDF = row("tfidf", (-0.1, -0.08), kind="baseline", stored=1_500_000)
WIDE = row("prefix", verdict="failed", detail="Diverged: at step 3.").model_copy(update={"mean": None, "interval": None, "seeds": 0})


def over(one: MethodRow) -> MethodRow:
    return one.model_copy(update={"within_limits": False, "limit_broken": "Stores 90.0 MB, over the limit of 5.0 MB."})


def decide(*rows: MethodRow, **changes: Any) -> Any:
    return choose(Situation(rows=rows, margin=0.01, test_rows=2400, **changes))


CASES: dict[str, tuple[list[MethodRow], str | None, list[str]]] = {
    "cheapest that is as good": (
        [FULL, LORA, HOULSBY, HEAD, BITFIT, MAJORITY, TFIDF, WIDE],
        "lora",
        [
            "lora is the cheapest of the 2 methods proven as good as full within the margin of 1 point: 89.9 % on 2,400 test rows",
            "600 kB instead of 90.0 MB",
        ],
    ),
    "the only one": (
        [FULL, HOULSBY, HEAD],
        "houlsby",
        ["houlsby is the only method proven as good as full within the margin of 1 point, and better"],
    ),
    "full is the cheapest": (
        [FULL, row("lora", GOOD, verdict="as good", stored=99_000_000)],
        "full",
        ["full is itself the cheapest: lora is as good"],
    ),
    "a floor is enough": (
        [FULL, LORA, row("tfidf", GOOD, kind="baseline", stored=1_500_000)],
        "tfidf",
        ["No tuning is needed: the floor tfidf reaches 89.9 %"],
    ),
    "a floor with too few seeds of full is not": (
        [FULL.model_copy(update={"seeds": 2}), row("tfidf", GOOD, kind="baseline")],
        "full",
        ["full"],
    ),
    "nothing proven": (
        [FULL, BITFIT, HEAD, TFIDF],
        "full",
        [
            "Nothing cheaper is proven as good as full",
            "still open is bitfit (-0.5 points, 90 % interval -2.0 to +1.0): about 4,900 test rows would settle it.",
        ],
    ),
    "nothing proven, seeds are short": (
        [FULL, BITFIT.model_copy(update={"rows_needed": None})],
        "full",
        ["more seeds would settle it sooner than more test rows"],
    ),
    "indicative": (
        [FULL, row("lora", GOOD, verdict="indicative"), row("head", BAD, verdict="indicative", stored=1)],
        "full",
        ["still open is lora", "at least 3 finished seeds"],
    ),
    "nothing proven and full below a floor": (
        [FULL, BITFIT, row("tfidf", (-0.02, 0.03), kind="baseline")],
        "tfidf",
        ["full (90.0 %) does not beat it"],
    ),
    "full breaks a limit": ([over(FULL), LORA, HEAD], "lora", ["lora is the only method proven as good as full"]),
    "full breaks a limit and nothing is proven": (
        [over(FULL), BITFIT, HEAD],
        "bitfit",
        ["full breaks a limit (stores 90.0 MB, over the limit of 5.0 MB) and nothing within the limits is proven"],
    ),
    "everything breaks a limit": ([over(FULL), over(LORA)], None, ["Nothing keeps the limits: full stores 90.0 MB"]),
    "a limit excludes the cheapest": ([FULL, over(LORA), HOULSBY], "houlsby", ["houlsby is the only method"]),
    "nothing finished": ([WIDE], None, ["Nothing was trained to the end. prefix: Diverged: at step 3."]),
    "only full": ([FULL, TFIDF], "full", ["full is the only method that finished: it reaches 90.0 ± 1.0 %"]),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_choice(case: str) -> None:
    rows, expected, said = CASES[case]
    made = decide(*rows)
    assert made.method == expected, made.reason
    for piece in said:
        assert piece in made.reason
    assert made.floor == {"a floor is enough": "enough", "nothing proven and full below a floor": "best"}.get(case)


def test_nothing_beats_the_majority_floor() -> None:
    made = decide(FULL, LORA, MAJORITY, nothing_above=("full", Interval(mean=0.003, low=-0.01, high=0.016)))
    assert (made.method, made.floor) == ("majority", "majority")
    assert made.reason.startswith("Nothing beats the majority floor")
    assert "the best, full, is at +0.3 points (interval -1.0 to +1.6)" in made.reason


def test_another_reference_is_said() -> None:
    note = "Full fine-tuning did not finish (out of memory): the claim is relative to lora, the best method on dev."
    made = decide(row("lora"), row("bitfit", GOOD, verdict="as good", stored=1), reference="lora", reference_note=note)
    assert made.method == "bitfit"
    assert made.reason.endswith(note)


def test_no_method_finished_but_a_floor_did() -> None:
    made = decide(TFIDF, WIDE, reference=None)
    assert made.method == "tfidf"
    assert "no method finished" in made.reason


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (cost(100), cost(200), "a"),
        (cost(100, latency=9.0), cost(104, latency=6.0), "b"),
        (cost(100, latency=6.2, seconds=90), cost(100, latency=6.0, seconds=60), "b"),
        (cost(100, seconds=61, params=10), cost(100, seconds=60, params=20), "a"),
        (cost(None), cost(200), "b"),
        (cost(None, None, None), cost(None, None, 10), "b"),
        (cost(100), cost(100), "a"),
    ],
)
def test_cheapest_goes_on_to_the_next_criterion_inside_noise(one: Cost, other: Cost, expected: str) -> None:
    rows = [row("a", GOOD).model_copy(update={"cost": one}), row("b", GOOD).model_copy(update={"cost": other})]
    assert cheapest(rows).name == cheapest(rows[::-1]).name == expected
