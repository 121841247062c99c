"""Objectives: from the numbers of training pieces to the mean loss of a step.

Supervised    the loss of the task on the logits
Distilled     the same on labelled rows; on all others the divergence from what a teacher says of them
Sandwich      the same for a network, and for smaller ones inside of it the divergence from what it says
Contrast      rows of a label come together around its words, and stay near to where the base had them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import kl_div

from leantune.execution.feed import Feed
from leantune.execution.precision import Precision
from leantune.kinds.task import Task
from leantune.models.contrast import anchored_contrast, drift
from leantune.models.network import Batch, Network
from leantune.models.sought import at_sought

Objective = Callable[[NDArray[np.int64]], Tensor]
"""From numbers of pieces to their mean loss, with gradients."""


@dataclass(frozen=True)
class Supervised:
    """The loss of the task."""

    task: Task
    feed: Feed

    def __call__(self, pieces: NDArray[np.int64]) -> Tensor:
        """Of these pieces."""
        return self.task.loss(*self.feed(pieces))


@dataclass(frozen=True)
class Distilled:
    """Labelled rows by their labels, the rows behind them by soft targets: T^2 KL(p || softmax(z / T)), each row with the same weight.

    Reference: Hinton et al. 2015, arXiv:1503.02531.
    """

    task: Task
    feed: Feed
    rows: Callable[[NDArray[np.int64]], NDArray[np.int64]]
    """From numbers of pieces to those of the rows that the logits are of."""
    soft: NDArray[np.float32]
    """(U, C) of the last U rows; those before them are labelled."""
    temperature: float
    labelled: int
    """Number of labelled rows."""

    def __call__(self, pieces: NDArray[np.int64]) -> Tensor:
        """Of these pieces."""
        logits, targets = self.feed(pieces)
        places = self.rows(pieces) - self.labelled
        known = torch.from_numpy(places < 0).to(logits.device)
        soft = torch.from_numpy(self.soft[places[places >= 0]]).to(logits.device)
        likely = (logits[~known].float() / self.temperature).log_softmax(dim=-1)
        total = self.temperature**2 * kl_div(likely, soft, reduction="sum")
        if known.any():
            total = total + self.task.loss(logits[known], targets[known]) * known.sum()
        return total / len(logits)


@dataclass(frozen=True)
class Sandwich:
    """A network by the labels, networks on its weights by what it says (in-place distillation); their mean.

    Reference: Yu and Huang 2019, arXiv:1903.05134.
    """

    task: Task
    network: Network
    inside: Callable[[], Sequence[AbstractContextManager[Network]]]
    """The smaller ones of a step."""
    batch: Callable[[NDArray[np.int64]], Batch]
    """Pieces with targets, on the device."""
    precision: Precision
    temperature: float = 2.0

    def __call__(self, pieces: NDArray[np.int64]) -> Tensor:
        """Of these pieces."""
        batch = self.batch(pieces)
        assert batch.targets is not None
        sought = self.task.sought(batch.targets)
        targets = at_sought(batch.targets, sought)
        with self.precision():
            said = self.network(batch, sought)
            losses = [self.task.loss(said, targets)]
            for size in self.inside():
                with size as smaller:
                    logits = smaller.train(self.network.training)(batch, sought)
                losses.append(self.task.imitation(logits, said.detach(), targets, self.temperature))
        return torch.stack(losses).mean()


@dataclass(frozen=True)
class Contrast:
    """Contrast with the labels as anchors, each row one piece."""

    network: Network
    batch: Callable[[NDArray[np.int64]], Batch]
    """Pieces with targets, on the device."""
    before: NDArray[np.float32]
    """(rows, D) what the base makes of the rows."""
    tie: float
    """Weight of the drift away from there."""
    precision: Precision

    def __call__(self, pieces: NDArray[np.int64]) -> Tensor:
        """Of these pieces."""
        batch, network = self.batch(pieces), self.network
        assert batch.targets is not None
        assert network.head is not None
        with self.precision():
            states = network.embed(batch)
            loss = anchored_contrast(states, network.read(states), batch.targets, network.head.weight)
            return loss + self.tie * drift(states, torch.from_numpy(np.array(self.before[pieces])).to(self.precision.device))
