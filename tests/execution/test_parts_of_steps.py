"""A step in parts: the gradients and the loss of the whole, for every kind of loss; where the memory does not suffice it is halved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.core.events import Event, Noted, Stepped
from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.evaluate.predict import TOKENS
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.course import Course, Drawn, Setup
from leantune.execution.crew import ALONE
from leantune.execution.loop import BestLook, fit
from leantune.execution.mixture import Mixture, attach_joint, course_of
from leantune.execution.training_state import TrainingState
from studies_of_trials import labelled_rows, numbered_rows, opened, tagged_rows

MakeJob = Callable[..., Job]
TEXTS = [{"text": f"{row['text']} and what a day it was for all of us"} for row in labelled_rows()]
STUDIES: dict[str, tuple[str, list[dict[str, Any]], str | None]] = {
    "labels": ("sentence-bert", labelled_rows(), None),
    "numbers": ("sentence-bert", numbered_rows(), None),
    "tags": ("bert", tagged_rows(), None),
    "hidden words": ("bert-lm", TEXTS, "masked_lm"),
}


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest, tiny: Any, tiny_lm: Any, tmp_path: Path) -> Context:
    family, rows, task = STUDIES[request.param]
    base = tiny_lm("bert") if family == "bert-lm" else tiny(family)
    context = opened(str(base), tmp_path, prepare(rows, tmp_path / "data", **({"task": task} if task else {})))
    metric = context.task.default_metric(context.dataset.labels)
    return replace(context, conditions=context.conditions.model_copy(update={"metric": metric}))


def made(context: Context, job: Job) -> Setup:
    return setup_of(context, job, attach(context, job))


def trained(course: Course) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in course.network.named_parameters() if value.requires_grad}


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Stepped)]


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.execution.loop.SHORTEST_PAUSE", 0.0)


@pytest.mark.parametrize("micro_batch", [1, 3])
def test_parts_learn_what_the_whole_learns(study: Context, job: MakeJob, micro_batch: int) -> None:
    masking = {"masking": "dynamic"} if study.task.redraws else {}
    wanted = job("full", steps=3, lr=1e-3, optimizer="sgd", **masking)
    whole, parts = made(study, wanted), made(study, wanted)
    if masking:  # the numbers of hidden tokens differ from part to part, and each part draws its own
        ((mean, _),) = next(iter(islice(whole.batches(), 1))).losses(range(1), 1)
        assert mean.isfinite()
        found = [(float(mean.detach()), own) for mean, own in next(iter(parts.batches())).losses(range(3), 3)]
        assert len({own for _, own in found}) > 1
        return
    expected, seen = list(fit(whole, BestLook())), list(fit(parts, BestLook(), micro_batch=micro_batch))
    assert losses(seen) == pytest.approx(losses(expected), rel=1e-4)
    one, other = trained(whole), trained(parts)
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-5)


def test_so_many_tokens_at_a_time_learn_the_same_in_less_memory(context: Context, job: MakeJob) -> None:
    wanted = job("full", steps=3, lr=1e-3, optimizer="sgd")
    whole, made_at_once = replace(made(context, wanted), at_once=None), made(context, wanted)
    drawn = next(iter(whole.batches()))
    assert drawn.tokens >= drawn.rows
    parted = replace(made_at_once, at_once=drawn.tokens // 2)
    sizes = list[int]()
    parted = replace(parted, objective=lambda pieces: sizes.append(len(pieces)) or made_at_once.objective(pieces))
    expected, seen = list(fit(whole, BestLook())), list(fit(parted, BestLook()))
    assert losses(seen) == pytest.approx(losses(expected), rel=1e-4)
    assert len(sizes) > 3, "no step in one go"
    assert sum(sizes) == sum(drawn.rows for drawn in islice(whole.batches(), 3)), "each row once"
    for name, value in trained(whole).items():
        assert torch.allclose(trained(parted)[name], value, atol=1e-5), name


@pytest.mark.parametrize(
    ("at_once", "micro_batch", "parts"), [(None, None, 1), (100, None, 1), (30, None, 4), (30, 2, 5), (1, None, 10), (100, 4, 3)]
)
def test_neither_more_rows_nor_more_tokens_than_fit(
    context: Context, job: MakeJob, at_once: int | None, micro_batch: int | None, parts: int
) -> None:
    setup = replace(made(context, job("full", steps=3)), at_once=at_once)
    state = TrainingState.begin(setup, dict(setup.network.named_parameters()), frozenset(), ALONE)
    state.micro_batch = micro_batch
    assert state.parts(Drawn(10, 100, lambda *_: iter(()))) == parts
    if at_once == 30:
        assert state.parts(Drawn(3, 60, lambda *_: iter(()))) == 3, "two rows of 20 are more than 30 tokens"


def test_on_a_cpu_the_tokens_of_a_step_are_limited_by_themselves(context: Context, job: MakeJob) -> None:
    assert made(context, job("full", steps=3)).at_once == TOKENS


def test_tasks_that_take_turns_are_parted_too(mixture_of: Callable[..., Mixture], job: MakeJob) -> None:
    two, wanted = mixture_of("mood", "slots"), job("lora(rank=2)", steps=4, lr=1e-3, optimizer="sgd")
    courses = [course_of(two, wanted, attach_joint(two, wanted)) for _ in range(2)]
    expected, seen = list(fit(courses[0], BestLook())), list(fit(courses[1], BestLook(), micro_batch=2))
    assert losses(seen) == pytest.approx(losses(expected), rel=1e-4)


def crowded(setup: Setup, most: int, error: Exception) -> Setup:
    """The same where no more pieces fit into memory."""

    def objective(pieces: NDArray[np.int64]) -> Tensor:
        if len(pieces) > most:
            raise error
        return setup.objective(pieces)

    return replace(setup, objective=objective)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_no_memory_halves_the_rows_at_a_time_and_is_told(context: Context, job: MakeJob, error: Exception) -> None:
    wanted = job("full", steps=4, lr=1e-3, optimizer="sgd")
    whole, small = made(context, wanted), made(context, wanted)
    expected, seen = list(fit(whole, BestLook())), list(fit(crowded(small, 2, error), BestLook()))
    assert losses(seen) == pytest.approx(losses(expected), rel=1e-4)
    told = [event.text for event in seen if isinstance(event, Noted)]
    assert any(text.startswith("memory did not suffice: from step 1 on ") for text in told)
    for name, value in trained(whole).items():
        torch.testing.assert_close(trained(small)[name], value, rtol=1e-4, atol=1e-5)


def test_what_is_no_lack_of_memory_is_not_hidden(context: Context, job: MakeJob) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        list(fit(crowded(made(context, job("full")), 2, RuntimeError("shapes do not fit")), BestLook()))


def test_where_a_single_row_does_not_fit_it_ends(context: Context, job: MakeJob) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        list(fit(crowded(made(context, job("full")), 0, torch.OutOfMemoryError("no")), BestLook()))


def test_a_step_that_is_tried_again_sees_the_same_windows_and_hidden_words(context: Context, job: MakeJob) -> None:
    setup = made(context, job("full"))
    (first, second) = islice(setup.batches(), 2)
    whole = [float(loss.detach()) for loss, _ in first.losses(range(1), 1)]
    assert [float(loss.detach()) for loss, _ in first.losses(range(1), 1)] == whole
    assert [float(loss.detach()) for loss, _ in next(iter(setup.batches(after=1))).losses(range(1), 1)] == [
        float(loss.detach()) for loss, _ in second.losses(range(1), 1)
    ]
