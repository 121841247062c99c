"""Gates: parts of a weight that are switched off while their scores learn which parts matter (movement pruning).

    forward   W' = W * m(S)          m(S) is 1 for the best share of the scores, or where sigmoid(S) > 0.1 (soft)
    backward  dL/dW = dL/dW' * m,  dL/dS = dL/dW' * W          straight through, so that what is off can come back

Scores begin at 0 and are of the weight's own shape, or one for each group of its inputs (neurons, heads). sigmoid(0) is above the
threshold of 0.1, so that at the start everything is on in both forms.

Reference: Sanh et al. 2020, arXiv:2005.07683; values of its soft form are those of the authors' own commands (threshold 0.1, scores
from 0 at a rate of 1e-2, a penalty of 400).
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
TAU = 0.1
"""Threshold of the soft form. The paper's rises to it from 0; the scores need hundreds of its steps to fall as far, so it may stand there
from the start."""
PULL = 400 / 85e6
"""The paper's penalty of 400 times the mean of sigmoid(S), for each of the weights of the layers of BERT base."""


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

    def __init__(self, weight: Tensor, group: int | None, *, transposed: bool, soft: bool) -> None:
        """`group`: inputs that share a score; None: every entry has its own. `soft`: by the threshold; else the best share stays."""
        super().__init__()
        self.group, self.transposed, self.soft, self.keep = group, transposed, soft, 1.0
        inputs = weight.shape[0] if transposed else weight.shape[1]
        shape = weight.shape if group is None else (inputs // group,)
        self.scores = torch.zeros(shape, device=weight.device, requires_grad=True)
        self.entries = weight.numel() // self.scores.numel()

    def mask(self) -> Tensor:
        """(scores' shape) 1 where it stays."""
        flat = self.scores.detach().flatten()
        least = max(1, round(LEAST * len(flat)))
        count = max(least, round(self.keep * len(flat)))
        if self.soft:
            count = max(least, int((flat.sigmoid() > TAU).sum()))
        found = torch.zeros_like(flat)
        found[flat.topk(count).indices] = 1
        return found.view_as(self.scores)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with what is off at 0."""
        return _StraightThrough.apply(weight, self._spread(self.scores, weight), self._spread(self.mask(), weight))  # type: ignore[no-any-return, no-untyped-call]

    def pull(self) -> Tensor:
        """What the soft form is charged, (): sigmoid(S) over all entries of the weight, so that a group is as dear as its entries."""
        return PULL * self.entries * self.scores.sigmoid().sum()

    def _spread(self, values: Tensor, weight: Tensor) -> Tensor:
        if self.group is None:
            return values
        own = values.repeat_interleave(self.group)
        return (own.unsqueeze(1) if self.transposed else own.unsqueeze(0)).expand_as(weight)


def gate(part: nn.Module, group: int | None = None, *, soft: bool = False) -> Gate:
    """Put a gate before the weight of a linear map."""
    weight: Tensor = part.weight  # type: ignore[assignment]
    found = Gate(weight, group, transposed=isinstance(part, Conv1D), soft=soft)
    parametrize.register_parametrization(part, "weight", found, unsafe=True)
    return found


def ungate(parts: Iterable[nn.Module]) -> None:
    """Take the gates away; what was off stays 0."""
    for part in parts:
        parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)


def soft_threshold(weight: Tensor, threshold: float) -> Tensor:
    """sign(w) max(|w| - threshold, 0), the proximal step of an l1 penalty; any shape."""
    return nn.functional.softshrink(weight, threshold)
