"""The parts under the page: forest geometry, ratios, confusion, facts."""

from __future__ import annotations

import pytest
from made_up import example, with_labels, with_methods

from leantune.core.records import Cost, Interval, MethodRow
from leantune.report.axes import AXES
from leantune.report.confusion import confused_pairs, make_heat, strength
from leantune.report.facts import metric_name, study_facts
from leantune.report.forest import WIDTH, make_forest
from leantune.report.payload import make_curves, make_payload, needs_zoom
from leantune.report.rows import make_table


def _row(name: str, **changes: object) -> MethodRow:
    return MethodRow.model_validate({"name": name, "kind": "method", "seeds": 3, "mean": 0.9, "verdict": "as good", **changes})


def test_the_scale_is_linear_and_holds_every_interval_within_reach() -> None:
    table = make_table(example())
    forest = make_forest(table, 0.01)
    assert forest.x(0.0) - forest.x(-0.01) == pytest.approx(forest.x(0.01) - forest.x(0.0), abs=0.2)
    for line in table.methods:
        mark = forest.mark(line, table)
        if mark:
            assert 0 <= mark.low <= mark.mean <= mark.high <= WIDTH


def test_a_hopeless_method_is_cut_and_does_not_squeeze_the_others() -> None:
    comparison = with_methods(3)
    lost = _row("lost", mean=0.3, difference_to_full=Interval(mean=-0.6, low=-0.62, high=-0.58))
    table = make_table(comparison.model_copy(update={"methods": [*comparison.methods, lost]}))
    forest = make_forest(table, 0.01)
    assert forest.low > -0.1
    mark = forest.mark(table.lines[-1], table)
    assert mark is not None
    assert mark.cut == "left"
    assert needs_zoom(table, 0.01)


def test_seed_dots_are_paired_differences() -> None:
    table = make_table(example())
    line = next(line for line in table.methods if line.row.name == "houlsby")
    mark = make_forest(table, 0.01).mark(line, table)
    assert mark is not None
    assert table.reference is not None
    gap = (line.finals[0].scores.test or 0) - (table.reference.finals[0].scores.test or 0)
    assert mark.seeds[0].words == f"seed 1: {100 * gap:+.1f} points"


@pytest.mark.parametrize(
    ("own", "words"), [(3, "0.3 % of full"), (620, "62 % of full"), (1000, "1.0 × full"), (3100, "3.1 × full"), (None, "")]
)
def test_costs_are_told_beside_full(own: int | None, words: str) -> None:
    full = _row("full", cost=Cost(trainable_params=1000))
    assert AXES["trainable"].ratio(_row("a", cost=Cost(trainable_params=own)), full) == words


def test_the_commonest_mixup_comes_first_and_hits_never() -> None:
    seen = with_labels(20).inspection
    assert seen is not None
    pairs = confused_pairs(seen)
    assert pairs[0].count == max(count for gold, row in enumerate(seen.confusion) for said, count in enumerate(row) if gold != said)
    assert all(pair.gold != pair.predicted for pair in pairs)


def test_the_heat_map_draws_each_filled_cell_once() -> None:
    seen = with_labels(77).inspection
    assert seen is not None
    drawn = sum(layer.path.count("M") for layer in make_heat(seen).layers)
    assert drawn == sum(count > 0 for row in seen.confusion for count in row)
    assert strength(0.01) > strength(0.0)


def test_curves_put_the_chosen_and_the_reference_first() -> None:
    curves = make_curves(make_table(with_methods(25)))
    assert [curve["name"] for curve in curves[:2]] == ["bitfit", "full"]
    assert [curve["on"] for curve in curves].count(True) == 6


def test_points_without_a_score_are_left_to_the_table() -> None:
    comparison = example()
    payload = make_payload(comparison, make_table(comparison), margin=0.01, metric="accuracy")
    assert "prefix(length=20)" not in [point["name"] for point in payload["points"]]


def test_facts_flatten_what_is_nested_and_skip_what_is_empty() -> None:
    lists = {part.title: dict(part.pairs) for part in study_facts(example())}
    assert lists["Data"]["columns text"] == "message"
    assert "columns text pair" not in lists["Data"]
    assert lists["Study"]["margin"] == "1 point"
    assert "Limits" not in lists
    assert metric_name(example()) == "accuracy"
