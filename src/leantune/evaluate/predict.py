"""Prediction over many rows: batches of like length under a token budget; logits are decoded batch by batch and dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.data.batches import length_batches
from leantune.data.encoded import Encoded, Padded
from leantune.kinds.task import Decoded, Task, in_order
from leantune.models.network import Batch, Network, of_rows

TOKENS = 2_048
"""Padded tokens at a time, whose states the caches of a processor hold: faster than more, and leaner ..."""
GPU_TOKENS = 16_384
"""... and those that keep a GPU busy."""
VOCABULARY_TOKENS = 1_024
"""The same where each token has as many logits as there are tokens in the vocabulary."""
ROWS = 256
SHOWN = 512
"""Logits of the vocabulary that stand for all."""

Recall = Callable[[NDArray[np.int64]], AbstractContextManager[object]]
"""Around a call for these pieces, where the lower layers are read back instead (`execution.recall`)."""


def tokens_at_once(device: torch.device) -> int:
    """Padded tokens that are best read at a time."""
    return TOKENS if device.type == "cpu" else GPU_TOKENS


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
        torch.from_numpy(padded.marks.clip(0)) if padded.apart and padded.marks is not None else None,
        None if padded.asked is None else torch.from_numpy(padded.asked),
        None if padded.owners is None else torch.from_numpy(padded.owners),
        peak=padded.pool == "max",
    )


@torch.inference_mode()
def logits_of(
    network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device, recall: Recall | None = None
) -> Iterator[tuple[NDArray[np.int64], Padded, Tensor]]:
    """Numbers of pieces, the pieces and their logits, batch by batch, longest first; the network is put into evaluation mode.

    Of rows whose pieces are pooled: numbers of rows and their logits.
    """
    network.eval()
    tokens = VOCABULARY_TOKENS if network.anatomy.vocabulary and not encoded.asks else tokens_at_once(device)
    lengths = encoded.units.lengths if encoded.pool else encoded.lengths
    for numbers in length_batches(lengths, tokens=tokens, rows=ROWS):
        padded = encoded.padded(encoded.units.pieces(numbers) if encoded.pool else numbers, pad)
        batch = make_batch(padded, types=types).to(device)
        if batch.owners is None:
            with recall(numbers) if recall else nullcontext():
                logits = network(batch)
            yield numbers, padded, logits
        else:  # one row may have more windows than the memory can take at once
            pieces = [network(part) for part in batch.parts(max(1, tokens // batch.width))]
            yield numbers, padded, of_rows(torch.cat(pieces), batch.owners, peak=batch.peak)


def read_logits(network: Network, logits: Tensor, padded: Padded) -> list[NDArray[np.float32]]:
    """The logits by which a piece is known again, for each piece of a batch.

    Returns:
        (C,), or (marked tokens, C) where tokens are read; of a vocabulary (1, `SHOWN`) evenly drawn at the first marked token.
    """
    found = logits.float().cpu()
    if padded.marked is None or padded.asks:
        return [row.numpy() for row in found]
    rows = [row[torch.from_numpy(at)] for row, at in zip(found, padded.marked, strict=True)]
    if network.anatomy.vocabulary:
        rows = [row[:1, :: max(1, row.shape[-1] // SHOWN)] for row in rows]
    return [row.numpy() for row in rows]


def averaged(
    network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device, recall: Recall | None = None
) -> NDArray[np.float32]:
    """Mean logits of the pieces of each row, which ask for the same in other words: (rows, C) as log-probabilities of the labels."""
    found: NDArray[np.float32] | None = None
    for pieces, _, logits in logits_of(network, encoded, pad=pad, types=types, device=device, recall=recall):
        likely = logits.float().log_softmax(dim=-1).cpu().numpy()
        found = np.zeros((len(encoded), likely.shape[1]), np.float32) if found is None else found
        found[pieces] = likely
    return np.zeros((0, 0), np.float32) if found is None else mean_of_rows(found, encoded.rows)


def mean_of_rows(values: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The mean of the pieces of each row.

    Args:
        values: (pieces, C).
        rows: (pieces,) the row of each piece, rising.
    """
    firsts = np.flatnonzero(np.r_[True, np.diff(rows) != 0]) if len(rows) else np.zeros(0, np.int64)
    sums = np.add.reduceat(values, firsts, axis=0) if len(rows) else values
    found: NDArray[np.float32] = (sums / np.diff(np.r_[firsts, len(rows)])[:, None]).astype(np.float32)
    return found


def predict(
    network: Network, encoded: Encoded, task: Task, *, pad: int, types: bool, device: torch.device, recall: Recall | None = None
) -> Decoded:
    """Answer and confidence of every piece, in order; of every row where its pieces are averaged or pooled."""
    if encoded.averages:
        return task.decode(torch.from_numpy(averaged(network, encoded, pad=pad, types=types, device=device, recall=recall)), None)
    places, parts = [np.zeros(0, dtype=np.int64)], list[Decoded]()
    for pieces, padded, logits in logits_of(network, encoded, pad=pad, types=types, device=device, recall=recall):
        places.append(pieces)
        parts.append(task.decode(logits, padded.marks))
    return in_order(np.concatenate(places), parts)
