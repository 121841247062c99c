"""Ensembles of tasks with more than one answer for a row: members of two tokenizers agree word by word, span by span, label by label."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from task_cases import CASES
from typer.testing import CliRunner

import leantune as lt
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.artifact.ensemble import opened
from leantune.artifact.manifest import read_manifest
from leantune.artifact.predictor import Predictor
from leantune.cli.main import build
from leantune.core.errors import LeantuneError
from leantune.data.examples import ExampleChunk

pytestmark = pytest.mark.usefixtures("proof_here")
Trained = Callable[..., Path]
READ = {"tagging": ("tokens",), "answering": ("question", "context")}
"""Columns of rows without answers."""


@pytest.fixture(scope="module")
def trained(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> Trained:
    """`trained("tagging", "bert")` is an artifact of a tiny model."""
    root, kept = tmp_path_factory.mktemp("members"), dict[tuple[str, str, int], Path]()

    def make(task: str, family: str, steps: int = 60) -> Path:
        if (task, family, steps) not in kept:
            case, folder = CASES[task], root / f"{task}-{family}-{steps}"
            options = case.options | {"model": str(tiny(family)), "out": folder / "run", "budget": f"{steps}steps", "quiet": True}
            lt.train(lt.study(case.rows(120), **options), "full(lr=1e-2)", folder / "best")
            kept[task, family, steps] = folder / "best"
        return kept[task, family, steps]

    return make


def chunk_of(task: str, count: int) -> ExampleChunk:
    rows = CASES[task].rows(count, seed=7)
    if task == "answering":
        return ExampleChunk([row["question"] for row in rows], [row["context"] for row in rows])
    return ExampleChunk([" ".join(row["tokens"]) for row in rows], words=[row["tokens"] for row in rows])


@pytest.mark.parametrize("task", ["tagging", "answering", "multilabel", pytest.param("regression", marks=pytest.mark.slow)])
def test_members_of_two_tokenizers_are_read_as_one(trained: Trained, tmp_path: Path, task: str) -> None:
    folders = [trained(task, "bert"), trained(task, "roberta")]
    found = lt.ensemble(folders, tmp_path / "both")
    assert set(found.weights.values()) == {0.5}
    whole, members = lt.load(found.folder), [lt.load(folder) for folder in folders]
    rows = CASES[task].inputs
    said = whole.predict(rows)
    assert len(said) == len(rows)
    if task == "multilabel":
        mean = np.mean([1 / (1 + np.exp(-np.array(one.logits(rows)))) for one in members], axis=0)
        assert [one.label for one in said] == [[whole.labels[place] for place in np.flatnonzero(row > 0.5)] for row in mean]
    if task == "regression":
        mean = np.mean([[one.label for one in member.predict(rows)] for member in members], axis=0)
        np.testing.assert_allclose([one.label for one in said], mean, atol=1e-5)


def test_tags_are_the_mean_of_the_members_word_by_word(trained: Trained, tmp_path: Path) -> None:
    folders = [trained("tagging", "bert"), trained("tagging", "roberta")]
    whole = opened(lt.ensemble(folders, tmp_path / "both").folder, device="cpu")
    members = [lt.load(folder) for folder in folders]
    rows = [["the", "card", "was", "red"], ["u.s.", "food"]]  # one piece each, so that logits of first pieces are all
    mean = [np.mean([softmax(member.logits([row])[0], axis=-1) for member in members], axis=0) for row in rows]
    for row, wanted, one in zip(rows, mean, whole.predict(rows), strict=True):
        np.testing.assert_allclose(np.exp(whole.logits([row])[0]), wanted, atol=1e-5)
        assert one.label == [whole.labels[tag] for tag in wanted.argmax(axis=-1)]
        assert one.score == pytest.approx(wanted.max(axis=-1).mean(), abs=1e-5)


@pytest.mark.parametrize("task", ["tagging", "answering"])
def test_an_ensemble_of_one_model_says_what_the_model_says(trained: Trained, task: str) -> None:
    """Rows of several pieces too."""
    member, chunk = opened(trained(task, "bert"), device="cpu"), chunk_of(task, 60)
    told = member.told(chunk)  # type: ignore[attr-defined]
    alone = member.decode(chunk)
    for weights in ([1.0], [0.25, 0.75]):
        agreed = [member.task.agree([row] * len(weights), weights) for row in told]
        found = member.task.concluded(agreed, member.labels, chunk.pairs)
        assert list(found.predicted) == list(alone.predicted)
    if task == "tagging":
        np.testing.assert_allclose(found.confidence, alone.confidence, atol=1e-5)


def test_weights_of_tags_are_found_on_labelled_rows(trained: Trained, tmp_path: Path) -> None:
    folders = [trained("tagging", "bert"), trained("tagging", "bert", 20), trained("tagging", "roberta", 20)]
    equal, rows = lt.load(lt.ensemble(folders, tmp_path / "equal").folder), CASES["tagging"].rows(40, seed=9)
    said = equal.predict([row["tokens"] for row in rows])
    file = tmp_path / "dev.jsonl"
    lines = [json.dumps(row | {"tags": one.label}) for row, one in zip(rows, said, strict=True)]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = CliRunner().invoke(build(), ["ensemble", *map(str, folders), "--dev", str(file), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "100.0 %  together" in done.output
    assert sum(one.weight for one in read_manifest(tmp_path / "out").members) == pytest.approx(1.0)
    scored = CliRunner().invoke(build(), ["evaluate", str(tmp_path / "out"), str(file)])
    assert "100.0 %" in scored.output


@pytest.mark.parametrize("task", ["tagging", "answering"])
def test_an_ensemble_teaches_where_the_tokenizer_is_the_same(
    tiny: Callable[[str], Path], trained: Trained, tmp_path: Path, task: str
) -> None:
    alike, apart = ([trained(task, "bert"), trained(task, "bert", 20)], [trained(task, "bert"), trained(task, "roberta", 20)])
    both, mixed = (lt.ensemble(folders, tmp_path / name).folder for name, folders in (("both", alike), ("mixed", apart)))
    case = CASES[task]
    rows, options = case.rows(80), case.options | {"model": str(tiny("bert")), "budget": "10steps", "quiet": True}
    bare = [{name: row[name] for name in READ[task]} for row in rows[60:]]
    study = lt.study(rows[:60], unlabelled=bare, out=tmp_path / "run", **options)
    record = lt.train(study, f"distill(teacher='{both}') | layers(1) | full(lr=1e-2)", tmp_path / "student")
    assert record.recipe is not None
    assert record.recipe.distilling is not None
    assert [one.share for one in record.recipe.distilling.experts] == [0.5, 0.5]
    with pytest.raises(LeantuneError, match=r"members/2.* does not go with this study.*it has another tokenizer"):
        field_in(study, read_methods([f"distill(teacher='{mixed}') | full"]))


@pytest.mark.parametrize("head", ["text", "masked"])
def test_models_that_write_are_refused(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    one = lt.load(trained("tagging", "bert"))
    monkeypatch.setattr("leantune.tasks.tagging.Tagging.head", head)
    monkeypatch.setattr("leantune.artifact.predictor.load", partial(_named, one))
    with pytest.raises(LeantuneError, match=r"goes by the tokens of a vocabulary.*distill\(teacher="):
        lt.ensemble([trained("tagging", "bert"), tmp_path], tmp_path / "out")


def _named(one: Predictor, name: str, device: str) -> Predictor:
    del name, device
    return one
