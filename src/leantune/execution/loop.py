"""The training loop: a generator of frozen events that knows no method and no task by name.

    for event in fit(setup, BestLook()): ...          to stop is not to ask for the next one

Where the losses come from is the course's own affair: the rows of one task (`Setup`), or of several in turn.

The best weights on dev are kept; a loss that is not a finite number ends the loop with `Diverged`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.core.events import Evaluated, Event, Noted, Stepped
from leantune.core.records import CurvePoint, Recipe
from leantune.data.batches import training_batches
from leantune.data.units import Units
from leantune.execution.objective import Objective
from leantune.execution.optimizers import Helpers, build_optimizer
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Adaptation
from leantune.models.joint import Joint
from leantune.models.network import ASKED, Network
from leantune.models.seen_rows import seen_rows

SHORTEST_PAUSE = 0.25
"""Seconds between two `Stepped` events."""


class Diverged(Exception):
    """The loss is no finite number any more."""

    def __init__(self, step: int, loss: float, lr: float) -> None:
        super().__init__(f"the loss became {loss} at step {step} (learning rate {lr:.2g})")


Seen = TypeVar("Seen")
"""What a look at dev gives: the predictions of one task, or of several by name."""


@dataclass(frozen=True, kw_only=True)
class Course(Generic[Seen]):
    """What is trained, how, and by what it is judged."""

    network: Network | Joint
    adaptation: Adaptation
    recipe: Recipe
    look: Callable[[], Seen]
    """Predictions on dev by the network as it is."""
    score: Callable[[Seen], float]
    """What they are worth: the metric, or a mean of several."""
    seconds: float = 0.0
    """Spent before the first step on what this training alone would need."""
    notes: tuple[str, ...] = ()
    """Told before the first step."""
    tokens: Callable[[], NDArray[np.int64]] | None = None
    """All tokens that its batches can hold, rising; None where that is not known."""
    helpers: Helpers | None = None
    """What is trained beside the network."""
    solve: Callable[[], tuple[str, ...]] | None = None
    """Computes the head in one go, where no step is to be taken; gives what is to be noted."""

    def losses(self) -> Iterator[tuple[Tensor, int]]:
        """Endless, one for each step: the mean loss of its rows, computed when it is asked for, and the number of rows."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Setup(Course[Decoded]):
    """The training of one task."""

    network: Network
    objective: Objective
    units: Units
    """What batches are made of; their lengths decide the batches."""
    seed: int

    def losses(self) -> Iterator[tuple[Tensor, int]]:
        """Of batches of like length, in an order that the seed decides."""
        random = np.random.default_rng([self.seed, 2])
        for units in training_batches(self.units.lengths, rows=self.recipe.batch_rows, seed=self.seed):
            yield self.objective(self.units.drawn(units, random)), len(units)


def trained_names(network: Network | Joint, adaptation: Adaptation) -> frozenset[str]:
    """The parameters of the method in the body, the outer heads, and what a prompt brings: its soft tokens and its soft verbalizer."""
    verbalizer = isinstance(network, Network) and network.pooling == ASKED
    outer = network.head_parameters() if adaptation.trains_head or verbalizer else frozenset[str]()
    return frozenset(f"body.{name}" for name in adaptation.trainable) | outer | network.soft_parameters()


def apply_trainable(network: Network | Joint, names: frozenset[str]) -> dict[str, nn.Parameter]:
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


def head_names(network: Network | Joint, names: frozenset[str]) -> frozenset[str]:
    """The trained parameters that belong to a head, outside or inside the body."""
    inner, outer = network.anatomy.heads, network.head_parameters()
    return frozenset(name for name in names if name in outer or any(f".{head}." in name for head in inner))


class BestLook(Generic[Seen]):
    """Filled by `fit`: the predictions on dev that belong to the weights it kept."""

    best: Seen


def fit(setup: Course[Seen], looks: BestLook[Seen]) -> Iterator[Event]:
    """Train to the end of the recipe or until dev stops improving; the best weights are in the network afterwards.

    Where nothing is trained, or a head is computed in one go, there is one look at what is there.
    """
    network = setup.network
    names = trained_names(network, setup.adaptation)
    trained = apply_trainable(network, names)
    if not trained or setup.solve:
        start = time.perf_counter()
        for text in setup.solve() if setup.solve else ():
            yield Noted(text=text)
        seconds = setup.seconds + time.perf_counter() - start
        looks.best = setup.look()
        yield Evaluated(point=CurvePoint(step=0, seconds=seconds, train_loss=0.0, dev_score=setup.score(looks.best)), best=True)
        return
    for text in setup.notes:
        yield Noted(text=text)
    with seen_rows(network.body, trained, setup.tokens() if setup.tokens else None) as fewer:
        yield from _steps(setup, fewer, head_names(network, names), looks)


def _steps(setup: Course[Seen], trained: dict[str, nn.Parameter], heads: frozenset[str], looks: BestLook[Seen]) -> Iterator[Event]:
    """All steps and looks; the best weights of `trained` stay."""
    recipe, network = setup.recipe, setup.network
    optimizer, schedule = build_optimizer(recipe, trained.items(), heads, network.soft_parameters(), setup.helpers)
    beside = setup.helpers.parameters if setup.helpers else ()
    keeper = _Keeper(trained)
    stops = _looks(recipe)
    drawn = setup.losses()
    seconds, losses, last_sent = setup.seconds, _Mean(), -math.inf
    network.train()
    for step in range(1, recipe.steps + 1):
        start = time.perf_counter()
        loss = _step(setup, drawn, [*trained.values(), *beside], optimizer)
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


def _step(setup: Course[Seen], drawn: Iterator[tuple[Tensor, int]], trained: list[nn.Parameter], optimizer: torch.optim.Optimizer) -> float:
    mean, rows = next(drawn)
    # Batches hold many short rows or few long ones; dividing by the mean number of rows gives each row the same weight.
    loss = mean * (rows / setup.recipe.batch_rows)
    total = loss if setup.adaptation.penalty is None else loss + setup.adaptation.penalty()
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(trained, setup.recipe.clip)
    optimizer.step()
    return float(total.detach()) * setup.recipe.batch_rows / rows


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
