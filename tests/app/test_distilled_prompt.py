"""A long prompt taught to a few soft tokens: the student comes near to what the teacher says, reads less, and is what is handed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import SpecError
from leantune.core.records import Recipe
from leantune.core.study import Job
from leantune.data.unlabelled_rows import UNLABELLED
from leantune.execution.context import Context
from leantune.execution.teaching import taught
from leantune.execution.zero_shot import zero_shot
from leantune.kinds.method import parse_method

PROMPTS = ["the day was very good and we love it so please help : {text} it was {mask} .", "{soft:4} {text} it was {mask} ."]
OPTIONS = {"few_shot": 8, "quiet": True, "max_length": 128, "prompt": PROMPTS, "labels": "good=great|nice, bad=bad|hate"}
TEACHER = 'consensus(views=["cloze(template=1, demonstrations=1) | frozen"], temperature=1, labels=false)'
STUDENT = f"{TEACHER} | cloze(template=2, soft_lr=0.05) | frozen"


def likely(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def divergence(soft: np.ndarray, logits: np.ndarray) -> float:
    return float((soft * (np.log(soft) - likely(logits.astype(np.float64)))).sum(axis=1).mean())


def test_soft_tokens_learn_to_say_what_a_long_prompt_says(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None
) -> None:
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", budget="150steps", **OPTIONS)
    record = lt.train(opened, STUDENT, tmp_path / "best", seed=13)
    assert any("no unlabelled rows are given: the teacher judges the texts of the training rows" in note for note in record.notes)
    assert record.cost.trainable_params == 4 * 32
    assert record.recipe is not None
    job = Job(name="x", expression=record.method, phase="train", recipe=record.recipe, seed=13)
    context, _ = taught(opened.context.of(job), job)
    assert context.lesson is not None
    assert context.learned == UNLABELLED
    rows = context.dataset.splits["train"].take(range(16))
    chunk = [text for text, _ in rows]
    before = divergence(context.lesson.soft, untrained(opened.context, record.recipe, chunk))
    after = divergence(context.lesson.soft, np.asarray(lt.load(tmp_path / "best").logits(chunk)))
    assert after < before / 2, (before, after)
    longer = len_of(opened.context, record.recipe.teaching.views[0]) if record.recipe.teaching else 0.0
    assert context.encoded("test").lengths.mean() < longer / 2
    card = (tmp_path / "best" / "README.md").read_text("utf-8")
    assert "1 view of 16 training texts: `cloze(" in card


def untrained(context: Context, recipe: Recipe, texts: list[str]) -> np.ndarray:
    """What the soft prompt says before it learns."""
    from leantune.data.examples import ExampleChunk

    bare = recipe.model_copy(update={"method": parse_method("cloze(template=2) | frozen").expression, "teaching": None})
    job = Job(name="x", expression=bare.method, phase="train", recipe=bare, seed=13)
    return zero_shot(context.of(job), job, ExampleChunk(texts))


def len_of(context: Context, view: Recipe) -> float:
    """Tokens that a view reads for a test row, its demonstrations drawn."""
    from leantune.execution.settling import settle

    job = Job(name="x", expression=view.method, phase="train", recipe=view, seed=13)
    settled, _ = settle(context.of(job), job)
    return float(settled.encoded("test").lengths.mean())


def test_the_artifact_says_the_same_without_the_long_prompt(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None
) -> None:
    pool = [{"text": f"a {word} {thing}"} for word in ("great", "awful", "sad", "nice") for thing in ("day", "book", "movie")]
    opened = lt.study(tickets, model=str(tiny_lm("bert")), unlabelled=pool, out=tmp_path / "run", budget="10steps", **OPTIONS)
    record = lt.train(opened, STUDENT, tmp_path / "best")
    assert not any("no unlabelled rows" in note for note in record.notes)
    manifest = read_manifest(tmp_path / "best")
    assert manifest.proof is not None
    assert "predict.py" in manifest.loads_in
    assert manifest.facts.wording is not None
    assert not manifest.facts.wording.demonstrations
    assert (tmp_path / "best" / "soft_tokens.safetensors").is_file()


def test_without_any_row_there_is_nothing_to_judge(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path) -> None:
    options = OPTIONS | {"few_shot": 0}
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", **options)
    with pytest.raises(SpecError, match="Give them with --unlabelled"):
        lt.compare(opened, ['consensus(views=["cloze(template=1) | frozen"]) | cloze(template=2) | frozen'])
