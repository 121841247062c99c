"""Rows without labels beside a teacher, of every task: what it says of them is learned, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from task_cases import CASES

import leantune as lt
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.core.errors import DataError, SpecError
from leantune.core.records import Decoding
from leantune.core.study import Job
from leantune.data.unlabelled_rows import UNLABELLED
from leantune.execution.attach import attach
from leantune.execution.context import TAUGHT, Context
from leantune.execution.feed import TokenFeed
from leantune.kinds.task import Decoded
from leantune.models.delta import read_delta
from leantune.models.network import Network
from studies_of_trials import asked_of, taught_job

ANSWERS = {"tags", "label", "stars", "score", "answers", "answer"}
"""Columns that rows without labels lack; those of `KEPT` are texts."""
KEPT = {"ranking": {"answer"}}
STUDENT = "distill(teacher=full) | layers(1) | full"


def study_of(task: str, model: Path, folder: Path, **options: Any) -> lt.Study:
    """A study of sixty rows, and forty without labels."""
    case = CASES[task]
    made = case.rows(100)
    bare = [{name: cell for name, cell in row.items() if name not in ANSWERS - KEPT.get(task, set())} for row in made[60:]]
    settings = case.options | {"model": str(model), "out": folder, "budget": "10steps", "quiet": True} | options
    return lt.study(made[:60], unlabelled=bare, **settings)


def job_of(study: lt.Study, expression: str) -> Job:
    assert study.unlabelled is not None
    return taught_job(expression, unlabelled=study.unlabelled.digest, task=study.conditions.task)


def teacher_of(context: Context) -> Network:
    """The only trial that there is."""
    (folder,) = (context.run / "trials").iterdir()
    return read_delta(context.base, folder / "delta", context.head, merge=True)


@pytest.mark.parametrize("task", [name for name in CASES if name not in ("arguments", "relation")])
def test_the_loss_of_rows_without_labels_is_how_far_the_student_is_from_its_teacher(
    tiny: Callable[[str], Path], tmp_path: Path, task: str
) -> None:
    study = study_of(task, tiny("bert"), tmp_path / "run")
    job = job_of(study, "distill(teacher=full, hard=0.3, temperature=2) | layers(1) | full")
    context, _ = asked_of(study.context, job)
    assert context.learned == TAUGHT
    encoded, count = context.encoded(TAUGHT), len(context.gold["train"])
    assert len(np.unique(encoded.rows)) == count + study.unlabelled.rows  # type: ignore[union-attr]
    network = attach(context, job).network.eval()
    batch = partial(context.batch, TAUGHT, targets=True)
    feed = TokenFeed(network, batch, context.precision, context.task.sought)
    assert context.mentors is not None
    objective = context.mentors.objective(context.task, network, feed, batch, context.precision, 1)
    teacher = teacher_of(study.context)

    def loss(pieces: np.ndarray[Any, Any], *, labelled: bool) -> torch.Tensor:
        logits, targets = feed(pieces)
        with torch.no_grad():
            taught = teacher(batch(pieces))
        soft = context.task.imitation(logits, taught, targets, 2.0)
        return 0.3 * context.task.loss(logits, targets) + 0.7 * soft if labelled else soft

    own, bare = (np.flatnonzero(side)[:6] for side in (encoded.rows < count, encoded.rows >= count))
    if encoded.together:
        own, bare = (encoded.pieces_of(rows) for rows in ([0, 1], [count, count + 1]))
    with torch.no_grad():
        torch.testing.assert_close(objective(own), loss(own, labelled=True), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(objective(bare), loss(bare, labelled=False), rtol=1e-4, atol=1e-5)
        both = np.concatenate([own, bare])
        wanted = (loss(own, labelled=True) * len(own) + loss(bare, labelled=False) * len(bare)) / len(both)
        torch.testing.assert_close(objective(both), wanted, rtol=1e-4, atol=1e-5)


PAIRS = [
    {"source": f"the {one} {two}", "target": f"{two} {two} {one} was {three}"}
    for three in ("good", "bad", "sad")
    for one in ("card", "day", "book", "movie")
    for two in ("red", "blue", "one", "two")
]


def writing(model: Path, folder: Path) -> lt.Study:
    """A study of texts that are written; for the last sixteen there is none."""
    bare = [{"source": f"what {row['source']}"} for row in PAIRS[:16]]
    options: dict[str, Any] = {"text": "source", "label": "target", "task": "translation", "max_target_length": 12}
    return lt.study(PAIRS, unlabelled=bare, model=str(model), out=folder, budget="10steps", quiet=True, **options)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_a_teacher_writes_the_texts_of_rows_without_labels(tiny: Callable[[str], Path], tmp_path: Path, family: str) -> None:
    study = writing(tiny(family), tmp_path / "run")
    before = len(study.context.gold["train"])
    context, notes = asked_of(study.context, job_of(study, "distill(teacher=full) | layers(1) | full"))
    assert context.learned == "train"
    texts = replace(study.context, unlabelled=study.unlabelled.digest).predict(teacher_of(study.context), "unlabelled").predicted  # type: ignore[union-attr]
    written = [text for text in texts if text]
    assert [list(row) for row in context.gold["train"][before:]] == [[text] for text in written]
    assert f"it wrote the texts of {len(written)} rows without labels" in notes[1]
    assert context.mentors is not None
    assert context.mentors.labelled is None
    assert len(context.encoded("train")) == before + len(written)


def test_rows_for_which_nothing_is_written_are_left_out(
    tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, said = writing(tiny("gpt2"), tmp_path / "run"), ["", "red card"] * 8
    predict = Context.predict

    def predicted(self: Context, network: Network, split: str, decoding: Decoding | None = None) -> Decoded:
        return Decoded(said, np.ones(16, np.float32)) if split == UNLABELLED else predict(self, network, split, decoding)

    monkeypatch.setattr(Context, "predict", predicted)
    job = job_of(study, "distill(teacher=full) | layers(1) | full")
    context, notes = asked_of(study.context, job)
    assert notes[1].endswith("; 8 rows left out, for which it wrote nothing")
    assert [list(row) for row in context.gold["train"][-8:]] == [["red card"]] * 8
    said[:] = [""] * 16
    for file in (context.run / "cache").glob("written-*"):
        file.unlink()
    with pytest.raises(SpecError, match="writes nothing for any row without labels"):
        asked_of(study.context, job)


def test_two_teachers_cannot_write_one_text(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    study = writing(tiny("gpt2"), tmp_path / "run")
    found = field_in(study, read_methods(["full", "distill(teacher=[full, lora]) | full", "distill | full"]))
    assert [one.name for one in found.candidates] == ["full", "distill | full"]
    (reason,) = found.left_out.values()
    assert "gets its text from one teacher" in reason


def test_texts_that_bring_their_own_answers_need_no_teacher(tiny_lm: Callable[[str], Path], tmp_path: Path) -> None:
    rows = [{"text": row["source"]} for row in PAIRS]
    with pytest.raises(SpecError, match=r"texts bring their own answers in masked_lm.*Put them into the training file"):
        lt.study(rows[:40], unlabelled=rows[40:], model=str(tiny_lm("bert")), out=tmp_path / "run", task="masked_lm", quiet=True)


def test_a_pool_with_labels_is_refused_for_tags_too(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    rows = CASES["tagging"].rows(60)
    with pytest.raises(DataError, match='the rows have labels in "tags"'):
        lt.study(rows[:40], unlabelled=rows[40:], model=str(tiny("bert")), out=tmp_path / "run", quiet=True)


@pytest.mark.parametrize("task", ["multilabel", pytest.param("tagging", marks=pytest.mark.slow)])
def test_a_student_is_trained_and_saved(tiny: Callable[[str], Path], tmp_path: Path, proof_here: None, task: str) -> None:
    study = study_of(task, tiny("bert"), tmp_path / "run", budget="80steps")
    record = lt.train(study, "distill(teacher='full(lr=1e-2)') | layers(1) | full(lr=1e-2)", tmp_path / "out")
    assert record.recipe is not None
    assert record.recipe.distilling is not None
    assert study.unlabelled is not None
    assert record.recipe.distilling.unlabelled == study.unlabelled.digest
    assert study.unlabelled.rows == 40
    assert lt.load(tmp_path / "out").predict(CASES[task].inputs[:2])
