"""The probe: what a method costs, told before it is spent, and a method that cannot run is a line and no crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from leantune.core.recipe import Recipe, Teaching
from leantune.core.study import Job
from leantune.data.unlabelled_rows import keep_unlabelled
from leantune.execution import probe as module
from leantune.execution.attach import attach
from leantune.execution.context import Context
from leantune.execution.device import synchronize
from leantune.execution.loop import apply_trainable, trained_names
from leantune.execution.probe import STEPS, STORED_ROW_SECONDS, ProbeResult, probe
from studies_of_trials import changed, taught_job

MakeJob = Callable[..., Job]


@pytest.mark.parametrize("method", ["full", "bitfit", "lora(rank=2)", "last_layers(1)"])
def test_parameters_seconds_and_memory_are_reported(context: Context, job: MakeJob, method: str) -> None:
    one = job(method)
    found = probe(context, one)
    attached = attach(context, one)
    trained = apply_trainable(attached.network, trained_names(attached.network, attached.adaptation))
    assert found.trainable_params == sum(value.numel() for value in trained.values()) > 0
    assert min(found.setup_seconds, found.train_row_seconds, found.predict_row_seconds) > 0
    assert found.peak_memory_bytes > 10e6
    assert (found.name, found.problem, found.once_seconds) == (method, None, 0.0)


def test_a_head_alone_pays_once_for_all_its_trials(context: Context, job: MakeJob) -> None:
    found = probe(context, job("head"))
    head = attach(context, job("head")).network.head
    assert head is not None
    assert found.trainable_params == head.weight.numel() + head.bias.numel()
    stored = len(context.encoded("train")) + len(context.encoded("dev"))
    assert found.once_seconds == pytest.approx(stored * found.predict_row_seconds)
    assert found.once_seconds > 0
    assert found.train_row_seconds == STORED_ROW_SECONDS
    assert found.problem is None


def test_a_method_that_cannot_be_attached_is_a_problem(context: Context, job: MakeJob) -> None:
    found = probe(context, job("lora(layers=[9])"))
    assert found.problem is not None
    assert "Layer 9 does not exist" in found.problem
    assert found.trainable_params == 0


def test_work_that_is_still_queued_on_the_device_counts(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that takes its time: what the clock shows includes the wait for it."""
    wait = 0.05
    monkeypatch.setattr(module, "synchronize", lambda device: time.sleep(wait))
    found, rows = probe(context, job("bitfit")), 8
    assert found.train_row_seconds * rows >= wait
    assert found.predict_row_seconds * rows >= wait


def test_steps_are_probed_in_the_precision_of_training(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[torch.dtype] = []
    context = replace(context, conditions=context.conditions.model_copy(update={"precision": "bf16"}))
    loss = context.task.loss
    monkeypatch.setattr(context.task, "loss", lambda logits, gold: (kinds.append(logits.dtype), loss(logits, gold))[1])
    probe(context, job("full"))
    assert kinds == [torch.bfloat16] * (STEPS + 1)


def test_a_cpu_has_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append("cuda"))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for kind in ("cpu", "cuda", "mps"):
        synchronize(torch.device(kind))
    assert waited == ["cuda", "mps"]


def test_a_student_is_measured_on_all_its_rows_and_its_views_count_for_every_seed(context: Context, job: MakeJob) -> None:
    kept = keep_unlabelled(context.dataset, [{"text": f"a {word} card"} for word in ("great", "sad", "nice", "poor", "happy")])
    view = job("bitfit").recipe
    assert view is not None

    def student(expression: str) -> Job:
        one = job(expression)
        assert one.recipe is not None
        taught = Teaching(unlabelled=kept.digest, rows=kept.rows, views=(view.model_copy(update={"steps": 7}),))
        return one.model_copy(update={"recipe": one.recipe.model_copy(update={"teaching": taught})})

    def measured(expression: str) -> ProbeResult:
        one = student(expression)
        return probe(context.of(one), one)

    alone, once, thrice = probe(context, job("head")), measured("consensus | head"), measured("consensus(generations=3) | head")
    assert alone.seed_seconds == 0 < min(once.seed_seconds, thrice.seed_seconds)
    assert once.setup_seconds < once.seed_seconds
    assert once.once_seconds == pytest.approx((len(context.gold["train"]) + len(context.gold["dev"]) + 5) * once.predict_row_seconds)


def test_a_step_is_measured_in_the_parts_that_a_training_takes(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, units, recipe = np.arange(6), context.encoded("train").visits, job("full").recipe
    assert recipe is not None

    def parts(context: Context, recipe: Recipe) -> list[int]:
        return [len(part) for part in module.parts_of(context, recipe, units, chosen, np.random.default_rng(0))]

    monkeypatch.setattr("leantune.execution.context.AT_ONCE", 2 * int(units.lengths[chosen].max()))
    assert parts(context, recipe) == [2, 2, 2]
    assert parts(changed(context, in_parts=False), recipe) == [6]
    student = taught_job("distill(full) | lora(rank=2)", task="classification").recipe
    assert student is not None
    assert parts(context, student) == [6], "a teacher hears all rows together"
    contrast = replace(context.head, contrast=1.0)
    monkeypatch.setattr(Context, "head", contrast)
    anew = Context(context.run, context.conditions)
    assert parts(anew, recipe) == [6], "what is compared with each other stays together"
