"""Attention by `sdpa`, which two things change: the one door to it.

    keep_attention_whole()      among bfloat16 products on a CPU in float32: torch's bfloat16 kernel is ten times slower in going back
                                through short rows
    with attending(attend):     by another function, which knows how rows stand in the states

The rest of a layer keeps its type. Nothing changes where a family attends by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

SDPA = "sdpa"
Attend = Callable[..., tuple[Tensor, None]]
"""(module, query, key, value, mask, **options), as transformers calls it."""

_way: ContextVar[Attend] = ContextVar("attend", default=sdpa_attention_forward)


def keep_attention_whole() -> None:
    """Let every model of this process that attends by `sdpa` do so in float32 on a CPU."""
    AttentionInterface.register(SDPA, _attend)


@contextmanager
def attending(attend: Attend) -> Iterator[None]:
    """Let `attend` take the place of `sdpa` for the calls inside."""
    AttentionInterface.register(SDPA, _attend)
    token = _way.set(attend)
    try:
        yield
    finally:
        _way.reset(token)


def _attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> tuple[Tensor, None]:
    attend = _way.get()
    if query.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return attend(module, query, key, value, mask, **options)[0], None
    wide = mask.float() if mask is not None and mask.is_floating_point() else mask
    with torch.autocast("cpu", enabled=False):
        found, _ = attend(module, query.float(), key.float(), value.float(), wide, **options)
    return found.to(query.dtype), None
