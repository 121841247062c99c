"""Merging: several models that were tuned from the same base become one, by arithmetic on their weights.

    soup         mean of the weights                                                    Wortsman et al. 2022, arXiv:2203.05482
    arithmetic   base + sum of w_i (weights_i - base)                                   Ilharco et al. 2022, arXiv:2212.04089
    ties         small differences trimmed, signs elected, the agreeing ones averaged   Yadav et al. 2023, arXiv:2306.01708
    dare         differences dropped at random, the rest scaled up, then as arithmetic  Yu et al. 2023, arXiv:2311.03099

The rules on differences are those of `peft`, which trims and drops in each tensor for itself (the paper of TIES: over all of them). What
the base does not have, the heads, is averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from peft.utils.merge_utils import dare_linear, task_arithmetic, ties
from torch import Tensor

from leantune.models.quiet import quiet

State = Mapping[str, Tensor]
_Rule = Callable[[list[Tensor], Tensor, float], Tensor]
_RULES: dict[str, _Rule] = {
    "arithmetic": lambda found, weights, _: task_arithmetic(found, weights),
    "ties": lambda found, weights, density: ties(found, weights, density),
    "dare": lambda found, weights, density: dare_linear(found, weights, density),
}
HOW = ("soup", *_RULES)
"""All rules."""


def usual_weights(how: str, count: int) -> list[float]:
    """Of so many models: ties averages by itself, the other rules take a mean."""
    return [1.0 if how == "ties" else 1.0 / count] * count


def merged_state(
    base: State, states: Sequence[State], how: str, weights: Sequence[float], *, density: float = 0.5, seed: int = 0
) -> dict[str, Tensor]:
    """The weights of one model made of several.

    Args:
        base: weights that all of them began with; names that it lacks are averaged.
        states: of the models, with the same names and shapes.
        how: one of `HOW`.
        weights: of each model.
        density: share of the differences that ties and dare keep.
        seed: of what dare drops.
    """
    shares = torch.tensor(list(weights)) / sum(weights)
    found: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]), quiet():  # peft warns where all differences are kept
        torch.manual_seed(seed)
        for name, first in states[0].items():
            own = [state[name] for state in states]
            if not first.is_floating_point():
                found[name] = first.clone()
            elif how == "soup" or name not in base:
                found[name] = sum((share * one for share, one in zip(shares, own, strict=True)), torch.zeros_like(first))
            else:
                differences = [one - base[name] for one in own]
                found[name] = base[name] + _RULES[how](differences, torch.tensor(list(weights)), density)
    return found
