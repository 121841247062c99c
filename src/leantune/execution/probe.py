"""Probe: a few steps of a method before the comparison, to know its parameters, speed and memory before they are spent."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leantune.core.errors import LeantuneError
from leantune.core.records import Recipe
from leantune.core.spec import Spec
from leantune.core.study import Job
from leantune.data.units import Units
from leantune.execution.context import Context
from leantune.execution.device import autocast, peak_memory, synchronize
from leantune.execution.loop import apply_trainable, head_names, only_the_head, trained_names
from leantune.execution.optimizers import build_optimizer
from leantune.execution.trial import attach
from leantune.models.network import POOLINGS, Network

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
    """Work that is done once for all trials of the method."""
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
        attached = attach(context, job)
    except LeantuneError as error:
        return ProbeResult(name=job.name, problem=error.message)
    network, units = attached.network, context.encoded("train").units
    trained = apply_trainable(network, trained_names(network, attached.adaptation))
    setup = time.perf_counter() - start
    rows = min(job.recipe.batch_rows, len(units))
    update = _update(job.recipe, network, trained)
    _step(context, network, units.pieces(np.argsort(-units.lengths, kind="stable")[: max(1, rows // 4)]), update)
    sample = [units.pieces(chosen) for chosen in _samples(units, rows)]
    if network.pooling in POOLINGS and only_the_head(network, attached.adaptation):
        return _probe_of_a_head(context, job, network, sample, rows, setup)
    train = [_step(context, network, chosen, update) for chosen in sample]
    predict = [_forward(context, network, chosen) for chosen in sample]
    return ProbeResult(
        name=job.name,
        trainable_params=sum(parameter.numel() for parameter in trained.values()),
        setup_seconds=setup,
        train_row_seconds=sum(train) / (rows * len(sample)),
        predict_row_seconds=sum(predict) / (rows * len(sample)),
        peak_memory_bytes=peak_memory(context.device),
    )


def _probe_of_a_head(context: Context, job: Job, network: Network, sample: list[NDArray[np.int64]], rows: int, setup: float) -> ProbeResult:
    """The body is run once per study; a step on stored states costs next to nothing."""
    forward = sum(_forward(context, network, chosen) for chosen in sample) / (rows * len(sample))
    stored = len(context.gold["train"]) + len(context.gold["dev"])
    return ProbeResult(
        name=job.name,
        trainable_params=sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
        setup_seconds=setup,
        once_seconds=stored * forward,
        train_row_seconds=STORED_ROW_SECONDS,
        predict_row_seconds=forward,
        peak_memory_bytes=peak_memory(context.device),
    )


def _samples(units: Units, rows: int) -> list[NDArray[np.int64]]:
    """Batches of like length at evenly spaced quantiles, so that their mean stands for an epoch."""
    order = np.argsort(units.lengths, kind="stable")
    starts = np.linspace(0, len(order) - rows, STEPS + 2, dtype=np.int64)[1:-1]
    return [order[start : start + rows] for start in starts]


def _update(recipe: Recipe, network: Network, trained: dict[str, nn.Parameter]) -> Callable[[], None]:
    """What follows the gradients; the optimiser's state is made in the first step, which is not measured."""
    if not trained:
        return lambda: None
    optimizer, _ = build_optimizer(recipe, trained.items(), head_names(network, frozenset(trained)))

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(list(trained.values()), recipe.clip)
        optimizer.step()

    return update


def _step(context: Context, network: Network, pieces: NDArray[np.int64], update: Callable[[], None]) -> float:
    start = time.perf_counter()
    batch = context.batch("train", pieces, targets=True)
    network.train()
    assert batch.targets is not None
    with autocast(context.device):
        logits = network(batch)
    loss = context.task.loss(logits, batch.targets)
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    update()
    network.zero_grad(set_to_none=True)
    synchronize(context.device)
    return time.perf_counter() - start


def _forward(context: Context, network: Network, pieces: NDArray[np.int64]) -> float:
    batch = context.batch("train", pieces)
    network.eval()
    start = time.perf_counter()
    with torch.inference_mode():
        network(batch)
    synchronize(context.device)
    return time.perf_counter() - start
