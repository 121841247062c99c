"""Recall: the states that the untrained lower layers make of the training rows, computed once, kept on disk, and read back in every step.

    file       one state for each token, (tokens, D) float16, memory-mapped
    shared     by all trials of a run that train nothing below the same layer: learning rates, seeds, methods

It is used where a training visits the rows often enough to earn the one pass that it costs, and where the disk has room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.human import size
from leantune.core.study import Job
from leantune.data.batches import length_batches
from leantune.data.encoded import Encoded
from leantune.evaluate.predict import ROWS, TOKENS
from leantune.execution.agreement import Around, agree
from leantune.execution.context import Context
from leantune.execution.feed import BLOCK, has_room, kept
from leantune.execution.loop import apply_trainable, trained_names
from leantune.execution.results import Attached
from leantune.models.network import Network
from leantune.models.trunk import Trunk, layers_of, trunk_of

FORMAT = 1
"""Of the files; another number is another file name."""
NUMBER = np.float16
CLOSE = 0.02
"""Largest difference of states that float16 and what is left out above it may make, as a share of their size."""

_CHANGED = "reading back the untrained layers changes what the layers above make of them; they are computed in every step"


@dataclass(frozen=True)
class Recalled:
    """Stored states of the training rows."""

    trunk: Trunk
    states: NDArray[np.float16]
    encoded: Encoded
    device: torch.device
    seconds: float
    """That computing them took; charged to every trial that reads them, as if it had run alone."""

    @contextmanager
    def __call__(self, pieces: NDArray[np.int64]) -> Iterator[None]:
        """Around a forward pass for these pieces, which are padded on the right."""
        lengths = self.encoded.lengths[pieces]
        padded = np.zeros((len(pieces), int(lengths.max()), self.states.shape[1]), NUMBER)
        for row, (piece, length) in enumerate(zip(pieces, lengths, strict=True)):
            padded[row, :length] = self.states[self.encoded.starts[piece] : self.encoded.starts[piece] + length]
        with self.trunk.recalled(torch.from_numpy(padded).to(self.device).float()):
            yield

    @property
    def note(self) -> str:
        """What a reader should know."""
        return f"layers 1-{len(self.trunk.layers)} of {self.trunk.of} were computed once and read back ({size(self.states.nbytes)})"


def recalled(context: Context, job: Job, attached: Attached) -> Recalled | str | None:
    """The stored states of a trial's training rows; why there are none although they would help; None where they would not."""
    trunk = trunk_in(context, job, attached)
    if trunk is None:
        return None
    network, encoded = attached.network, context.encoded("train")
    path = context.cached("train", f"trunk{FORMAT}-{len(trunk.layers)}")
    needed = int(encoded.starts[-1]) * network.anatomy.hidden * np.dtype(NUMBER).itemsize
    if not has_room(path, needed):
        return f"the disk has no room for the states of the untrained layers ({size(needed)}); they are computed in every step"
    states, seconds = kept(path, lambda part: _compute(context, network.eval(), trunk, encoded, part))
    found = Recalled(trunk, states, encoded, context.device, seconds)
    return found if _close(context, network, found) else _CHANGED


def trunk_in(context: Context, job: Job, attached: Attached) -> Trunk | None:
    """The layers that a trial need not compute in each step; None where there are none, or where it visits the rows too seldom."""
    assert job.recipe is not None
    if not context.conditions.recall or _changes(context, job):
        return None
    network, encoded = attached.network, context.encoded("train")
    trained = apply_trainable(network, trained_names(network, attached.adaptation))
    trunk = trunk_of(network, trained) if trained and len(encoded) and not (encoded.apart or network.anatomy.vocabulary) else None
    visited = job.recipe.steps * job.recipe.batch_rows * (encoded.drawn or len(encoded) / max(1, len(encoded.visits)))
    return None if visited < len(encoded) else trunk


def _changes(context: Context, job: Job) -> bool:
    """Whether a step sees other rows than those of train as they are, or drops at random, or teachers read what it reads."""
    assert job.recipe is not None
    teachers = context.mentors is not None and bool(context.mentors.networks)
    grown = context.learned != "train" or context.extra is not None
    return grown or teachers or job.recipe.masking == "dynamic" or job.recipe.dropout > 0


@torch.inference_mode()
def _compute(context: Context, network: Network, trunk: Trunk, encoded: Encoded, path: Path) -> None:
    """Write the states of all tokens."""
    shape = (int(encoded.starts[-1]), network.anatomy.hidden)
    found = np.lib.format.open_memmap(path, mode="w+", dtype=NUMBER, shape=shape)
    for pieces in length_batches(encoded.lengths, tokens=TOKENS, rows=ROWS):
        with context.precision(), trunk.tapped() as seen:  # as a step would
            network(context.batch("train", pieces))
        for piece, states in zip(pieces, seen[-1].float().cpu().numpy(), strict=True):
            start, end = encoded.starts[piece], encoded.starts[piece + 1]
            found[start:end] = states[: end - start]
    found.flush()


def _close(context: Context, network: Network, found: Recalled) -> bool:
    """Whether some rows leave the layers as they do the long way, but for the rounding, and all states are numbers of this size."""
    if not all(np.isfinite(found.states[start : start + BLOCK]).all() for start in range(0, len(found.states), BLOCK)):
        return False
    # The first learns in what form the layers give their states.
    ways: tuple[Around, ...] = (lambda *_: found.trunk.tapped(), lambda pieces, _: found(pieces))
    return agree(context, network, layers_of(network) or (), *ways, close=CLOSE)
