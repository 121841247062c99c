"""Layers below the trained ones, computed once and read back: the same training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leantune.core.events import Noted
from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.execution import recall
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.loop import apply_trainable, trained_names
from leantune.execution.results import Attached
from leantune.kinds.task import Decoded
from leantune.models.trunk import Trunk, layers_of, trunk_of
from studies_of_trials import changed, labelled_rows, opened, tagged_rows, train_losses, trained

MakeJob = Callable[..., Job]
ROWS = {"classification": labelled_rows, "tagging": tagged_rows}


@pytest.fixture(params=["sentence-bert", "distilbert", "gpt2", "llama", "modernbert"])
def family(request: pytest.FixtureRequest, tiny: Callable[[str], Path]) -> str:
    return str(tiny(request.param))


def study(model: str, task: str, run: Path) -> Context:
    return opened(model, run, prepare(ROWS[task](), run / "data"))


def depth(context: Context, job: Job) -> int:
    attached = attach(context, job)
    trunk = trunk_of(attached.network, apply_trainable(attached.network, trained_names(attached.network, attached.adaptation)))
    return len(trunk.layers) if trunk else 0


@pytest.mark.parametrize("task", ["classification", "tagging"])
def test_weights_after_training_are_those_of_the_long_way(family: str, task: str, tmp_path: Path, job: MakeJob) -> None:
    context, wanted = study(family, task, tmp_path), job("last_layers(1)", steps=12, optimizer="sgd")
    long = changed(context, recall=False)
    (anew, plain), (back, events) = trained(long, wanted), trained(context, wanted)
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert any("were computed once and read back" in note for note in notes), notes
    assert not any(isinstance(event, Noted) for event in plain)
    for name, value in anew.items():
        assert torch.allclose(value, back[name], atol=1e-4), name
    assert np.allclose(train_losses(plain), train_losses(events), atol=1e-3)


@pytest.mark.parametrize(
    ("method", "kept"), [("full", 0), ("bitfit", 0), ("norm", 0), ("prompt(tokens=2)", 0), ("last_layers(1)", 1), ("lora(layers=[-1])", 1)]
)
def test_what_is_kept_ends_below_the_lowest_trained_layer(context: Context, job: MakeJob, method: str, kept: int) -> None:
    assert depth(context, job(method)) == kept


def test_nothing_is_kept_where_nothing_is_trained(context: Context, job: MakeJob) -> None:
    assert made(context, job("frozen"))[1] is None


def test_dropout_leaves_nothing_to_keep(context: Context, job: MakeJob, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    wanted = job("last_layers(1)", steps=40, dropout=0.1)
    assert depth(context, wanted) == 0
    for found in (context, study(str(tiny("llama")), "classification", tmp_path)):  # Llama drops attention without a module for it
        assert made(found, wanted)[1] is None


def test_states_that_float16_cannot_hold_are_not_used(context_of: Callable[[list[dict[str, Any]]], Context], job: MakeJob) -> None:
    context, wanted = context_of(labelled_rows()), job("last_layers(1)", steps=40)
    found = made(context, wanted)[1]
    damaged = np.array(found.states)
    damaged[-1, 0] = np.inf
    np.save(context.cached("train", "trunk1-1"), damaged)
    assert made(context, wanted)[1] == f"{recall._CHANGED}; they are computed in every step"


def made(context: Context, job: Job) -> tuple[Attached, Any]:
    attached = attach(context, job)
    return attached, recall.recalled(context, job, attached)


def test_one_pass_is_not_worth_it_and_a_second_training_reads_what_the_first_wrote(
    context_of: Callable[[list[dict[str, Any]]], Context], job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(labelled_rows())
    assert made(context, job("last_layers(1)", steps=1))[1] is None
    first = made(context, job("last_layers(1)", steps=40))[1]
    monkeypatch.setattr(recall, "_compute", lambda *_: pytest.fail("computed again"))
    again = made(context, job("lora(layers=[-1])", steps=40, seed=2))[1]
    assert isinstance(again, recall.Recalled)
    assert again.seconds == first.seconds > 0


def test_a_disk_without_room_and_states_that_do_not_fit_are_told(
    context_of: Callable[[list[dict[str, Any]]], Context], job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, wanted = context_of(labelled_rows()), job("last_layers(1)", steps=40)
    with monkeypatch.context() as patched:
        patched.setattr("leantune.execution.feed.SPARE", 0.0)
        assert "no room" in made(context, wanted)[1]
    found = made(context, wanted)[1]
    np.save(context.cached("train", "trunk1-1"), np.ones_like(found.states))
    assert made(context, wanted)[1] == f"{recall._CHANGED}; they are computed in every step"


@pytest.mark.parametrize("task", ["classification", "tagging"])
def test_looks_that_read_layers_back_answer_as_the_long_way(family: str, task: str, tmp_path: Path, job: MakeJob) -> None:
    context, wanted = study(family, task, tmp_path), job("last_layers(1)", steps=1)
    attached = attach(context, wanted)
    network, setup = attached.network, setup_of(context, wanted, attached)
    computed = context.predict(network, "dev")
    assert same_answers(setup.look(), computed)
    lowest = layers_of(network)
    assert lowest is not None
    with torch.no_grad():
        for parameter in lowest[0].parameters():
            parameter.mul_(-3)
    assert same_answers(setup.look(), computed)  # the layer is not asked any more
    assert not same_answers(context.predict(network, "dev"), computed)
    other = setup_of(context, wanted, attached)
    assert any(recall._CHANGED in note for note in other.notes)  # another layer is noticed
    assert same_answers(other.look(), context.predict(network, "dev"))


def same_answers(one: Decoded, other: Decoded) -> bool:
    return list(map(str, one.predicted)) == list(map(str, other.predicted)) and np.allclose(one.confidence, other.confidence, atol=1e-5)


def test_looks_without_room_on_the_disk_are_told_beside_steps_that_have_it(
    context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "has_room", lambda path, needed: path.name.startswith("train"))
    wanted = job("last_layers(1)", steps=40)
    back, told = setup_of(context, wanted, attach(context, wanted)).notes
    assert "computed once and read back" in back
    assert told.startswith("the disk has no room")
    assert told.endswith("computed at every look")


def test_a_family_that_cannot_be_handed_states_is_computed(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(trunk: Trunk, states: torch.Tensor) -> None:
        raise AssertionError("Sequence length should be multiple of 8")  # as Longformer says

    monkeypatch.setattr(Trunk, "recalled", refuse)
    _, events = trained(context, job("last_layers(1)", steps=40))
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert [note.rpartition("; ")[2] for note in notes] == ["they are computed in every step", "they are computed at every look"]


def test_a_call_ends_above_the_trunk(family: str, tmp_path: Path, job: MakeJob) -> None:
    context = study(family, "classification", tmp_path)
    attached = attach(context, job("last_layers(1)"))
    network, batch = attached.network.eval(), context.batch("dev", np.arange(4))
    trunk = trunk_of(network, apply_trainable(network, trained_names(network, attached.adaptation)))
    assert trunk is not None
    with torch.inference_mode(), trunk.tapped() as seen:
        before = network(batch)
        found, ended = trunk.below(lambda: network(batch)), len(seen)
        assert torch.equal(found, seen[0])
        assert torch.equal(network(batch), before)  # nothing is left behind
    assert ended == 2
