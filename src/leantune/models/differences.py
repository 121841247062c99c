"""Differences: dense updates of weights with a gate before each number, of which few stay open (diff pruning).

    W' = W + z * d      z = clip((zeta - gamma) sigmoid(s) + gamma, 0, 1),  s = (log u - log(1 - u) + a) / beta,  u uniform on (0, 1)
    penalty             1.25e-7 * expected number of open gates;  of one  sigmoid(a - beta log(-gamma / zeta))

d and a (log-odds) are learned together; afterwards u is left out, and |z * d| says what a number of the weight is worth.

References: Guo et al. 2021, arXiv:2012.07463 (diff pruning); Louizos et al. 2018, arXiv:1712.01312 (hard concrete gates).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

BETA, GAMMA, ZETA, OPEN_WEIGHT = 1.0, -1.5, 1.5, 1.25e-7
"""As Guo et al. have them."""
OPEN = 5.0
"""Log-odds at the start: nearly all gates are open."""


class Difference(nn.Module):
    """The update of one weight."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros_like(weight))
        self.odds = nn.Parameter(torch.full_like(weight, OPEN))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its update, each gate drawn anew."""
        chance = torch.rand_like(self.odds).clamp(1e-6, 1 - 1e-6)
        return weight + self._gates(((chance.log() - (1 - chance).log() + self.odds) / BETA).sigmoid()) * self.values

    def worth(self) -> Tensor:
        """|z * d| of each number, gates as they mostly are."""
        return (self._gates((self.odds / BETA).sigmoid()) * self.values).abs().detach()

    def opened(self) -> Tensor:
        """The chance of each gate to be open."""
        return (self.odds - BETA * math.log(-GAMMA / ZETA)).sigmoid()

    @staticmethod
    def _gates(chance: Tensor) -> Tensor:
        return (chance * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


@contextmanager
def differing(parts: Sequence[nn.Module]) -> Iterator[list[Difference]]:
    """Linear maps with an update each, while it lasts; their weights are what they were afterwards."""
    found = []
    for part in parts:
        weight: Tensor = part.weight  # type: ignore[assignment]
        found.append(Difference(weight.detach()))
        parametrize.register_parametrization(part, "weight", found[-1])
    try:
        yield found
    finally:
        for part in parts:
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=False)


def penalty(differences: Sequence[Difference]) -> Tensor:
    """For gates that are open."""
    return OPEN_WEIGHT * torch.stack([one.opened().sum() for one in differences]).sum()
