"""Few rows on a sentence encoder from a file to an artifact: label words, computed heads, contrast."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import leantune as lt
from leantune.prompts.anchors import MEANINGLESS

pytestmark = pytest.mark.slow

WORDS = {"good": ["great", "nice", "happy"], "bad": ["awful", "sad", "worst"]}
METHODS = [
    "full(lr=0.003)",
    "anchors(words=given) | frozen",
    "anchors | prototypes",
    "anchors | averaged",
    "prototypes",
    "anchors(loss=contrast) | lora(lr=0.003)",
]


@pytest.fixture(scope="module")
def finished(base: str, tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    options = {"budget": "10steps", "seeds": 1, "few_shot": 8, "quiet": True, "labels": WORDS}
    return lt.compare(lt.study(tickets, model=base, out=tmp_path_factory.mktemp("run"), **options), METHODS)


def test_contrast_ends_with_a_head_that_is_computed(finished: lt.Result) -> None:
    (trial,) = (trial for trial in finished.comparison.trials if "contrast" in trial.name)
    assert any(note.startswith("after the contrast, beside the anchors, prototypes: the words of a label count as") for note in trial.notes)
    assert trial.scores.dev in [point.dev_score for point in trial.curve], "looks see the head that is delivered"


def test_every_way_ends_with_a_score(finished: lt.Result) -> None:
    rows = {row.name: row for row in finished.comparison.methods}
    assert {name: rows[name].verdict for name in METHODS if rows[name].mean is None} == {}
    assert finished.comparison.unsupported == {}


def test_zero_shot_trains_nothing_and_computed_heads_count_their_head(finished: lt.Result) -> None:
    trained = {trial.name: trial.cost.trainable_params for trial in finished.comparison.trials if trial.phase == "final"}
    assert trained["anchors(words=given) | frozen"] == 0
    assert trained["anchors | prototypes"] == trained["prototypes"] == 2 * 32 + 2


def test_what_was_chosen_is_noted(finished: lt.Result) -> None:
    notes = {trial.name: " ".join(trial.notes) for trial in finished.comparison.trials if trial.phase == "final"}
    assert "by leave-one-out" in notes["anchors | prototypes"]
    assert "by cross-validation" in notes["anchors | averaged"]
    assert "no label words" in notes["prototypes"]
    assert "stopped early" not in notes["anchors | prototypes"]


@pytest.mark.slow
def test_the_artifact_answers_in_fresh_processes(base: str, tickets: Path, tmp_path: Path) -> None:
    """Through leantune, predict.py and sentence-transformers: the proof runs all of them."""
    study = lt.study(tickets, model=base, out=tmp_path / "run", few_shot=4, seeds=1, budget="10steps", labels=WORDS, quiet=True)
    best = tmp_path / "best"
    lt.train(study, "anchors | prototypes", best)
    texts = ["the movie was great", "very awful food"]
    mine = lt.load(best).predict(texts)
    script = subprocess.run([sys.executable, str(best / "predict.py"), *texts], capture_output=True, text=True, check=True).stdout
    rows = list(csv.DictReader(io.StringIO(script)))
    assert [row["label"] for row in rows] == [found.label for found in mine]
    assert [float(row["score"]) for row in rows] == pytest.approx([found.score for found in mine], abs=1e-3)
    assert "sentence-transformers" in (best / "leantune.json").read_text(encoding="utf-8")


def test_words_that_mean_the_opposite_are_not_used_and_rows_take_their_place(base: str, tickets: Path, tmp_path: Path) -> None:
    opposite = {"good": WORDS["bad"], "bad": WORDS["good"]}
    study = lt.study(tickets, model=base, out=tmp_path, few_shot=16, seeds=1, budget="10steps", labels=opposite, quiet=True)
    found = lt.compare(study, ["anchors | frozen", "anchors | prototypes", "anchors(loss=contrast) | lora(lr=0.003)"])
    rows = {row.name: row for row in found.comparison.methods}
    notes = {trial.name: trial.notes for trial in found.comparison.trials if trial.phase == "final"}
    assert [name for name, told in notes.items() if MEANINGLESS in told] == [name for name in notes if name.startswith("anchors")]
    scores = {name: row.mean for name, row in rows.items() if name.startswith("anchors")}
    assert all(score is not None and score > 0.55 for score in scores.values()), scores
