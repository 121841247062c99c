"""Divided: tensors of which each of several processes has a part (DTensors); told without loading what makes them."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def is_divided(value: Any) -> bool:
    """Whether other processes have other parts of it."""
    return hasattr(value, "full_tensor")


def local(value: Any) -> Tensor:
    """What this process has of a tensor."""
    found: Tensor = value.to_local() if is_divided(value) else value
    return found
