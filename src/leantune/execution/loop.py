"""The training loop: a generator of frozen events that knows no method and no task by name.

    for event in fit(setup, BestLook()): ...          to stop is not to ask for the next one

The best weights on dev are kept; a loss that is not a finite number ends the loop with `Diverged`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.core.events import Evaluated, Event, Stepped
from leantune.core.records import CurvePoint, Recipe
from leantune.data.batches import training_batches
from leantune.data.units import Units
from leantune.execution.feed import Feed
from leantune.execution.optimizers import build_optimizer
from leantune.kinds.task import Decoded, Task
from leantune.models.adaptation import Adaptation
from leantune.models.network import Network

SHORTEST_PAUSE = 0.25
"""Seconds between two `Stepped` events."""


class Diverged(Exception):
    """The loss is no finite number any more."""

    def __init__(self, step: int, loss: float, lr: float) -> None:
        super().__init__(f"the loss became {loss} at step {step} (learning rate {lr:.2g})")


@dataclass(frozen=True)
class Setup:
    """Everything a fit needs."""

    network: Network
    adaptation: Adaptation
    task: Task
    recipe: Recipe
    feed: Feed
    """From numbers of training pieces to logits and targets."""
    units: Units
    """What batches are made of; their lengths decide the batches."""
    look: Callable[[], Decoded]
    """Predictions on dev by the network as it is."""
    score: Callable[[Decoded], float]
    """The study's metric of predictions on dev."""
    seed: int
    seconds: float = 0.0
    """Spent before the first step on what this training alone would need."""


def trained_names(network: Network, adaptation: Adaptation) -> frozenset[str]:
    """What is trained: the method's parameters in the body and the outer head."""
    return frozenset(f"body.{name}" for name in adaptation.trainable) | network.head_parameters()


def apply_trainable(network: Network, names: frozenset[str]) -> dict[str, nn.Parameter]:
    """Set `requires_grad`, here and nowhere else; the trained parameters by name."""
    trained = {}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in names)
        if name in names:
            trained[name] = parameter
    return trained


def only_the_head(network: Network, adaptation: Adaptation) -> bool:
    """Whether nothing below the outer head is trained, inserted or dropped at random."""
    frozen = network.head is not None and not adaptation.trainable
    return frozen and not any(isinstance(part, nn.Dropout) and part.p > 0 for part in network.body.modules())


def head_names(network: Network, names: frozenset[str]) -> frozenset[str]:
    """The trained parameters that belong to a head, outside or inside the body."""
    inner = network.anatomy.heads
    return frozenset(name for name in names if name.startswith("head.") or any(f".{head}." in name for head in inner))


@dataclass
class BestLook:
    """Filled by `fit`: the predictions on dev that belong to the weights it kept."""

    best: Decoded = field(default_factory=lambda: Decoded(np.zeros(0, np.int32), np.zeros(0, np.float32)))


def fit(setup: Setup, looks: BestLook) -> Iterator[Event]:
    """Train to the end of the recipe or until dev stops improving; the best weights are in the network afterwards."""
    recipe, network = setup.recipe, setup.network
    names = trained_names(network, setup.adaptation)
    trained = apply_trainable(network, names)
    optimizer, schedule = build_optimizer(recipe, trained.items(), head_names(network, names))
    keeper = _Keeper(trained)
    stops = _looks(recipe)
    batches = training_batches(setup.units.lengths, rows=recipe.batch_rows, seed=setup.seed)
    seconds, losses, last_sent = setup.seconds, _Mean(), -math.inf
    network.train()
    for step in range(1, recipe.steps + 1):
        start = time.perf_counter()
        loss = _step(setup, next(batches), list(trained.values()), optimizer)
        schedule.step()
        if not math.isfinite(loss):
            raise Diverged(step, loss, recipe.lr)
        if setup.adaptation.after_step:
            setup.adaptation.after_step(step)
        optimizer.zero_grad(set_to_none=True)
        seconds += time.perf_counter() - start
        losses.add(loss)
        if seconds - last_sent >= SHORTEST_PAUSE or step in stops:
            last_sent = seconds
            yield Stepped(step=step, steps=recipe.steps, loss=loss, seconds=seconds)
        if step in stops:
            found = setup.look()
            point = CurvePoint(step=step, seconds=seconds, train_loss=losses.take(), dev_score=setup.score(found))
            if better := keeper.offer(point.dev_score):
                looks.best = found
            yield Evaluated(point=point, best=better)
            network.train()
            if keeper.unimproved >= recipe.patience:
                break
    keeper.restore()


def _step(setup: Setup, units: NDArray[np.int64], trained: list[nn.Parameter], optimizer: torch.optim.Optimizer) -> float:
    # Batches hold many short rows or few long ones; dividing by the mean number of rows gives each row the same weight.
    loss: Tensor = setup.task.loss(*setup.feed(setup.units.pieces(units))) * (len(units) / setup.recipe.batch_rows)
    total = loss if setup.adaptation.penalty is None else loss + setup.adaptation.penalty()
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(trained, setup.recipe.clip)
    optimizer.step()
    return float(total.detach()) * setup.recipe.batch_rows / len(units)


def _looks(recipe: Recipe) -> set[int]:
    """Steps after which dev is scored: evenly spaced, the last step included."""
    count = min(recipe.evaluations, recipe.steps)
    return {round(recipe.steps * look / count) for look in range(1, count + 1)}


class _Mean:
    """Mean since the last look."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        self.total, self.count = self.total + value, self.count + 1

    def take(self) -> float:
        mean = self.total / max(self.count, 1)
        self.total, self.count = 0.0, 0
        return mean


class _Keeper:
    """Copies of the trained parameters at the best look."""

    def __init__(self, trained: dict[str, nn.Parameter]) -> None:
        self.trained, self.best, self.unimproved = trained, -math.inf, 0
        self.copies: dict[str, Tensor] = {}

    def offer(self, score: float) -> bool:
        if score <= self.best:
            self.unimproved += 1
            return False
        self.best, self.unimproved = score, 0
        self.copies = {name: parameter.detach().cpu().clone() for name, parameter in self.trained.items()}
        return True

    @torch.no_grad()
    def restore(self) -> None:
        for name, copy in self.copies.items():
            self.trained[name].copy_(copy)
