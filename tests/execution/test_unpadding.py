"""Padding left out inside of the layers: the same training, where a family lets it."""

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
from leantune.execution import unpadding
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.loop import BestLook, fit
from leantune.execution.unpadding import unpadding_in
from studies_of_trials import changed, labelled_rows, opened, tagged_rows, train_losses, trained

MakeJob = Callable[..., Job]
ROWS = {"classification": labelled_rows, "tagging": tagged_rows}


def study(model: Path, task: str, run: Path) -> Context:
    return opened(str(model), run, prepare(ROWS[task](), run / "data"))


def unpadding_of(context: Context) -> Context:
    return changed(context, unpad=True)


@pytest.mark.parametrize("family", ["bert", "sentence-bert", "roberta", "distilbert", "electra", "gpt2", "llama", "qwen2"])
@pytest.mark.parametrize("task", ["classification", "tagging"])
def test_weights_after_training_are_those_with_padding(
    family: str, task: str, tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    context, wanted = study(tiny(family), task, tmp_path), job("full", steps=12, optimizer="sgd")
    unpads = unpadding_of(context)
    assert callable(unpadding_in(unpads, attach(context, wanted)))
    assert unpadding_in(context, attach(context, wanted)) is None
    (padded, before), (found, after) = trained(context, wanted), trained(unpads, wanted)
    for name, value in padded.items():
        assert torch.allclose(value, found[name], atol=1e-5), name
    assert np.allclose(train_losses(before), train_losses(after), atol=1e-5)


@pytest.mark.parametrize("method", ["lora(rank=2)", "houlsby", "bitfit", "ia3"])
def test_methods_inside_of_the_layers_do_not_notice(context: Context, job: MakeJob, method: str) -> None:
    wanted = job(method, steps=12, optimizer="sgd")
    unpads = unpadding_of(context)
    assert callable(unpadding_in(unpads, attach(context, wanted)))
    (padded, before), (found, after) = trained(context, wanted), trained(unpads, wanted)
    assert all(torch.allclose(value, found[name], atol=1e-5) for name, value in padded.items())
    assert np.allclose(train_losses(before), train_losses(after), atol=1e-5)


@pytest.mark.parametrize("method", ["prefix(tokens=2)", "prompt(tokens=2)"])
def test_what_stands_before_the_rows_keeps_them_side_by_side(context: Context, job: MakeJob, method: str) -> None:
    assert unpadding_in(unpadding_of(context), attach(context, job(method))) == unpadding._KEPT


@pytest.mark.parametrize("family", ["albert", "deberta-v2", "modernbert", "mpnet", "t5"])
def test_families_that_attend_by_themselves_or_in_windows_or_share_layers_are_padded(
    family: str, tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob
) -> None:
    context = study(tiny(family), "classification", tmp_path)
    assert unpadding_in(unpadding_of(context), attach(context, job("full"))) == unpadding._KEPT


def test_other_states_than_with_padding_are_not_used(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    unpads, attached = unpadding_of(context), attach(context, job("full"))
    real: Any = unpadding.unpadded

    class Wrong:
        def __init__(self, layers: Any, mask: torch.Tensor) -> None:
            self.inner = real(layers, torch.ones_like(mask))
            layers[0].attention.self.query.weight.data.mul_(-1)

        def __enter__(self) -> None:
            self.inner.__enter__()

        def __exit__(self, *found: Any) -> None:
            self.inner.__exit__(*found)

    with monkeypatch.context() as patched:
        patched.setattr(unpadding, "unpadded", Wrong)
        assert unpadding_in(unpads, attached) == unpadding._KEPT

    def breaks(*_: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(unpadding, "unpadded", breaks)
    assert unpadding_in(unpads, attached) == unpadding._KEPT


def test_rows_that_keep_their_padding_are_told(tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob) -> None:
    context, wanted = study(tiny("deberta-v2"), "classification", tmp_path), job("full", steps=2)
    for found, told in ((context, 0), (unpadding_of(context), 1)):
        events = fit(setup_of(found, wanted, attach(found, wanted)), BestLook())
        assert len([event for event in events if isinstance(event, Noted) and "keep their padding" in event.text]) == told
