"""Few-shot from a file to a table: other rows for each seed, floors too, and nothing chosen on dev."""

from __future__ import annotations

from pathlib import Path

import pytest

import leantune as lt
from leantune.core.errors import SpecError

METHODS = ["full(lr=0.01)", "head"]


@pytest.fixture(scope="module")
def finished(base: str, tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    options = {"budget": "30steps", "seeds": 3, "few_shot": 8, "quiet": True}
    return lt.compare(lt.study(tickets, model=base, out=tmp_path_factory.mktemp("run"), **options), METHODS)


def test_methods_and_floors_have_a_draw_for_each_seed(finished: lt.Result) -> None:
    comparison = finished.comparison
    assert comparison.study["seeds"] == [13, 21, 42]
    assert comparison.study["data"]["splits"]["train"] == 16
    rows = {row.name: row for row in comparison.methods}
    for name in (*METHODS, "tfidf", "embeddings"):
        assert rows[name].seeds == 3, name
    assert (finished.run / "data" / "few" / "8-42.arrow").is_file()
    assert rows["tfidf"].seed_sd is not None
    assert rows["tfidf"].seed_sd > 0


def test_nothing_is_raced_or_dropped_without_a_dev_set(finished: lt.Result) -> None:
    assert not [trial for trial in finished.comparison.trials if trial.phase == "race"]
    assert all(len(trial.curve) == 1 for trial in finished.comparison.trials if trial.phase == "final")
    assert {row.verdict for row in finished.comparison.methods} & {"dropped"} == set()
    assert any(line.startswith("dev: chooses nothing") for line in finished.comparison.study["inferences"])


def test_more_rows_than_a_label_has_are_refused(base: str, tickets: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--few-shot 500"):
        lt.study(tickets, model=base, out=tmp_path / "run", few_shot=500, quiet=True)


def test_a_mixture_takes_no_few_shot(base: str, tickets: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--few-shot is for one task at a time"):
        lt.study({"one": str(tickets), "two": str(tickets)}, model=base, out=tmp_path / "run", few_shot=4, quiet=True)
