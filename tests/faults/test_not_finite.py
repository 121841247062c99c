"""Losses, gradients and scores that are no numbers: nothing of them is kept, chosen, saved or printed as if it were one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.core.events import Finished, Noted
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.execution import trial
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.course import Setup
from leantune.execution.loop import BestLook, Diverged, fit
from leantune.execution.training_state import Keeper
from leantune.execution.trial import run_trial
from leantune.models.delta import read_delta
from studies_of_trials import short_job


class Poison(torch.autograd.Function):
    """Nothing on the way there, NaN on the way back."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * math.nan


def poisoned(made: Setup, at: int, harm: Any) -> Setup:
    """The same training, whose loss is harmed at one step."""
    calls = iter(range(1, 1000))

    def objective(pieces: NDArray[np.int64]) -> Tensor:
        loss = made.objective(pieces)
        return harm(loss) if next(calls) == at else loss

    return replace(made, objective=objective)


HARMS = {"loss": lambda loss: loss * math.nan, "gradient": Poison.apply}


def job_of(**changes: Any) -> Job:
    return short_job("lora(rank=2)", steps=8, evaluations=4, patience=9).model_copy(update={"phase": "train", "measure": False} | changes)


@pytest.mark.parametrize("what", HARMS)
@pytest.mark.parametrize(("at", "kept"), [(6, 4), (1, 0)])
def test_the_update_is_refused_and_the_last_good_weights_stay(context: Context, what: str, at: int, kept: int) -> None:
    job = job_of()
    made = setup_of(context, job, attach(context, job))
    with pytest.raises(Diverged, match=f"the {what} became nan at step {at}") as caught:
        list(fit(poisoned(made, at, HARMS[what]), BestLook()))
    assert caught.value.kept is not None
    assert caught.value.kept <= kept, "the best look before, or the step before"
    assert all(bool(value.isfinite().all()) for value in made.network.parameters())


@pytest.fixture
def diverged(context: Context, monkeypatch: pytest.MonkeyPatch) -> TrialRecord:
    """The record of a trial whose loss is no number at step 6."""
    own = trial.setup_of

    def harmed(*arguments: Any) -> Setup:
        return poisoned(own(*arguments), 6, HARMS["loss"])

    monkeypatch.setattr(trial, "setup_of", harmed)
    job = job_of(seed=3)
    *_, last = run_trial(context.of(job), job)
    assert isinstance(last, Finished)
    return last.record


def test_a_diverged_trial_is_no_low_score_and_keeps_what_was_good(context: Context, diverged: TrialRecord) -> None:
    assert (diverged.status, diverged.scores.dev, diverged.scores.test) == ("diverged", None, None)
    assert diverged.reason == "the loss became nan at step 6 (learning rate 0.01)"
    (note,) = [note for note in diverged.notes if "are kept in" in note]
    assert note.startswith("the weights of step ")
    network = read_delta(context.base, context.run / "trials" / diverged.digest / "delta", context.head, merge=True)
    assert all(bool(value.isfinite().all()) for value in network.parameters())


def test_what_is_no_number_is_never_the_best() -> None:
    keeper = Keeper({"x": torch.nn.Parameter(torch.zeros(1))})
    assert [keeper.offer(score) for score in (math.nan, 0.2, math.nan, 0.1, 0.3)] == [False, True, False, False, True]
    assert keeper.best == 0.3


def test_a_batch_without_anything_to_learn_is_skipped_and_counted(context: Context) -> None:
    job = job_of()
    made = setup_of(context, job, attach(context, job))
    before = {name: value.detach().clone() for name, value in made.network.named_parameters()}

    def nothing(pieces: NDArray[np.int64]) -> Tensor:
        return made.objective(pieces) * 0.0

    events: Iterator[Any] = fit(replace(made, objective=nothing), BestLook())
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert notes == ["8 of the steps had nothing to learn from and changed nothing"]
    assert all(torch.equal(value, before[name]) for name, value in made.network.named_parameters()), "nor did weight decay"


def test_weights_that_are_no_numbers_are_not_kept_though_they_answer(context: Context) -> None:
    job = job_of()
    made = setup_of(context, job, attach(context, job))
    parameter = next(value for name, value in made.network.named_parameters() if "lora_B" in name)
    calls = iter(range(1, 100))

    def objective(pieces: NDArray[np.int64]) -> Tensor:
        if next(calls) == 6:
            with torch.no_grad():  # as an update that overflows does, while the loss is still a number
                parameter.fill_(math.inf)
            return sum(value.sum() for value in made.network.parameters() if value.requires_grad and value is not parameter) * 1e-3
        return made.objective(pieces)

    with pytest.raises(Diverged, match="the weights became nan at step 6") as caught:
        list(fit(replace(made, objective=objective), BestLook()))
    assert caught.value.kept is not None
    assert caught.value.kept < 6
    assert all(bool(value.isfinite().all()) for value in made.network.parameters())


def test_a_score_that_is_no_number_is_a_divergence(context: Context) -> None:
    job = job_of()
    made = setup_of(context, job, attach(context, job))
    with pytest.raises(Diverged, match="the score on dev became nan at step 2"):
        list(fit(replace(made, score=lambda _: math.nan), BestLook()))
