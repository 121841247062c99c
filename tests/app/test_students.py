"""Students without attention from the command's side: who takes part, what is left out and why, and artifacts that stand alone."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.artifact.export import export
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import SpecError

ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(3)
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]
NAMES = ("card", "book", "day", "movie", "food", "bank", "money", "order", "help", "ship")
TAGGED = [
    {"tokens": ["the", name, verb, end], "tags": ["O", "B-THING", "O", "O"]} for name in NAMES for verb in ("was", "is") for end in "abc"
]
ALONE = "import runpy, sys; sys.modules['leantune'] = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture
def opened(tiny: Callable[[str], Path], tmp_path: Path) -> Callable[..., lt.Study]:
    def made(rows: list[dict[str, object]], **options: object) -> lt.Study:
        name = f"run-{len(list(tmp_path.iterdir()))}"
        return lt.study(rows, model=str(tiny("bert")), out=tmp_path / name, budget="60steps", seeds=1, quiet=True, **options)

    return made


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("student(lstm, width=16) | lora", "EdgeModel has no query"),
        ("student(bag, width=16) | norm", "EdgeModel has no norms"),
        ("student(bag, width=16) | peft.loha", "no layers that an adapter could go into"),
        ("student(bag, width=16) | bitfit", "no layers to train a part of"),
        ("student(bag, width=16) | full | quantize", "small as it is"),
        ("cloze | student(bag, width=16) | full", "leave the prompt out"),
        ("distill(match=hidden) | student(bag, width=16) | full", "use match=logits"),
    ],
)
def test_what_does_not_go_with_a_student_is_left_out(opened: Callable[..., lt.Study], method: str, said: str) -> None:
    found = field_in(opened(ROWS), read_methods(["full", method]))
    assert [one.name for one in found.candidates] == ["full"]
    assert [said in reason for reason in found.left_out.values()] == [True]


def test_methods_without_layers_take_part(opened: Callable[..., lt.Study]) -> None:
    methods = [f"student({kind}, width=16) | {method}" for kind in ("bag", "lstm") for method in ("full", "head", "logistic", "prototypes")]
    found = field_in(opened(ROWS), read_methods(["full", *methods]))
    assert {one.name for one in found.candidates} == {"full", *methods}
    rates = {one.name: one.rates.start for one in found.candidates}
    assert rates[methods[0]] > 10 * rates["full"], "weights that are drawn take larger steps than trained ones"


def test_a_bag_does_not_tag_and_nobody_writes(opened: Callable[..., lt.Study], tiny_lm: Callable[[str], Path], tmp_path: Path) -> None:
    methods = read_methods(["full", "student(bag, width=16) | full", "student(lstm, width=16) | full"])
    tagging = field_in(opened(TAGGED), methods)
    assert [one.name for one in tagging.candidates] == ["full", "student(lstm, width=16) | full"]
    assert "use student(lstm)" in tagging.left_out["student(bag, width=16) | full"]
    texts = [{"text": row["text"]} for row in ROWS]
    masked = lt.study(texts, model=str(tiny_lm("bert")), task="masked_lm", out=tmp_path / "masked", budget="20steps", seeds=1, quiet=True)
    assert len(field_in(masked, methods).left_out) == 2


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("student(bag, width=16, vectors='none.txt') | full", r"none\.txt cannot be read"),
        ("student(bag) | full", "width=128 is more than the 32"),
        ("layers(1) | student(bag, width=16) | full", "no other structure goes with it"),
    ],
)
def test_faults_are_told_before_anything_runs(opened: Callable[..., lt.Study], method: str, said: str) -> None:
    study = opened(ROWS)
    field_in(study, read_methods(["full", "student(bag, width=16) | full"]))  # its base without vectors is there
    with pytest.raises(SpecError, match=said):
        field_in(study, read_methods(["full", method]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bag", "lstm"])
def test_an_artifact_predicts_without_leantune(opened: Callable[..., lt.Study], tmp_path: Path, kind: str) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("".join(f"{word} {' '.join(['0.5'] * 15)} {sign}\n" for word, sign in (("great", 1), ("awful", -1))), encoding="utf-8")
    record = lt.train(
        opened(ROWS), f"distill(hard=0.3, temperature=2) | student({kind}, width=16, vectors='{file}') | full", tmp_path / "best"
    )
    assert record.scores.dev is not None
    assert record.scores.dev > 0.8
    assert (record.cost.model_params or 0) < 10_000
    manifest = read_manifest(tmp_path / "best")
    assert (manifest.form, manifest.layout, manifest.loads_in) == ("whole", "mean", ["leantune", "predict.py"])
    assert "through leantune and predict.py" in (manifest.proof or "")
    texts = [str(row["text"]) for row in ROWS[:12]]
    there = lt.load(tmp_path / "best").predict(texts)
    assert said(tmp_path / "best", texts) == [one.label for one in there]
    graph = export(tmp_path / "best", "onnx", tmp_path / "graph")
    assert "through leantune and predict.py" in (read_manifest(graph).proof or "")
    assert not list(graph.glob("*_model.py"))
    assert said(graph, texts) == [one.label for one in there]
    assert said(export(tmp_path / "best", "merged", tmp_path / "merged"), texts) == [one.label for one in there]


def test_other_vectors_in_the_same_file_are_another_trial(opened: Callable[..., lt.Study], tmp_path: Path) -> None:
    study, file, found = opened(ROWS), tmp_path / "vectors.txt", []
    for sign in ("1", "-1", "1"):
        file.write_text(f"great {'0.5 ' * 15}{sign}\n", encoding="utf-8")
        methods = [f"student(bag, width=16, vectors='{file}') | full", "student(bag, width=16) | full", "full"]
        candidates = field_in(study, read_methods(methods)).candidates
        jobs = [one.job(1e-3, phase="final", seed=1, steps=9, looks=1) for one in candidates]
        found.append({job.name: job.digest(study.conditions) for job in jobs})
    changed = {name for name in found[0] if found[0][name] != found[1][name]}
    assert changed == {name for name in found[0] if "vectors" in name}
    assert len(changed) == 1
    assert found[0] == found[2]
    assert all("vectors" not in job.recipe.model_dump() for job in jobs if job.recipe and "vectors" not in job.name)


@pytest.mark.slow
def test_an_lstm_learns_tags(opened: Callable[..., lt.Study], tmp_path: Path) -> None:
    record = lt.train(opened(TAGGED), "student(lstm, width=16) | full(lr=0.03)", tmp_path / "best")
    assert record.scores.test is not None
    assert record.scores.test > 0.8
    assert read_manifest(tmp_path / "best").layout == "tokens"


def said(folder: Path, texts: list[str]) -> list[str]:
    """What predict.py answers where leantune cannot be imported."""
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", ALONE, str(folder / "predict.py"), *texts]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=outside, cwd=folder)
    return [row["label"] for row in csv.DictReader(done.stdout.splitlines())]
