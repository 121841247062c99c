"""Prediction over many rows: batches of like length under a token budget; logits are decoded batch by batch and dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.data.batches import length_batches
from leantune.data.encoding import Encoded
from leantune.kinds.task import Decoded, Task
from leantune.models.network import Batch, Network

TOKENS = 4_096
"""Padded tokens per prediction batch."""
ROWS = 256


def make_batch(encoded: Encoded, rows: NDArray[np.int64], *, pad: int, types: bool, gold: NDArray[np.int32] | None = None) -> Batch:
    """The rows as tensors.

    Args:
        encoded: all rows.
        rows: which ones.
        pad: number of the padding token.
        types: whether the base takes token types.
        gold: label indices of all rows, or None.
    """
    padded = encoded.padded(rows, pad)
    return Batch(
        torch.from_numpy(padded.ids),
        torch.from_numpy(padded.mask),
        torch.from_numpy(padded.types) if types else None,
        None if gold is None else torch.from_numpy(gold[rows].astype(np.int64)),
    )


@torch.inference_mode()
def logits_of(
    network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Row numbers and logits (B, C), batch by batch, longest rows first; the network is put into evaluation mode."""
    network.eval()
    for rows in length_batches(encoded.lengths, tokens=TOKENS, rows=ROWS):
        yield rows, network(make_batch(encoded, rows, pad=pad, types=types).to(device))


def predict(network: Network, encoded: Encoded, task: Task, *, pad: int, types: bool, device: torch.device) -> Decoded:
    """Answer and confidence of every row, in file order."""
    places, parts = [np.zeros(0, dtype=np.int64)], list[Decoded]()
    for rows, logits in logits_of(network, encoded, pad=pad, types=types, device=device):
        places.append(rows)
        parts.append(task.decode(logits))
    return in_order(np.concatenate(places), parts)


def in_order(places: NDArray[np.int64], parts: Sequence[Decoded]) -> Decoded:
    """Batches of predictions as one, sorted by their places in the file."""
    if not parts:
        return Decoded([], np.zeros(0, dtype=np.float32))
    order = np.argsort(places, kind="stable")
    confidence = np.concatenate([part.confidence for part in parts])[order]
    answers = [part.predicted for part in parts]
    if all(isinstance(batch, np.ndarray) for batch in answers):
        return Decoded(np.concatenate(answers)[order], confidence)
    flat = [answer for batch in answers for answer in batch]
    return Decoded([flat[place] for place in order], confidence)
