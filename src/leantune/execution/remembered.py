"""Remembered teachers of a vocabulary: what their output embedding reads of each sought token, computed once and kept on disk.

    logits = output embedding(state)        (N, V) of a step from (N, D) of the file

The logits themselves would be some hundred times as large; behind the states there is one product left, so the teacher's body need not run
beside each of its students, in every step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.data.batches import length_batches
from leantune.evaluate.predict import ROWS, VOCABULARY_TOKENS
from leantune.execution.context import Context
from leantune.execution.feed import has_room, kept
from leantune.execution.precision import Precision
from leantune.models.network import Batch, Network
from leantune.models.sought import output_embedding

TRIED = 4
"""Pieces on which it is tried whether the output embedding alone gives the logits."""


@dataclass(frozen=True)
class Remembered:
    """One teacher, `lecture.Said` of pieces."""

    read: nn.Module
    """Its output embedding."""
    states: NDArray[np.float32]
    """(sought tokens, D), memory-mapped."""
    starts: NDArray[np.int64]
    """(pieces + 1,) the first sought token of each piece."""
    precision: Precision

    @torch.no_grad()
    def said(self, pieces: NDArray[np.int64], like: Tensor) -> Tensor:
        """Logits of the sought tokens of these pieces: (1, N, V)."""
        found = np.concatenate([self.states[self.starts[piece] : self.starts[piece + 1]] for piece in pieces])
        with self.precision():
            return self.read(torch.from_numpy(found).to(like.device).unsqueeze(0))  # type: ignore[no-any-return]


def remembered(context: Context, network: Network, name: str) -> tuple[Remembered, float] | None:
    """A teacher, and the seconds that reading the rows took; None where it has to run beside its students.

    That is where its family does more behind the output embedding than this layer says (a bias or a cap of the logits), or where the disk
    has no room.

    Args:
        context: of the student, whose training pieces are read.
        network: the teacher, in evaluation mode, which reads the same tokens.
        name: of all that its states depend on but these pieces.
    """
    starts = _starts(context)
    path = replace(context, structures=()).cached(context.learned, f"taught-{name}")  # whatever layers the student has
    needed = int(starts[-1]) * network.anatomy.hidden * np.dtype(np.float32).itemsize
    if not (has_room(path, needed) and _told_by_layer(context, network)):
        return None
    states, seconds = kept(path, lambda part: _compute(context, network, starts, part))
    return Remembered(output_embedding(network.body), states, starts, context.precision), seconds


def _starts(context: Context) -> NDArray[np.int64]:
    """The first sought token of each training piece."""
    lengths = context.encoded(context.learned).lengths
    counts = np.zeros(len(lengths), np.int64)
    for pieces in length_batches(lengths, tokens=VOCABULARY_TOKENS, rows=ROWS):
        counts[pieces] = _asked(context, pieces)[1].sum(dim=1).cpu().numpy()
    found: NDArray[np.int64] = np.r_[0, counts.cumsum()]
    return found


def _asked(context: Context, pieces: NDArray[np.int64]) -> tuple[Batch, Tensor]:
    """The pieces and (B, T) the tokens that are sought in them."""
    batch = context.batch(context.learned, pieces, targets=True)
    assert batch.targets is not None
    sought = context.task.sought(batch.targets)
    assert sought is not None
    return batch, sought


@torch.inference_mode()
def _told_by_layer(context: Context, network: Network) -> bool:
    """Whether the output embedding makes the logits of what it reads, and nothing behind it changes them."""
    states, logits = network.told(*_asked(context, np.arange(min(TRIED, len(context.encoded(context.learned))))))
    return states is not logits and torch.allclose(output_embedding(network.body)(states), logits, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def _compute(context: Context, network: Network, starts: NDArray[np.int64], path: Path) -> None:
    """Write the states of all sought tokens."""
    found = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(int(starts[-1]), network.anatomy.hidden))
    for pieces in length_batches(context.encoded(context.learned).lengths, tokens=VOCABULARY_TOKENS, rows=ROWS):
        states = network.told(*_asked(context, pieces))[0][0].float().cpu().numpy()
        ends = np.cumsum(starts[pieces + 1] - starts[pieces])
        for piece, own in zip(pieces, np.split(states, ends[:-1]), strict=True):
            found[starts[piece] : starts[piece + 1]] = own
    found.flush()
