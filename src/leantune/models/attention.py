"""Attention among bfloat16 products on a CPU: in float32, because torch's bfloat16 kernel goes back through short rows ten times slower.

The rest of a layer keeps its type. Nothing changes outside of autocast, nor where a family computes attention by itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

SDPA = "sdpa"


def keep_attention_whole() -> None:
    """Let every model of this process that attends by `sdpa` do so."""
    AttentionInterface.register(SDPA, _attend)


def _attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> tuple[Tensor, None]:
    if query.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return sdpa_attention_forward(module, query, key, value, mask, **options)[0], None
    wide = mask.float() if mask is not None and mask.is_floating_point() else mask
    with torch.autocast("cpu", enabled=False):
        found, _ = sdpa_attention_forward(module, query.float(), key.float(), value.float(), wide, **options)
    return found.to(query.dtype), None
