"""Further test sets in the comparison: told for every method and floor, and without a say in anything else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from leantune.comparison.build import build
from leantune.comparison.table import by_test, table, text
from leantune.core.errors import ArtifactError
from leantune.core.records import Comparison
from leantune.testing.comparisons import example_comparison
from leantune.testing.languages import FURTHER, example_languages, language_inputs


@cache
def example() -> Comparison:
    return example_languages()


def test_every_tested_method_has_a_score_on_every_test_set() -> None:
    assert example().tests == {"en": 2400, "de": 800, "zh": 400}
    for row in example().methods:
        assert set(row.further) == (set(FURTHER) if row.mean is not None else set()), row.name
        for found in row.further.values():
            assert found.interval.low < found.mean < found.interval.high
            assert (found.difference_to_full is None) == (row.verdict == "reference")
    full, head = (next(row for row in example().methods if row.name == name) for name in ("full", "head"))
    gap = head.further["de"].difference_to_full
    assert gap is not None
    assert gap.mean == pytest.approx(head.further["de"].mean - full.further["de"].mean)
    assert gap.low < gap.mean < gap.high < 0
    assert full.mean is not None
    assert full.mean > full.further["de"].mean > full.further["zh"].mean


def test_nothing_else_depends_on_them() -> None:
    plain = example_comparison()
    assert plain.tests == {"test": 2400}
    assert [row.model_copy(update={"further": {}}) for row in example().methods] == plain.methods
    assert (example().choice, example().pareto, example().inspection) == (plain.choice, plain.pareto, plain.inspection)


def test_a_trial_that_has_not_seen_a_test_set_counts_on_the_others() -> None:
    inputs = language_inputs()
    records = [
        one.model_copy(update={"scores": one.scores.model_copy(update={"further": {}})}) if one.name == "norm" else one
        for one in inputs.records
    ]
    rows = {row.name: row for row in build(replace(inputs, records=records)).methods}
    assert rows["norm"].further == {}
    assert rows["norm"].mean is not None
    assert set(rows["head"].further) == set(FURTHER)


def test_a_record_that_disagrees_with_its_predictions_is_told() -> None:
    inputs = language_inputs()
    scores = inputs.records[0].scores
    wrong = scores.model_copy(update={"further": {name: one.model_copy(update={"score": 0.1}) for name, one in scores.further.items()}})
    records = [inputs.records[0].model_copy(update={"scores": wrong}), *inputs.records[1:]]
    with pytest.raises(ArtifactError, match=r"its record says a test score of 0\.1000"):
        build(replace(inputs, records=records))


def test_the_tables_name_the_test_sets() -> None:
    made = by_test(example())
    assert made is not None
    assert table(example()).header[1] == "en"
    assert made.header == ["method", "en", "de", "vs full", "zh", "vs full"]
    lines = {line[0]: line for line in made.lines}
    assert lines["full"][2].endswith(" %")
    assert lines["full"][3] == lines["prefix(length=20)"][2] == "–"
    assert lines["head"][3].startswith("-")
    assert "de" in text(example()).splitlines()[len(example().methods) + 2]
    assert by_test(example_comparison()) is None
