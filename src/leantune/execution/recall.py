"""Recall: the states that the untrained lower layers make of rows, computed once, kept on disk, and read back in every step and look.

    file       one state for each token, (tokens, D) memory-mapped; float16 of training rows, float32 of dev rows
    shared     by all trials of a run that train nothing below the same layer: learning rates, seeds, methods

It is used in steps where a training visits the rows often enough to earn the one pass that it costs, and where the disk has room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.human import size
from leantune.core.study import Job
from leantune.data.batches import length_batches
from leantune.data.encoded import Encoded
from leantune.evaluate.predict import ROWS, tokens_at_once
from leantune.execution.agreement import Around, agree, attempted, watched
from leantune.execution.context import Context
from leantune.execution.feed import BLOCK, has_room, kept
from leantune.execution.loop import apply_trainable, trained_names
from leantune.execution.results import Attached
from leantune.models.network import Network
from leantune.models.trunk import Trunk, layers_of, trunk_of

FORMAT = 1
"""Of the files; another number is another file name."""
Number = type[np.float16] | type[np.float32]
STEPS, LOOKS = np.float16, np.float32
"""Numbers of the states of training rows, and of dev rows, on whose scores choices are made."""
CLOSE: dict[Number, float] = {STEPS: 0.02, LOOKS: 1e-4}
"""Largest difference of states that these and what is left out above them may make, as a share of their size."""

_CHANGED = "reading back the untrained layers does not give what computing them gives"


@dataclass(frozen=True)
class Recalled:
    """Stored states of the rows of a split."""

    trunk: Trunk
    states: NDArray[Any]
    encoded: Encoded
    device: torch.device
    seconds: float
    """That computing them took; charged to every trial that reads them, as if it had run alone."""

    @contextmanager
    def __call__(self, pieces: NDArray[np.int64]) -> Iterator[None]:
        """Around a forward pass for these pieces, which are padded on the right."""
        lengths = self.encoded.lengths[pieces]
        padded = np.zeros((len(pieces), int(lengths.max()), self.states.shape[1]), self.states.dtype)
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
    return None if trunk is None else _stored(context, attached.network, trunk, "train", STEPS)


def recalled_at_looks(context: Context, attached: Attached) -> Recalled | str | None:
    """The same of its dev rows, which every look reads; test rows are always computed."""
    if not context.conditions.recall or context.task.writes or context.encoded("dev").pool:
        return None
    trunk = _trunk(attached, context.encoded("dev"))
    return None if trunk is None else _stored(context, attached.network, trunk, "dev", LOOKS)


def trunk_in(context: Context, job: Job, attached: Attached) -> Trunk | None:
    """The layers that a trial need not compute in each step; None where there are none, or where it visits the rows too seldom."""
    assert job.recipe is not None
    if not context.conditions.recall or _changes(context, job):
        return None
    encoded = context.encoded("train")
    trunk = _trunk(attached, encoded)
    visited = job.recipe.steps * job.recipe.batch_rows * (encoded.drawn or len(encoded) / max(1, len(encoded.visits)))
    return None if visited < len(encoded) else trunk


def _trunk(attached: Attached, encoded: Encoded) -> Trunk | None:
    """The layers of a network that make the same of these rows in every trial; what is trained is marked so."""
    network = attached.network
    trained = apply_trainable(network, trained_names(network, attached.adaptation))
    return trunk_of(network, trained) if trained and len(encoded) and not (encoded.apart or network.anatomy.vocabulary) else None


def _changes(context: Context, job: Job) -> bool:
    """Whether a step sees other rows than those of train as they are, or drops at random, or teachers read what it reads."""
    assert job.recipe is not None
    grown = context.learned != "train" or context.extra is not None
    return grown or watched(context) or job.recipe.masking == "dynamic" or job.recipe.dropout > 0


def _stored(context: Context, network: Network, trunk: Trunk, split: str, number: Number) -> Recalled | str:
    """The states of a split; why they are computed instead."""
    path = context.cached(split, f"trunk{FORMAT}-{len(trunk.layers)}")
    needed = int(context.encoded(split).starts[-1]) * network.anatomy.hidden * np.dtype(number).itemsize
    instead = f"they are computed {'in every step' if number is STEPS else 'at every look'}"
    if not has_room(path, needed):
        return f"the disk has no room for the states of the untrained layers ({size(needed)}); {instead}"
    return attempted(lambda: _read(context, network, trunk, split, path, number)) or f"{_CHANGED}; {instead}"


def _read(context: Context, network: Network, trunk: Trunk, split: str, path: Path, number: Number) -> Recalled | None:
    """The states of a split; None where reading them back is not the same."""
    states, seconds = kept(path, lambda part: _compute(context, network.eval(), trunk, split, part, number))
    found = Recalled(trunk, states, context.encoded(split), context.device, seconds)
    return found if _close(context, network, found, split, number) else None


@torch.inference_mode()
def _compute(context: Context, network: Network, trunk: Trunk, split: str, path: Path, number: Number) -> None:
    """Write the states of all tokens."""
    encoded = context.encoded(split)
    found = np.lib.format.open_memmap(path, mode="w+", dtype=number, shape=(int(encoded.starts[-1]), network.anatomy.hidden))
    for pieces in length_batches(encoded.lengths, tokens=tokens_at_once(context.device), rows=ROWS):
        batch = context.batch(split, pieces)
        with context.precision() if number is STEPS else nullcontext():  # as a step or a look computes
            states = trunk.below(partial(network, batch)).float().cpu().numpy()
        for piece, own in zip(pieces, states, strict=True):
            start, end = encoded.starts[piece], encoded.starts[piece + 1]
            found[start:end] = own[: end - start]
    found.flush()


def _close(context: Context, network: Network, found: Recalled, split: str, number: Number) -> bool:
    """Whether some rows leave the layers as they do the long way, but for the rounding, and all states are numbers of this size."""
    if not all(np.isfinite(found.states[start : start + BLOCK]).all() for start in range(0, len(found.states), BLOCK)):
        return False
    # The first learns in what form the layers give their states.
    ways: tuple[Around, ...] = (lambda *_: found.trunk.tapped(), lambda pieces, _: found(pieces))
    looked_at = None if number is STEPS else split
    return agree(context, network, layers_of(network) or (), *ways, close=CLOSE[number], looked_at=looked_at)
