"""Several tasks at once: what is trained and what is not, whose turn it is, and what is left for each task."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from statistics import fmean

import numpy as np
import pytest
import torch

from leantune.core.events import Evaluated, Finished
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.data.turns import counts, shares, turns
from leantune.evaluate.predictions import read_predictions
from leantune.execution.attach import attach, setup_of
from leantune.execution.loop import BestLook, apply_trainable, fit, head_names, trained_names
from leantune.execution.mixture import Mixture, attach_joint, course_of, run_mixture, task_folder
from leantune.execution.mixture_probe import probe_mixture

FRESH = """
import json, sys
from pathlib import Path
import numpy as np
from leantune.core.study import Conditions
from leantune.execution.context import Context
from leantune.models.delta import read_delta
context = Context(Path(sys.argv[1]), Conditions.model_validate_json(sys.argv[3]))
network = read_delta(context.base, context.run / "trials" / sys.argv[2] / "delta", context.head, merge=False)
print(json.dumps([np.asarray(answer).tolist() for answer in context.predict(network, "dev").predicted]))
"""
"""Predicts the dev rows of one task from what its trial saved."""

MakeJob = Callable[..., Job]
MakeMixture = Callable[..., Mixture]


@pytest.fixture(scope="module")
def two(mixture_of: MakeMixture) -> Mixture:
    return mixture_of("mood", "slots")


@pytest.mark.parametrize("method", ["lora(rank=2)", "full", "bitfit", "prefix(tokens=2)", "head"])
def test_the_method_is_put_in_once_and_every_part_of_it_learns_while_the_rest_stays(two: Mixture, job: MakeJob, method: str) -> None:
    wanted = job(method, steps=6)
    attached = attach_joint(two, wanted)
    network = attached.network
    names = trained_names(network, attached.adaptation)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    assert {name for name in names if name in head_names(network, names)} == {
        f"heads.{n}.{kind}" for n in (0, 1) for kind in ("weight", "bias")
    }
    list(fit(course_of(two, wanted, attached), BestLook()))
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert changed <= names, "what is frozen stays as it was, to the last bit"
    # Parts that the other inputs never reach (positions, rare words) are moved by weight decay alone, if at all.
    assert names - changed <= {name for name in names if "key.bias" in name}, "every trained part has learned"


def test_every_head_gets_gradients_from_its_own_task_alone(two: Mixture, job: MakeJob) -> None:
    wanted = job("lora(rank=2)", steps=4)
    attached = attach_joint(two, wanted)
    trained = apply_trainable(attached.network, trained_names(attached.network, attached.adaptation))
    course = course_of(two, wanted, attached)
    attached.network.train()
    for turn, drawn in zip(course.turns, course.batches(), strict=False):
        ((loss, _),) = drawn.losses(range(1), 1)
        loss.backward()
        reached = {name for name, value in trained.items() if value.grad is not None and name.startswith("heads.")}
        assert reached == {f"heads.{turn}.weight", f"heads.{turn}.bias"}
        assert any(value.grad is not None for name, value in trained.items() if name.startswith("body."))
        attached.network.zero_grad(set_to_none=True)


@pytest.mark.parametrize("method", ["lora(rank=2)", "full", "head"])
def test_a_mixture_of_one_task_is_the_training_of_that_task(mixture_of: MakeMixture, job: MakeJob, method: str) -> None:
    one = mixture_of("mood")
    wanted, context = job(method, steps=6, evaluations=3), one.members[0].context
    alone = attach(context, wanted)
    setups = (setup_of(context, wanted, alone), course_of(one, wanted, attach_joint(one, wanted)))
    points = [[event.point for event in fit(setup, BestLook()) if isinstance(event, Evaluated)] for setup in setups]  # type: ignore[arg-type]
    losses = [[(point.train_loss, point.dev_score) for point in found] for found in points]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_turns_are_shared_out_as_declared(temperature: float) -> None:
    rows, steps = [9000, 900, 100], 300
    found = shares(rows, temperature)
    weights = np.array(rows, dtype=float) ** temperature
    assert np.allclose(found, weights / weights.sum())
    drawn = turns(found, steps=steps, seed=1)
    assert len(drawn) == steps
    assert np.abs(np.bincount(drawn, minlength=3) - found * steps).max() < 1
    assert not np.array_equal(drawn, turns(found, steps=steps, seed=2))
    assert np.array_equal(drawn, turns(found, steps=steps, seed=1))


def test_a_small_task_is_never_left_out() -> None:
    assert counts(shares([1_000_000, 3, 2], 1.0), 20).tolist() == [18, 1, 1]
    assert counts(shares([5, 5, 5], 0.5), 2).sum() == 2


def _record(mixture: Mixture, job: Job) -> TrialRecord:
    events = list(run_mixture(mixture, job))
    assert isinstance(events[-1], Finished)
    return events[-1].record


def test_each_task_is_left_a_trial_of_its_own(two: Mixture, job: MakeJob) -> None:
    wanted = job("lora(rank=2)", steps=6).model_copy(update={"phase": "final", "measure": False})
    record = _record(two, wanted)
    assert record.status != "failed", record.reason
    parts = {}
    for member in two.members:
        folder = task_folder(two.run, member.name)
        parts[member.name] = part = TrialRecord.model_validate_json((folder / "trials" / record.digest / "record.json").read_bytes())
        assert any("saved, reloaded and merged" in note for note in part.notes), part.reason
        context = member.context
        for split, score in (("dev", part.scores.dev), ("test", part.scores.test)):
            found = read_predictions(folder, record.digest, split)
            tally = context.task.tally(context.conditions.metric, found.gold, found.predicted, context.dataset.labels)
            assert tally.score() == score, "the score is that of the task alone on the same predictions"
    assert record.scores.test == fmean(part.scores.test or 0 for part in parts.values())
    shared = record.cost.trainable_params_without_head or 0
    own = [(part.cost.trainable_params or 0) - shared for part in parts.values()]
    assert record.cost.trainable_params == shared + sum(own)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "prompt(tokens=2)"])
def test_what_is_saved_for_a_task_predicts_the_same_in_a_fresh_process(two: Mixture, job: MakeJob, method: str) -> None:
    record = _record(two, job(method, steps=4).model_copy(update={"phase": "final", "measure": False}))
    assert record.status != "failed", record.reason
    for member in two.members:
        context = member.context
        arguments = [str(context.run), record.digest, context.conditions.model_dump_json()]
        out = subprocess.run([sys.executable, "-c", FRESH, *arguments], capture_output=True, text=True, check=True).stdout
        kept = read_predictions(context.run, record.digest, "dev").predicted
        assert json.loads(out.splitlines()[-1]) == [np.asarray(answer).tolist() for answer in kept]


def test_the_base_is_loaded_as_the_task_alone_would_load_it(two: Mixture, job: MakeJob) -> None:
    """The first head is the one that its task would get alone; dropout of the recipe holds for all."""
    wanted = job("head")
    joint = attach_joint(two, wanted).network
    alone = attach(two.members[0].context, wanted).network
    assert alone.head is not None
    assert torch.equal(joint.views()[0].head.weight, alone.head.weight)  # type: ignore[union-attr]
    assert [view.pooling for view in joint.views()] == ["mean", "tokens"]


def test_a_head_of_numbers_begins_at_their_mean(mixture_of: MakeMixture, job: MakeJob) -> None:
    mixture = mixture_of("mood", "stars")
    head = attach_joint(mixture, job("head")).network.views()[1].head
    assert head is not None
    assert head.bias.item() == pytest.approx(float(np.mean(mixture.members[1].context.gold["train"])), rel=1e-3)


@pytest.mark.parametrize("method", ["lora(rank=2)", "head"])
def test_a_probe_tells_what_is_trained_and_that_every_task_was_measured(two: Mixture, job: MakeJob, method: str) -> None:
    found = probe_mixture(two, job(method))
    attached = attach_joint(two, job(method))
    trained = apply_trainable(attached.network, trained_names(attached.network, attached.adaptation))
    assert found.trainable_params == sum(parameter.numel() for parameter in trained.values())
    assert found.train_row_seconds > 0
    assert found.predict_row_seconds > 0
    if method == "head":  # the first task is pooled and goes by stored states, the second needs every token
        assert found.once_seconds > 0


def test_a_method_that_cannot_share_a_body_is_a_line_and_no_crash(two: Mixture, job: MakeJob) -> None:
    assert probe_mixture(two, job("lora(layers=[9])")).problem
