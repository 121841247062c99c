"""Ensembles: the mean of probabilities over models of different bases, weights found on labelled rows, what does not go together."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from making import SENTENCES, Maker, rows_of
from scipy.special import softmax
from typer.testing import CliRunner

import leantune as lt
from leantune.artifact.integrity import CARD
from leantune.artifact.manifest import read_manifest
from leantune.artifact.parity import Proof
from leantune.artifact.predictor import Predictor, load
from leantune.cli.main import build
from leantune.core.errors import LeantuneError


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fresh process, which one test has."""
    passed = Proof(["leantune"], 0.0, 1)
    monkeypatch.setattr("leantune.artifact.ensembling.prove", lambda folder, facts, golden, *, ways: passed)


@pytest.fixture
def pair(made: Maker) -> list[Path]:
    return [made("bert", "lora").folder, made("roberta", "full").folder]


@pytest.mark.slow
def test_models_of_two_bases_predict_the_mean_of_their_probabilities(pair: list[Path], tmp_path: Path) -> None:
    found = lt.ensemble(pair, tmp_path / "out")
    assert set(found.weights.values()) == {0.5}
    assert found.saved_bytes == sum(file.stat().st_size for folder in pair for file in folder.rglob("*") if file.is_file())
    whole = lt.load(found.folder)
    mean = np.mean([softmax(np.array(lt.load(folder).logits(SENTENCES)), axis=-1) for folder in pair], axis=0)
    np.testing.assert_allclose(softmax(np.array(whole.logits(SENTENCES)), axis=-1), mean, atol=1e-6)
    said = whole.predict(SENTENCES)
    assert [one.label for one in said] == [whole.labels[place] for place in mean.argmax(axis=-1)]
    np.testing.assert_allclose([one.score for one in said], mean.max(axis=-1), atol=1e-6)
    manifest = read_manifest(found.folder)
    assert "fresh processes through leantune" in (manifest.proof or "")
    assert manifest.facts.cost.saved_bytes == found.saved_bytes
    card = (found.folder / CARD).read_text(encoding="utf-8")
    assert "0.50 `lora` on `bert`; 0.50 `full` on `roberta`" in card
    assert "predict.py" not in card


def test_predict_and_evaluate_read_it(pair: list[Path], unproven: None, tmp_path: Path) -> None:
    folder = str(lt.ensemble(pair, tmp_path / "out").folder)
    rows = rows_of(Path(folder), tmp_path / "rows.csv")
    run = CliRunner().invoke(build(), ["predict", folder, rows, "-o", str(tmp_path / "said.csv")])
    assert run.exit_code == 0, run.output
    with (tmp_path / "said.csv").open(encoding="utf-8") as file:
        assert all(row["label"] == row["kind"] for row in csv.DictReader(file))
    assert CliRunner().invoke(build(), ["evaluate", folder, rows]).output.splitlines()[1].split() == ["accuracy", "100.0", "%"]
    assert lt.score(folder, rows).metrics["accuracy"] == 1.0


def test_weights_are_found_on_labelled_rows(pair: list[Path], unproven: None, tmp_path: Path) -> None:
    third = lt.ensemble(pair, tmp_path / "both").folder
    rows = rows_of(third, tmp_path / "rows.csv")
    run = CliRunner().invoke(build(), ["ensemble", *map(str, pair), "--dev", rows, "--out", str(tmp_path / "out")])
    assert run.exit_code == 0, run.output
    assert "100.0 %  together" in run.output
    manifest = read_manifest(tmp_path / "out")
    assert manifest.facts.scores.dev == 1.0
    assert sum(one.weight for one in manifest.members) == pytest.approx(1.0)
    assert all(0 < one.weight < 1 for one in manifest.members)


def test_rows_that_decide_nothing_leave_the_weights_equal(made: Maker, unproven: None, tmp_path: Path) -> None:
    first = made("bert", "lora").folder
    shutil.copytree(first, tmp_path / "twin")
    found = lt.ensemble([first, tmp_path / "twin"], tmp_path / "out", dev=rows_of(first, tmp_path / "rows.csv"))
    assert set(found.weights.values()) == {0.5}
    assert found.gap is not None
    assert found.gap.mean == 0


def test_where_nobody_helps_the_best_member_nothing_is_written(pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.artifact.ensembling.ROUNDS", 2)  # halves only: less of the other one does no harm to these rows
    rows = rows_of(pair[0], tmp_path / "rows.csv")
    with pytest.raises(LeantuneError, match=f"each of the others lowers its score. Nothing was written. Take {pair[0]}"):
        lt.ensemble(pair, tmp_path / "out", dev=rows)
    assert not (tmp_path / "out").exists()


def test_what_does_not_go_together_is_one_error(made: Maker, pair: list[Path], unproven: None, tmp_path: Path) -> None:
    both = lt.ensemble(pair, tmp_path / "both").folder
    paired = made("bert", "head", True).folder
    for folders, said in (
        ([pair[0]], "got 1 artifact. Name two or more"),
        ([pair[0], pair[0]], "is named twice"),
        ([pair[0], tmp_path / "nowhere"], "There is no such folder"),
        ([pair[0], paired], "rows of another kind"),
        ([pair[0], both], f"distill(teacher='{both}')"),
    ):
        with pytest.raises(LeantuneError) as caught:
            lt.ensemble(folders, tmp_path / "out")
        assert said in caught.value.message, caught.value.message
        assert not (tmp_path / "out").exists()
    for refused in (lambda: lt.export(both, "onnx", tmp_path / "graph"), lambda: lt.merge([both, pair[0]], tmp_path / "merged")):
        with pytest.raises(LeantuneError, match=r"ensemble of 2 models.*Distil it into one model"):
            refused()


@pytest.mark.parametrize(
    ("field", "value", "said"), [("labels", ["no", "yes", "perhaps"], "maybe, perhaps"), ("task", "ordinal", "ordinal")]
)
def test_other_labels_and_other_tasks_are_told(
    pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: object, said: str
) -> None:
    def changed(name: str, device: str) -> Predictor:
        one = load(name, device=device)
        facts = one.manifest.facts.model_copy(update={field: value} if name == str(pair[1]) else {})
        return replace(one, manifest=one.manifest.model_copy(update={"facts": facts}))

    monkeypatch.setattr("leantune.artifact.predictor.load", changed)
    with pytest.raises(LeantuneError) as caught:
        lt.ensemble(pair, tmp_path / "out")
    assert said in caught.value.message
    assert str(pair[1]) in caught.value.message
