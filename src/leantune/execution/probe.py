"""Probe: a few steps of a method before the comparison, to know its parameters, speed and memory before they are spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leantune.core.errors import LeantuneError
from leantune.core.recipe import Recipe, Teaching
from leantune.core.spec import Spec
from leantune.core.study import Job
from leantune.data.units import Units
from leantune.execution.attach import attach, from_states
from leantune.execution.context import Context
from leantune.execution.course import parts_within
from leantune.execution.device import peak_memory, synchronize
from leantune.execution.feed import Feed, TokenFeed
from leantune.execution.loop import apply_trainable, head_names, trained_names
from leantune.execution.optimizers import build_optimizer
from leantune.execution.results import Attached
from leantune.execution.settling import settle
from leantune.execution.teaching import view_job, view_name, view_of
from leantune.kinds.method import parse_method
from leantune.kinds.teacher import Lesson
from leantune.models.joint import Joint
from leantune.models.network import Network

Update = Callable[[], None]
"""Clips the gradients and moves the weights."""

STEPS = 4
"""Measured steps, after one that is not."""
STORED_ROW_SECONDS = 5e-5
"""A training row of a linear head on stored states, rounded up."""


class ProbeResult(Spec):
    """What a method costs on this machine, these rows and this base."""

    name: str
    trainable_params: int = 0
    setup_seconds: float = 0.0
    """Building the model and putting the method in."""
    once_seconds: float = 0.0
    """Work that is done once for all trials of the method ..."""
    seed_seconds: float = 0.0
    """... and for all of one seed: training the views of a teacher."""
    train_row_seconds: float = 0.0
    predict_row_seconds: float = 0.0
    peak_memory_bytes: int = 0
    """After a step on the longest rows."""
    problem: str | None = None
    """Why the method cannot run here."""


def probe(context: Context, job: Job) -> ProbeResult:
    """Attach the method, take a few steps on the longest and on ordinary rows."""
    assert job.recipe is not None
    start = time.perf_counter()
    try:
        context, _ = settle(context, job)
        attached = attach(context, job)
    except LeantuneError as error:
        return ProbeResult(name=job.name, problem=error.message)
    network = attached.network
    trained = apply_trainable(network, trained_names(network, attached.adaptation))
    setup = time.perf_counter() - start
    if job.recipe.teaching is not None:  # it learns from the unlabelled rows too, whatever will be said of them
        even = np.full((job.recipe.teaching.rows, len(context.dataset.labels)), 1 / len(context.dataset.labels), np.float32)
        context = replace(context, lesson=Lesson(even, 1.0, []))
    try:
        seconds = row_seconds(context, job.recipe, attached, update_of(job.recipe, network, trained))
    except LeantuneError as error:  # a row that cannot be read as the prompt wants it
        return ProbeResult(name=job.name, problem=error.message)
    found = probed(job, context, trained, setup, seconds)
    return found if job.recipe.teaching is None else _with_views(found, context, job, job.recipe.teaching)


def _with_views(student: ProbeResult, context: Context, job: Job, teaching: Teaching) -> ProbeResult:
    """The same with the training of the views of its teacher, which judge the unlabelled rows, once for every seed."""
    teacher, labelled = parse_method(job.expression).teacher, len(context.gold["train"])
    assert teacher is not None
    later = [(recipe, labelled + teaching.rows) for recipe in teaching.later or teaching.views]
    seconds, memory, once = 0.0, student.peak_memory_bytes, student.once_seconds
    found = dict[str, ProbeResult]()
    for recipe, rows in [*((recipe, labelled) for recipe in teaching.views), *later * teacher.after]:
        name = view_name(recipe)
        view = found[name] = found[name] if name in found else probe(view_of(context, recipe), view_job(job, recipe))
        if view.problem:
            return ProbeResult(name=job.name, problem=f"its view {view.name}: {view.problem}")
        judging = teaching.rows * view.predict_row_seconds
        # Views on a frozen body share one reading of the rows.
        once = max(once, view.once_seconds and view.once_seconds + judging)
        trained = recipe.steps * min(recipe.batch_rows, rows) * view.train_row_seconds if view.trainable_params else 0.0
        seconds += view.setup_seconds + trained + (0.0 if view.once_seconds else judging)
        memory = max(memory, view.peak_memory_bytes)
    return student.model_copy(update={"seed_seconds": seconds, "peak_memory_bytes": memory, "once_seconds": once})


@dataclass(frozen=True)
class RowSeconds:
    """What the rows of one task take."""

    train: float
    predict: float
    once: float = 0.0


def row_seconds(context: Context, recipe: Recipe, attached: Attached, update: Update) -> RowSeconds:
    """One step on the longest rows, for the memory, then the measured ones; what is predicted comes by length in any case."""
    # Where nothing is labelled, rows of dev are as long; the network is dropped.
    split = context.learned if len(context.encoded(context.learned)) else "dev"
    network, units = attached.network, context.encoded(split).visits
    rows, random, alike = min(recipe.batch_rows, len(units)), np.random.default_rng(0), context.conditions.group_by_length
    most = max(1, rows // 4) if alike else rows  # long rows come in small batches, unless they come with any others
    taken = partial(parts_of, context, recipe, units, random=random)
    _step(context, split, network, taken(np.argsort(-units.lengths, kind="stable")[:most]), update)
    even = even_batches(units, rows)
    sample, measured = [units.drawn(batch, random) for batch in even], rows * len(even)
    if from_states(context, attached):
        # The body is run once per study; a step on stored states costs next to nothing.
        forward = sum(_forward(context, split, network, pieces) for pieces in sample) / measured
        stored = len(context.gold[context.learned]) + len(context.gold["dev"])
        return RowSeconds(STORED_ROW_SECONDS, forward, once=stored * forward)
    stepped = even if alike else mixed_batches(units, rows, random)
    train = [_step(context, split, network, taken(batch), update) for batch in stepped]
    predict = [_forward(context, split, network, pieces) for pieces in sample]
    return RowSeconds(sum(train) / measured, sum(predict) / measured)


def probed(job: Job, context: Context, trained: Mapping[str, nn.Parameter], setup: float, seconds: RowSeconds) -> ProbeResult:
    """What was measured, with the memory of this process."""
    return ProbeResult(
        name=job.name,
        trainable_params=sum(parameter.numel() for parameter in trained.values()),
        setup_seconds=setup,
        once_seconds=seconds.once,
        train_row_seconds=seconds.train,
        predict_row_seconds=seconds.predict,
        peak_memory_bytes=peak_memory(context.device),
    )


def even_batches(units: Units, rows: int) -> list[NDArray[np.int64]]:
    """Rows of like length at evenly spaced quantiles, so that their mean stands for an epoch."""
    order = np.argsort(units.lengths, kind="stable")
    starts = np.linspace(0, len(order) - rows, STEPS + 2, dtype=np.int64)[1:-1]
    return [order[start : start + rows] for start in starts]


def mixed_batches(units: Units, rows: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """As many of rows as they come."""
    return [random.permutation(len(units))[:rows] for _ in range(STEPS)]


def update_of(recipe: Recipe, network: Network | Joint, trained: dict[str, nn.Parameter]) -> Update:
    """What follows the gradients; the optimiser's state is made in the first step, which is not measured."""
    if not trained:
        return lambda: None
    optimizer, _ = build_optimizer(recipe, trained.items(), head_names(network, frozenset(trained)), network.soft_parameters())

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(list(trained.values()), recipe.clip)
        optimizer.step()

    return update


