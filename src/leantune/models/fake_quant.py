"""Quantisation-aware tuning: while it trains, a network computes as if it were quantised already.

    W -> scale * round(W / scale)      scale = max |W| / 127 for each output (8 bits); max |W| / 7 for each block of 32 inputs (4 bits)
    x -> the same in 256 steps between the smallest and the largest number of the batch (8 bits only)

The gradient passes as if nothing had been rounded (straight through). Reference: Jacob et al. 2018, arXiv:1712.05877.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers.pytorch_utils import Conv1D

from leantune.models.network import Network
from leantune.models.onnx_quantize import BLOCK


@contextmanager
def fake_quantised(network: Network, bits: int) -> Iterator[None]:
    """Round the linear maps of all layers for as long as the context lasts; the weights that are trained stay exact.

    Args:
        network: plain.
        bits: 8 or 4.
    """
    layers = [network.body.get_submodule(path) for path in network.anatomy.blocks]
    maps = [part for layer in layers for part in layer.modules() if isinstance(part, nn.Linear | Conv1D)]
    handles = []
    for part in maps:
        parametrize.register_parametrization(part, "weight", _Rounded(bits, inputs_first=isinstance(part, Conv1D)))
        if bits == 8:
            handles.append(part.register_forward_pre_hook(_round_inputs))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for part in maps:
            exact = part.parametrizations.weight.original.detach().clone()  # type: ignore[union-attr, operator]
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
            with torch.no_grad():
                part.weight.copy_(exact)  # type: ignore[operator]


class _Rounded(nn.Module):
    """Weights as they will be."""

    def __init__(self, bits: int, *, inputs_first: bool) -> None:
        super().__init__()
        self.bits, self.inputs_first = bits, inputs_first

    def forward(self, weight: Tensor) -> Tensor:
        rows = weight.T if self.inputs_first else weight
        found = _by_row(rows) if self.bits == 8 else _by_block(rows)
        return straight(weight, found.T if self.inputs_first else found)


def straight(exact: Tensor, rounded: Tensor) -> Tensor:
    """The rounded numbers, with the gradient of the exact ones."""
    return exact + (rounded - exact).detach()


def _by_row(weight: Tensor) -> Tensor:
    scale = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (weight / scale).round() * scale


def _by_block(weight: Tensor) -> Tensor:
    outputs, inputs = weight.shape
    padded = nn.functional.pad(weight, (0, -inputs % BLOCK)).reshape(outputs, -1, BLOCK)
    scale = padded.detach().abs().amax(dim=2, keepdim=True).clamp(min=1e-12) / 7
    return ((padded / scale).round() * scale).reshape(outputs, -1)[:, :inputs]


def _round_inputs(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    del module
    states = inputs[0]
    low, high = (getattr(states.detach(), side)().clamp(**end) for side, end in (("amin", {"max": 0.0}), ("amax", {"min": 0.0})))
    scale = ((high - low) / 255).clamp(min=1e-12)
    return straight(states, (states / scale).round() * scale), *inputs[1:]
