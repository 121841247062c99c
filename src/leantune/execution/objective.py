"""Objectives: from the numbers of training pieces to the mean loss of a step.

Supervised    the loss of the task on the logits
Contrast      rows of a label come together around its words, and stay near to where the base had them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.execution.device import autocast
from leantune.execution.feed import Feed
from leantune.kinds.task import Task
from leantune.models.contrast import anchored_contrast, drift
from leantune.models.network import Batch, Network

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
class Contrast:
    """Contrast with the labels as anchors, each row one piece."""

    network: Network
    batch: Callable[[NDArray[np.int64]], Batch]
    """Pieces with targets, on the device."""
    before: NDArray[np.float32]
    """(rows, D) what the base makes of the rows."""
    tie: float
    """Weight of the drift away from there."""
    device: torch.device

    def __call__(self, pieces: NDArray[np.int64]) -> Tensor:
        """Of these pieces."""
        batch, network = self.batch(pieces), self.network
        assert batch.targets is not None
        assert network.head is not None
        with autocast(self.device):
            states = network.embed(batch)
            loss = anchored_contrast(states, network.read(states), batch.targets, network.head.weight)
            return loss + self.tie * drift(states, torch.from_numpy(np.array(self.before[pieces])).to(self.device))
