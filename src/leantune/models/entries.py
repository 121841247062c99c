"""Entries of weights that a sparse update is made of: the largest ones, those with the largest squared gradients, those that a dense update
would change most (diff pruning), or any.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from leantune.core.errors import SpecError
from leantune.models.adaptation import Target
from leantune.models.anatomy import Site
from leantune.models.differences import differing, penalty

VALUE_LR, ODDS_LR = 1e-3, 5e-2
"""Of updates and of the log-odds of their gates, which have as few steps to fall from 5 below 0."""


def chosen_entries(target: Target, sites: Sequence[Site], by: str, counts: Sequence[int], *, seed: int) -> dict[int, Tensor]:
    """By the identity of the linear map: 1 at the entries of its weight that are trained, else 0.

    Args:
        target: the body.
        sites: its linear maps.
        by: magnitude, fisher, diff or random.
        counts: entries of each map.
        seed: of a random choice.

    Raises:
        SpecError: E-METHOD for fisher and diff where there are no training rows to look at.
    """
    masks = {}
    for site, score, count in zip(sites, _scores(target, [f"{site.path}.weight" for site in sites], by, seed), counts, strict=True):
        found = torch.zeros_like(score).flatten()
        found[score.flatten().topk(count).indices] = 1
        masks[id(target.body.get_submodule(site.path))] = found.view_as(score)
    return masks


def _scores(target: Target, names: list[str], by: str, seed: int) -> list[Tensor]:
    weights: list[Tensor] = [target.body.get_parameter(name).detach() for name in names]
    if by == "magnitude":
        return [weight.abs() for weight in weights]
    if by == "random":
        source = torch.Generator().manual_seed(seed)
        return [torch.rand(weight.shape, generator=source).to(weight.device) for weight in weights]
    if target.fisher is None or target.rehearse is None:
        raise SpecError(f"sparse(by={by}) looks at training rows, and there are none here; use by=magnitude.", "E-METHOD")
    if by == "fisher":
        return target.fisher(names)
    with differing([target.body.get_submodule(name.removesuffix(".weight")) for name in names]) as found:
        rates = [([one.values for one in found], VALUE_LR), ([one.odds for one in found], ODDS_LR)]
        target.rehearse(rates, lambda: penalty(found), -(-target.steps // 2))
        return [one.worth() for one in found]
