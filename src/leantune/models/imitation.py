"""Imitation: how far a student's logits are from those of its teacher.

    divergence(z, v, T) = T^2 KL(softmax(v / T) || softmax(z / T)), mean over rows
    yes_no(z, v, T)     = T^2 BCE(sigmoid(v / T), sigmoid(z / T)), sum over outputs, mean over rows

T^2 keeps the size of the gradient when T changes, so that a weight beside another loss keeps its meaning.

Reference: Hinton et al. 2015, arXiv:1503.02531.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, kl_div


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Of distributions over the last dimension; (N, C) both. 0 for no rows."""
    likely = (student.float() / temperature).log_softmax(dim=-1)
    soft = (teacher.float() / temperature).softmax(dim=-1)
    return temperature**2 * kl_div(likely, soft, reduction="sum") / max(1, len(student))


def yes_no(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Of outputs that are yes or no each; (N, C) both."""
    soft = (teacher.float() / temperature).sigmoid()
    return temperature**2 * binary_cross_entropy_with_logits(student.float() / temperature, soft, reduction="sum") / max(1, len(student))
