"""Floating-point operations per row, counted by torch on a real batch (attention on the CPU included)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from leantune.core.records import Flops
from leantune.kinds.task import Task
from leantune.models.network import Batch, Network
from leantune.models.sought import at_sought


def flops_per_row(network: Network, task: Task, batch: Batch, *, rows: int) -> Flops:
    """Count one forward, and one forward with backward through what is trained, divided by the rows of the batch.

    Args:
        network: with `requires_grad` set on what is trained.
        task: for the loss.
        batch: rows of median length with targets.
        rows: how many they are.
    """
    assert batch.targets is not None
    with torch.no_grad(), _counter() as forward:
        network(batch)
    sought = task.sought(batch.targets)
    with _counter() as both:
        loss = task.loss(network(batch, sought), at_sought(batch.targets, sought))
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)
    return Flops(train=both.get_total_flops() / rows, predict=forward.get_total_flops() / rows)


_count: Callable[..., int] = sdpa_flop_count


def _counter() -> FlopCounterMode:
    aten = torch.ops.aten
    return FlopCounterMode(
        display=False,
        custom_mapping={
            aten._scaled_dot_product_flash_attention_for_cpu: _attention,
            aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
        },
    )


def _attention(query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    del args, out_shape, kwargs
    return int(_count(query, key, value))


def _attention_backward(grad: Any, query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    """Scores again, then the gradients of values, probabilities, queries and keys: five products for the forward's two."""
    del grad, args, out_shape, kwargs
    return int(_count(query, key, value)) * 5 // 2
