"""Agreement: whether a faster way through the layers of a network works, and gives the states of the usual one on some rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.data.units import Units
from leantune.execution.context import Context
from leantune.execution.device import out_of_memory
from leantune.models.network import Batch, Network
from leantune.models.trunk import Trunk

ROWS = 8
Found = TypeVar("Found")

Around = Callable[[NDArray[np.int64], Batch], AbstractContextManager[object]]
"""What is put around a call for these pieces."""


def attempted(way: Callable[[], Found]) -> Found | None:
    """What a way gives; None where it breaks on this family, which makes of the arguments of its layers what it likes."""
    try:
        return way()
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError) as error:
        if isinstance(error, RuntimeError) and out_of_memory(error):
            raise
        return None


def watched(context: Context) -> bool:
    """Whether teachers read what a step reads, and may look into the layers."""
    return context.mentors is not None and bool(context.mentors.networks)


@torch.inference_mode()
def agree(
    context: Context, network: Network, layers: Sequence[nn.Module], *ways: Around, close: float, looked_at: str | None = None
) -> bool:
    """Whether the last of the layers gives rows of all lengths the same states each way, but for such a share of their size.

    Args:
        context: the study.
        network: whose layers they are.
        layers: lowest first.
        ways: through them, the usual one first.
        close: the share.
        looked_at: a split, as looks read it; the training rows as steps do where None.
    """
    network.eval()
    split = looked_at or context.learned
    units = context.encoded(split).visits
    pieces = some_pieces(units)
    batch = context.batch(split, pieces)
    with nullcontext() if looked_at else context.precision():
        first, *others = [_states(network, layers, batch, way(pieces, batch)) for way in ways]
    return all(bool((first - one).norm() <= close * first.norm()) for one in others)


def some_pieces(units: Units) -> NDArray[np.int64]:
    """Of rows of all lengths, the shortest and the longest too."""
    by_length = np.argsort(units.lengths, kind="stable")
    chosen = by_length[np.linspace(0, len(units) - 1, min(ROWS, len(units))).round().astype(np.int64)]
    return units.drawn(chosen, np.random.default_rng(0))


def _states(network: Network, layers: Sequence[nn.Module], batch: Batch, around: AbstractContextManager[object]) -> Tensor:
    """Of the tokens."""
    mask = batch.attention_mask
    last = mask.bool() & (mask.cumsum(dim=1) == mask.sum(dim=1, keepdim=True))  # few logits of a vocabulary, which may be a large one
    with Trunk(layers, len(layers)).tapped() as seen, around:
        network(batch, last if network.anatomy.vocabulary and batch.asked is None else None)
    return seen[-1][mask.bool()].float()
