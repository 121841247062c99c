"""Gates: parts of a weight that are switched off while their scores learn which parts matter (movement pruning).

    forward   W' = W * m(S)          m(S) is 1 for the best share of the scores, or where sigmoid(S) > tau (soft)
    backward  dL/dW = dL/dW' * m,  dL/dS = dL/dW' * W          straight through, so that what is off can come back

Scores begin at 0 and are of the weight's own shape, or one for each group of its inputs (neurons, heads).

Reference: Sanh et al. 2020, arXiv:2005.07683.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers.pytorch_utils import Conv1D

LEAST = 0.005
"""Share of a weight that is never switched off."""


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        del scores  # it has a gradient all the same
        ctx.save_for_backward(weight, mask)
        return weight * mask

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        weight, mask = ctx.saved_tensors
        return gradients[0] * mask, gradients[0] * weight, None


class Gate(nn.Module):
    """The gate of one weight."""

    scores: Tensor
    """Learned beside the model's own parameters, which is why they are none."""

    def __init__(self, weight: Tensor, group: int | None, *, transposed: bool, soft: float | None) -> None:
        """`group`: inputs that share a score; None: every entry has its own. `soft`: the threshold; None: the best share stays."""
        super().__init__()
        self.group, self.transposed, self.soft, self.keep = group, transposed, soft, 1.0
        inputs = weight.shape[0] if transposed else weight.shape[1]
        shape = weight.shape if group is None else (inputs // group,)
        self.scores = torch.zeros(shape, device=weight.device, requires_grad=True)

    def mask(self) -> Tensor:
        """(scores' shape) 1 where it stays."""
        flat = self.scores.detach().flatten()
        least = max(1, round(LEAST * len(flat)))
        count = max(least, round(self.keep * len(flat)))
        if self.soft is not None:
            count = max(least, int((flat.sigmoid() > self.soft).sum()))
        found = torch.zeros_like(flat)
        found[flat.topk(count).indices] = 1
        return found.view_as(self.scores)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with what is off at 0."""
        return _StraightThrough.apply(weight, self._spread(self.scores, weight), self._spread(self.mask(), weight))  # type: ignore[no-any-return, no-untyped-call]

    def _spread(self, values: Tensor, weight: Tensor) -> Tensor:
        if self.group is None:
            return values
        own = values.repeat_interleave(self.group)
        return (own.unsqueeze(1) if self.transposed else own.unsqueeze(0)).expand_as(weight)


def gate(part: nn.Module, group: int | None = None, *, soft: float | None = None) -> Gate:
    """Put a gate before the weight of a linear map."""
    weight: Tensor = part.weight  # type: ignore[assignment]
    found = Gate(weight, group, transposed=isinstance(part, Conv1D), soft=soft)
    parametrize.register_parametrization(part, "weight", found, unsafe=True)
    return found


def ungate(parts: Iterable[nn.Module]) -> None:
    """Take the gates away; what was off stays 0."""
    for part in parts:
        parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
