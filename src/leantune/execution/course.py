"""Courses: what is trained, how, and by what it is judged; the loop (`execution.loop`) takes any of them.

Setup        the rows of one task
JointCourse  those of several in turn (`execution.mixture`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from leantune.core.records import Recipe
from leantune.data.batches import training_batches
from leantune.data.units import Units
from leantune.execution.objective import Objective
from leantune.execution.optimizers import Helpers
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Adaptation
from leantune.models.joint import Joint
from leantune.models.network import Network

Seen = TypeVar("Seen")
"""What a look at dev gives: the predictions of one task, or of several by name."""


@dataclass(frozen=True)
class Drawn:
    """The rows of one step."""

    rows: int
    tokens: int
    """Of them, padding included."""
    losses: Callable[[Iterable[int], int], Iterator[tuple[Tensor, int]]]
    """Of these parts of so many: the mean loss of each, computed when it is asked for, and what it is the mean of (`Task.weight`)."""


def parts_within(rows: int, tokens: int, at_once: int | None) -> int:
    """In how many parts rows are taken, so that about as many tokens as that are in memory at a time.

    Args:
        rows: of a step, or those of it that a process takes.
        tokens: of a row, padding included.
        at_once: None for no limit.
    """
    return -(-rows // max(1, at_once // max(1, tokens))) if at_once else 1


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
    conclude: Callable[[], tuple[str, ...]] | None = None
    """Computes the head anew when all steps are taken, as each look did for itself; gives what is to be noted."""
    generators: tuple[np.random.Generator, ...] = ()
    """What its losses draw from as they go, for a checkpoint to hold."""

    at_once: int | None = None
    """Tokens of a step that are in memory at a time, where its rows may be taken in parts; None for all."""

    @property
    def divisible(self) -> bool:
        """Whether the rows of a step may be taken in parts."""
        return False

    def batches(self, after: int = 0) -> Iterator[Drawn]:
        """Endless, one for each step.

        Args:
            after: steps that were taken before, by an interrupted training.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Setup(Course[Decoded]):
    """The training of one task."""

    network: Network
    objective: Objective
    units: Units
    """What batches are made of; their lengths decide the batches."""
    seed: int
    by_length: bool = True
    """Whether batches are of like length."""
    weigh: Callable[[], int] | None = None
    """What the last mean loss is the mean of (`Task.weight`); None where the loss of a batch is no mean of those of its parts."""

    @property
    def divisible(self) -> bool:
        """Whether the loss of a batch is the mean of those of its parts."""
        return self.weigh is not None

    def batches(self, after: int = 0) -> Iterator[Drawn]:
        """In an order that the seed decides."""
        random = np.random.default_rng([self.seed, 2])
        batches = training_batches(self.units.lengths, rows=self.recipe.batch_rows, seed=self.seed, by_length=self.by_length)
        for step, units in enumerate(batches):
            groups = units[:, None] if self.weigh else units[None]  # drawn once, in whatever parts they are taken
            pieces = [self.units.drawn(group, random) for group in groups]
            if step >= after:
                yield Drawn(len(units), len(units) * int(self.units.lengths[units].max()), partial(self._losses, pieces))

    def _losses(self, pieces: Sequence[NDArray[np.int64]], which: Iterable[int], parts: int) -> Iterator[tuple[Tensor, int]]:
        """Of the pieces of each unit, or of all together; a part without rows is one row that counts for nothing."""
        if parts == 1:
            yield self.objective(np.concatenate(pieces)), 1
            return
        assert self.weigh is not None
        split = np.array_split(np.arange(len(pieces)), parts)
        for part in which:
            loss = self.objective(np.concatenate([pieces[unit] for unit in split[part]] or pieces[:1]))
            yield loss, self.weigh() if len(split[part]) else 0