def _step(context: Context, split: str, network: Network, parts: Sequence[NDArray[np.int64]], update: Update) -> float:
    feed = TokenFeed(network, partial(context.batch, split, targets=True), context.precision, context.task.sought)
    return timed_step(context, network, feed, parts, update)


def parts_of(
    context: Context, recipe: Recipe, units: Units, chosen: NDArray[np.int64], random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The pieces of a step, in the parts in which a training takes it.

    Args:
        context: the study.
        recipe: of the training; beside a teacher, or against each other, rows are taken together.
        units: what batches are made of.
        chosen: numbers of units.
        random: draws pieces of units.
    """
    together = context.head.contrast is not None or recipe.distilling is not None
    parts = 1 if together else parts_within(len(chosen), int(units.lengths[chosen].max()), context.at_once)
    return [units.drawn(part, random) for part in np.array_split(chosen, min(parts, len(chosen)))]


def timed_step(context: Context, network: Network, feed: Feed, parts: Sequence[NDArray[np.int64]], update: Update) -> float:
    """Seconds of one training step on some pieces, part by part, without whatever a teacher or a prompt adds to the loss."""
    start = time.perf_counter()
    network.train()
    for pieces in parts:
        loss = context.task.loss(*feed(pieces))
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
    update()
    network.zero_grad(set_to_none=True)
    synchronize(context.device)
    return time.perf_counter() - start


def _forward(context: Context, split: str, network: Network, pieces: NDArray[np.int64]) -> float:
    batch = context.batch(split, pieces)
    network.eval()
    start = time.perf_counter()
    with torch.inference_mode():
        network(batch)
    synchronize(context.device)
    return time.perf_counter() - start
