"""Precision: the type of the products in a training step. Weights, their updates and all measured scores stay in float32.

bf16 on GPUs that have it and on CPUs with AMX, where the products of a layer take a sixth of the time; fp32 elsewhere, because CPUs
without the instructions are slower in bfloat16.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal

import torch

from leantune.models.attention import keep_attention_whole

Products = Literal["fp32", "bf16"]
WIDE = 256
"""Numbers in the state of a token from which on shorter products make up for changing types."""


@dataclass(frozen=True)
class Precision:
    """Where and in which type."""

    device: torch.device
    products: Products = "fp32"

    def __call__(self) -> contextlib.AbstractContextManager[object]:
        """Around a forward pass."""
        if self.products == "fp32":
            return contextlib.nullcontext()
        if self.device.type == "cpu":
            keep_attention_whole()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def pick_precision(name: Literal["auto", "fp32", "bf16"], device: str, width: int) -> Products:
    """What `auto` is on this machine for a model of this width; anything else is taken as it is."""
    if name != "auto":
        return name
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if device == "cpu" and width >= WIDE and _has_amx() else "fp32"


def _has_amx() -> bool:
    return torch.cpu._is_amx_tile_supported()
