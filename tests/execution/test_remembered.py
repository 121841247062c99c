"""Teachers of texts: what they say is computed once, is what they would say beside the student, and needs no disk that is not there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import leantune as lt
from leantune.execution import remembered
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.feed import TokenFeed
from leantune.execution.lecture import Live, Taught
from leantune.execution.loop import BestLook, fit
from leantune.models.build import build_network
from leantune.models.delta import read_delta
from leantune.models.network import Network
from studies_of_trials import asked_of, taught_job

PAIRS = [
    {"source": f"the {one} {two} {'very ' * more}", "target": f"{two} {one} was {three}"}
    for more, three in enumerate(("good", "bad", "sad"))
    for one in ("card", "day", "book", "movie")
    for two in ("red", "blue")
]
STUDENT = "distill(teacher=full) | layers(1) | full"


def written(model: Path, folder: Path) -> Context:
    options: dict[str, Any] = {"text": "source", "label": "target", "task": "translation", "max_target_length": 12}
    return lt.study(PAIRS, model=str(model), out=folder, budget="10steps", quiet=True, **options).context


def lessons(context: Context, expression: str = STUDENT) -> tuple[Context, Any]:
    """The context with the teachers of a student of texts, and the job of that student."""
    job = taught_job(expression, task=context.conditions.task)
    return asked_of(context, job)[0], job


@pytest.mark.parametrize("family", ["gpt2", "qwen2", "t5", "bart"])
def test_what_is_kept_is_what_the_teacher_would_say_beside_the_student(tiny: Callable[[str], Path], tmp_path: Path, family: str) -> None:
    found, job = lessons(written(tiny(family), tmp_path / "run"))
    mentors = found.mentors
    assert mentors is not None
    assert not mentors.networks
    student = attach(found, job).network.eval()
    batch = partial(found.batch, "train", targets=True)
    feed = TokenFeed(student, batch, found.precision, found.task.sought)
    kept = mentors.objective(found.task, student, feed, batch, found.precision, 1)
    (folder,) = (found.run / "trials").iterdir()
    teacher = teacher_in(found, folder)
    beside = Live(found.task, student, (teacher,), [1.0], batch, found.precision, mentors.asked, [None])
    live = Taught(found.task, beside, mentors.asked, [1.0])
    for pieces in ([0, 9, 5], [3]):
        torch.testing.assert_close(kept(np.array(pieces)), live(np.array(pieces)), rtol=1e-5, atol=1e-6)


def teacher_in(context: Context, folder: Path) -> Network:
    whole = Context(context.run, context.conditions)
    return read_delta(whole.base, folder / "delta", whole.head, merge=True).eval()


def test_the_teacher_reads_the_rows_once_for_all_students(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    context = written(tiny("t5"), tmp_path / "run")
    first, job = lessons(context)
    list(fit(setup_of(first, job, attach(first, job)), BestLook()))
    (path,) = (context.run / "cache").glob("*-taught-*.npy")
    before = path.stat().st_mtime_ns
    second, _ = lessons(context, "distill(teacher=full, temperature=2) | lora")
    assert second.mentors is not None
    assert [one.stat().st_mtime_ns for one in (context.run / "cache").glob("*-taught-*.npy")] == [before]
    assert second.settling == pytest.approx(first.settling)  # each is charged as if it had asked alone


def test_other_hidden_tokens_in_each_step_and_full_disks_need_the_teacher_itself(
    tiny_lm: Callable[[str], Path], tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [{"text": f"{row['source']} {row['target']}"} for row in PAIRS]
    masked = lt.study(texts, model=str(tiny_lm("bert")), task="masked_lm", out=tmp_path / "masked", budget="10steps", quiet=True).context
    for masking, beside in (("dynamic", 1), ("static", 0)):
        found, _ = asked_of(masked, taught_job(STUDENT, task="masked_lm", masking=masking))
        assert found.mentors is not None
        assert len(found.mentors.networks) == beside
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    found, _ = lessons(written(tiny("gpt2"), tmp_path / "run"))
    assert found.mentors is not None
    assert len(found.mentors.networks) == 1


def test_logits_that_are_changed_behind_the_layer_need_the_teacher_itself(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    context = written(tiny("bart"), tmp_path / "run")
    network = build_network(context.base, context.head, seed=0).eval()
    assert remembered.remembered(context, network, "one") is not None
    network.body.final_logits_bias[0, :3] = 2.0  # type: ignore[index, union-attr]
    assert remembered.remembered(context, network, "other") is None
