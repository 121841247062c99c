"""Distillation from the command's side: teachers of the table, artifacts as teachers, and what does not go together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import leantune as lt
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.artifact.integrity import CARD
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import LeantuneError, SpecError
from leantune.kinds.method import parse_method

ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(3)
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]
TEACHER = "head(lr=0.3)"
WORDS = ("card", "book", "day", "movie", "food", "bank", "money", "order", "help", "ship")
TAUGHT = f"distill(teacher='{TEACHER}') | layers(1) | head(lr=0.3)"


@pytest.fixture
def opened(tiny: Callable[[str], Path], tmp_path: Path) -> lt.Study:
    return lt.study(ROWS, model=str(tiny("sentence-bert")), out=tmp_path / "run", budget="60steps", seeds=2, keep_all=True, quiet=True)


def test_the_teacher_of_the_table_is_the_teacher(opened: lt.Study, proof_here: None) -> None:
    result = lt.compare(opened, [TAUGHT, TEACHER])
    trials = [trial for trial in result.comparison.trials if trial.phase == "final"]
    assert sorted((trial.name, trial.seed) for trial in trials) == [(name, seed) for name in sorted((TAUGHT, TEACHER)) for seed in (1, 2)]
    by_name = {(trial.name, trial.seed): trial for trial in trials}
    for seed in (1, 2):
        student, teacher = by_name[TAUGHT, seed], by_name[TEACHER, seed]
        assert student.recipe is not None
        assert student.recipe.distilling is not None
        assert student.recipe.distilling.teachers == (teacher.recipe,)
        assert (student.cost.train_seconds or 0) > (teacher.cost.train_seconds or 0)
        assert student.notes[0].startswith(f"taught by {TEACHER} (dev ")


@pytest.mark.slow
def test_an_artifact_teaches(opened: lt.Study, tmp_path: Path) -> None:
    lt.train(opened, TEACHER, tmp_path / "teacher")
    record = lt.train(opened, f"distill(teacher='{tmp_path / 'teacher'}') | layers(1) | full(lr=1e-3)", tmp_path / "student")
    assert record.notes[0].startswith("taught by the artifact")
    manifest = read_manifest(tmp_path / "student")
    assert manifest.facts.recipe is not None
    assert manifest.facts.recipe.distilling is not None
    assert manifest.facts.recipe.distilling.experts[0].folder == str(tmp_path / "teacher")
    assert "predict.py" in (manifest.proof or "")
    other = [row | {"label": {"good": "good", "bad": "poor"}[row["label"]]} for row in ROWS]
    again = lt.study(other, model=opened.options.model, out=tmp_path / "other", quiet=True)
    with pytest.raises(SpecError, match=r'lacks "?poor"?.* and it has "?bad"? besides.*Train the teacher on these labels'):
        lt.train(again, f"distill(teacher='{tmp_path / 'teacher'}') | full")


@pytest.mark.slow
def test_artifacts_of_two_bases_and_their_ensemble_teach(opened: lt.Study, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    lt.train(opened, TEACHER, tmp_path / "one")
    roberta = lt.study(ROWS, model=str(tiny("roberta")), out=tmp_path / "other", budget="20steps", quiet=True)
    lt.train(roberta, "full(lr=1e-2)", tmp_path / "two")
    folders = [str(tmp_path / "one"), str(tmp_path / "two")]
    both = lt.train(opened, f"distill(teacher={folders}) | layers(1) | head(lr=0.3)".replace('"', "'"), tmp_path / "student")
    assert [note.split(",")[0] for note in both.notes[:2]] == [f"taught by the artifact {folder}" for folder in folders]
    lt.ensemble(folders, tmp_path / "both")
    again = lt.train(opened, f"distill(teacher='{tmp_path / 'both'}') | layers(1) | head(lr=0.3)", tmp_path / "again")
    assert again.recipe is not None
    assert again.recipe.distilling is not None
    assert [one.share for one in again.recipe.distilling.experts] == [0.5, 0.5]
    rows = [row["text"] for row in ROWS]
    said = [lt.load(tmp_path / name).logits(rows) for name in ("student", "again")]
    np.testing.assert_allclose(*said, atol=1e-5)  # an ensemble of equal weights teaches what its members teach
    assert "members/1" in (tmp_path / "again" / CARD).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("distill | logistic", "nothing of it is trained step by step"),
        ("distill(match=hidden) | head", "only what is trained there can be compared"),
        ("distill(match=relations) | prefix(tokens=4)", "only what is trained there can be compared"),
        ("distill(teacher='no/where') | full", "is no folder. A teacher is the folder of an artifact"),
        ("distill(teacher='layers(9) | full') | full", "9 layers cannot be taken of 2"),
        ("distill(teacher=lorra) | full", 'Closest: "lora"'),
        ("distill(temperature=0) | full", "temperature"),
        ("distill(match=embeddings) | full", "match"),
        ("distill(teacher=[]) | full", "name one, for example teacher=full"),
    ],
)
def test_what_does_not_go_together_is_told(opened: lt.Study, method: str, said: str) -> None:
    with pytest.raises(LeantuneError) as caught:
        field_in(opened, read_methods([method]))
    assert said in caught.value.message


def test_all_that_is_wrong_is_told_at_once(opened: lt.Study) -> None:
    wrong = ["distill(teacher='no/where') | full", "drop(7) | full", "drop(7) | lora", "student(bag, width=16, vectors='none.txt') | full"]
    with pytest.raises(LeantuneError) as caught:
        field_in(opened, read_methods(["full", *wrong]))
    assert caught.value.message.startswith("methods: 3 problems\n")
    for said in ("no/where", "layer 7 does not exist", "none.txt"):
        assert caught.value.message.count(said) == 1


def test_students_stand_behind_their_teachers(opened: lt.Study) -> None:
    chain = "distill(teacher='distill | layers(1) | full') | layers(1) | lora"
    found = field_in(opened, read_methods([chain, "distill | layers(1) | full", "lora", "full"]))
    names = [one.name for one in found.candidates]
    assert (names[0], names[-1]) == ("full", parse_method(chain).name)
    last = found.candidates[-1].taught_by({"full": 0.5}, steps=30, looks=2)
    assert last.distilling is not None
    (teacher,) = last.distilling.teachers
    assert teacher.distilling is not None
    assert (teacher.distilling.teachers[0].lr, teacher.distilling.teachers[0].steps) == (0.5, 30)


def test_teachers_of_tokens_need_the_tokenizer(tiny: Callable[[str], Path], tmp_path: Path, proof_here: None) -> None:
    names = {"red": "B-COLOUR", "one": "B-NUMBER"}
    texts = [f"{filler} {name} {more}" for filler in ("the movie was", "what a day", "we paid for") for name in names for more in WORDS]
    rows = [{"tokens": text.split(), "tags": [names.get(word, "O") for word in text.split()]} for text in texts]
    teacher = lt.study(rows, model=str(tiny("roberta")), out=tmp_path / "run", budget="30steps", quiet=True)
    lt.train(teacher, "full(lr=1e-2)", tmp_path / "teacher")
    opened = lt.study(rows, model=str(tiny("bert")), out=tmp_path / "student", quiet=True)
    with pytest.raises(SpecError, match="it has another tokenizer"):
        field_in(opened, read_methods([f"distill(teacher='{tmp_path / 'teacher'}') | full"]))
