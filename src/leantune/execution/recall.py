"""Recall: the states that the untrained lower layers make of rows, computed once, kept on disk, and read back in every step and look.

    file       one state for each token, (tokens, D) memory-mapped; float16 of training rows, float32 of those that are looked at
    shared     by all trials of a run that train nothing below the same layer: learning rates, seeds, methods

It is used in steps where a training visits the rows often enough to earn the one pass that it costs, and where the disk has room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

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
STEPS, LOOKS = np.float16, np.float32
"""Numbers of the states of training rows, and of those that are looked at."""
CLOSE = {STEPS: 0.02, LOOKS: 1e-4}
"""Largest difference of states that these and what is left out above them may make, as a share of their size."""

_CHANGED = "reading back the untrained layers changes what the layers above make of them; they are computed in every step"


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
    if trunk is None:
        return None
    if (needed := _room_for(context, attached.network, trunk, "train", STEPS)) is not None:
        return f"the disk has no room for the states of the untrained layers ({size(needed)}); they are computed in every step"
    return _stored(context, attached.network, trunk, "train", STEPS) or _CHANGED


class Looks:
    """The stored states of the rows that a trial looks at: dev, and the test sets."""

    def __init__(self, splits: Sequence[str], stored: Callable[[str], Recalled | None]) -> None:
        self._splits, self._stored = splits, cache(stored)

    def read(self, split: str) -> Recalled | None:
        """Of a split; None where reading them back is not the same, and of other splits."""
        return self._stored(split) if split in self._splits else None


def looks_in(context: Context, attached: Attached) -> Looks | str | None:
    """How a trial reads the rows that it looks at; why it computes all layers although that could be spared; None where it could not."""
    encoded = context.encoded("dev")
    if not context.conditions.recall or encoded.pool or context.task.writes:
        return None
    trunk = _trunk(attached, encoded)
    if trunk is None:
        return None
    splits = ("dev", *context.dataset.tests.values())
    needed = [room for split in splits if (room := _room_for(context, attached.network, trunk, split, LOOKS)) is not None]
    if needed:
        return f"the disk has no room for the states of rows that are looked at ({size(sum(needed))}); all layers are computed at each look"
    return Looks(splits, lambda split: _stored(context, attached.network, trunk, split, LOOKS))


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
    """The layers of a network that make the same of these rows in every trial."""
    network = attached.network
    trained = apply_trainable(network, trained_names(network, attached.adaptation))
    return trunk_of(network, trained) if trained and len(encoded) and not (encoded.apart or network.anatomy.vocabulary) else None


def _changes(context: Context, job: Job) -> bool:
    """Whether a step sees other rows than those of train as they are, or drops at random, or teachers read what it reads."""
    assert job.recipe is not None
    teachers = context.mentors is not None and bool(context.mentors.networks)
    grown = context.learned != "train" or context.extra is not None
    return grown or teachers or job.recipe.masking == "dynamic" or job.recipe.dropout > 0


def _file(context: Context, trunk: Trunk, split: str, number: DTypeLike) -> Path:
    return context.cached(split, f"trunk{FORMAT}-{len(trunk.layers)}-{np.dtype(number).name}")


def _room_for(context: Context, network: Network, trunk: Trunk, split: str, number: DTypeLike) -> int | None:
    """The bytes that the states of a split need where the disk has no room for them."""
    needed = int(context.encoded(split).starts[-1]) * network.anatomy.hidden * np.dtype(number).itemsize
    return None if has_room(_file(context, trunk, split, number), needed) else needed


def _stored(context: Context, network: Network, trunk: Trunk, split: str, number: DTypeLike) -> Recalled | None:
    """The states of a split; None where reading them back is not the same."""
    encoded = context.encoded(split)
    path = _file(context, trunk, split, number)
    states, seconds = kept(path, lambda part: _compute(context, network.eval(), trunk, split, part, number))
    found = Recalled(trunk, states, encoded, context.device, seconds)
    return found if _close(context, network, found, split) else None


@torch.inference_mode()
def _compute(context: Context, network: Network, trunk: Trunk, split: str, path: Path, number: DTypeLike) -> None:
    """Write the states of all tokens."""
    encoded = context.encoded(split)
    found = np.lib.format.open_memmap(path, mode="w+", dtype=number, shape=(int(encoded.starts[-1]), network.anatomy.hidden))
    for pieces in length_batches(encoded.lengths, tokens=TOKENS, rows=ROWS):
        batch = context.batch(split, pieces)
        with _precision(context, number):
            states = trunk.below(partial(network, batch)).float().cpu().numpy()
        for piece, own in zip(pieces, states, strict=True):
            start, end = encoded.starts[piece], encoded.starts[piece + 1]
            found[start:end] = own[: end - start]
    found.flush()


def _precision(context: Context, number: DTypeLike) -> AbstractContextManager[object]:
    """As a step or a look would compute."""
    return context.precision() if number == STEPS else nullcontext()


def _close(context: Context, network: Network, found: Recalled, split: str) -> bool:
    """Whether some rows leave the layers as they do the long way, but for the rounding, and all states are numbers of this size."""
    if not all(np.isfinite(found.states[start : start + BLOCK]).all() for start in range(0, len(found.states), BLOCK)):
        return False
    # The first learns in what form the layers give their states.
    ways: tuple[Around, ...] = (lambda *_: found.trunk.tapped(), lambda pieces, _: found(pieces))
    looked_at = None if found.states.dtype == STEPS else split
    return agree(context, network, layers_of(network) or (), *ways, close=CLOSE[found.states.dtype.type], looked_at=looked_at)
