"""Prediction over many rows: batches of like length under a token budget; logits are decoded batch by batch and dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.data.batches import length_batches
from leantune.data.encoded import Encoded, Padded
from leantune.kinds.task import Decoded, Task, in_order
from leantune.models.network import Batch, Network

TOKENS = 4_096
"""Padded tokens per prediction batch."""
ROWS = 256


def make_batch(padded: Padded, *, types: bool, targets: NDArray[Any] | None = None) -> Batch:
    """Pieces as tensors.

    Args:
        padded: the pieces.
        types: whether the base takes token types.
        targets: what the loss compares their logits with, or None.
    """
    return Batch(
        torch.from_numpy(padded.ids),
        torch.from_numpy(padded.mask),
        torch.from_numpy(padded.types) if types else None,
        None if targets is None else torch.from_numpy(targets),
    )


@torch.inference_mode()
def logits_of(
    network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device
) -> Iterator[tuple[NDArray[np.int64], Padded, Tensor]]:
    """Numbers of pieces, the pieces and their logits, batch by batch, longest first; the network is put into evaluation mode."""
    network.eval()
    for pieces in length_batches(encoded.lengths, tokens=TOKENS, rows=ROWS):
        padded = encoded.padded(pieces, pad)
        yield pieces, padded, network(make_batch(padded, types=types).to(device))


def predict(network: Network, encoded: Encoded, task: Task, *, pad: int, types: bool, device: torch.device) -> Decoded:
    """Answer and confidence of every piece, in order."""
    places, parts = [np.zeros(0, dtype=np.int64)], list[Decoded]()
    for pieces, padded, logits in logits_of(network, encoded, pad=pad, types=types, device=device):
        places.append(pieces)
        parts.append(task.decode(logits, padded.marks))
    return in_order(np.concatenate(places), parts)
