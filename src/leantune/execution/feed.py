"""Feeds: how the rows of a step become logits and targets.

    TokenFeed      tokens -> body -> pooling -> head        anything below the head may be trained
    FeatureFeed    stored pooled states -> head             nothing below the head is trained, so its output never changes

The frozen states are computed once per study, kept on disk, and give the same logits as the long way.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.core.files import write_atomic
from leantune.data.batches import length_batches
from leantune.data.units import Units
from leantune.evaluate.predict import ROWS, TOKENS
from leantune.execution.precision import Precision
from leantune.kinds.task import Task
from leantune.models.network import Batch, Network, pool, token_states
from leantune.models.sought import at_sought

BLOCK = 8_192
"""Rows in memory at a time."""
SPARE = 0.5
"""Of the free disk at most, for a large file."""


class Feed(Protocol):
    """From numbers of training pieces to logits, with gradients, and what the loss compares them with."""

    def __call__(self, pieces: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Logits and targets of the pieces."""
        ...


class Weighed:
    """Batches of pieces, and what the loss of the last one is the mean of: other tokens of a piece may be hidden each time."""

    def __init__(self, batch: Callable[[NDArray[np.int64]], Batch], task: Task) -> None:
        self._batch, self._task = batch, task
        self._targets: Tensor | None = None

    def __call__(self, pieces: NDArray[np.int64]) -> Batch:
        """Of these pieces."""
        found = self._batch(pieces)
        self._targets = found.targets
        return found

    def weight(self) -> int:
        """Rows or tokens (`Task.weight`)."""
        assert self._targets is not None
        return self._task.weight(self._targets)


@dataclass(frozen=True)
class TokenFeed:
    """The whole way through the network."""

    network: Network
    batch: Callable[[NDArray[np.int64]], Batch]
    """Pieces with targets, on the device."""
    precision: Precision
    sought: Callable[[Tensor], Tensor | None]
    """Of targets, the tokens that enter the loss; `Task.sought`."""
    recalled: Callable[[NDArray[np.int64]], AbstractContextManager[None]] | None = None
    """Around a call for these pieces, where the lower layers are read back instead (`execution.recall`)."""
    unpadding: Callable[[Batch], AbstractContextManager[None]] | None = None
    """Around a call for a batch, where its padding is left out (`execution.unpadding`)."""
    narrowing: Callable[[], AbstractContextManager[None]] = nullcontext
    """Around a call, where the last layer works on the tokens alone that are read (`execution.narrowing`)."""

    def __call__(self, pieces: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Logits and targets of the pieces; of a vocabulary those of the sought tokens, (1, N, V) and (1, N)."""
        batch = self.batch(pieces)
        assert batch.targets is not None
        sought = self.sought(batch.targets)
        packed = self.unpadding(batch) if self.unpadding else nullcontext()
        with self.precision(), packed, self.narrowing(), self.recalled(pieces) if self.recalled else nullcontext():
            return self.network(batch, sought), at_sought(batch.targets, sought)


@dataclass(frozen=True)
class FeatureFeed:
    """The head on stored states."""

    read: Callable[[Tensor], Tensor]
    """From states to logits."""
    features: NDArray[np.float32]
    """(pieces, D), on disk."""
    targets: Callable[[NDArray[np.int64]], NDArray[Any]]
    pooled: Callable[[Tensor, NDArray[np.int64]], Tensor]
    """Logits of rows from those of the pieces."""
    device: torch.device

    def __call__(self, pieces: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Logits and targets of the pieces, or of their rows where they are pooled."""
        logits = self.read(torch.from_numpy(self.features[pieces]).to(self.device))
        return self.pooled(logits, pieces), torch.from_numpy(self.targets(pieces)).to(self.device)


@dataclass(frozen=True)
class Features:
    """Pooled states of one split and what it took to compute them."""

    states: NDArray[np.float32]
    """(pieces, D)."""
    seconds: float
    """Charged to every trial that uses them, as if it had run alone."""


Read = Callable[[Batch], Tensor]
"""From tensors on the device to the state (B, D) of each row, by a body in evaluation mode that is frozen."""


def pooled(body: nn.Module, pooling: str) -> Read:
    """Reading by a bare body; pooling: mean, cls or last."""
    body.eval()
    return lambda batch: pool(token_states(body, batch), batch.attention_mask, pooling)


def kept_features(read: Read, lengths: NDArray[np.int64], batch: Callable[[NDArray[np.int64]], Batch], path: Path) -> Features:
    """States of all rows, computed once and kept in `path` (.npy); the caller names everything they depend on in it.

    Args:
        read: from tensors to states.
        lengths: tokens per row.
        batch: from numbers of rows to tensors on the device.
        path: of the file.
    """
    states, seconds = kept(path, lambda part: np.save(part, states_of(read, lengths, batch)))
    return Features(states, seconds)


def kept(path: Path, compute: Callable[[Path], None]) -> tuple[NDArray[Any], float]:
    """An array on disk, computed once, and the seconds that it took.

    Args:
        path: of the file (.npy).
        compute: writes it to another path.
    """
    seconds_path = path.with_suffix(".seconds")
    if not seconds_path.is_file():
        start = time.perf_counter()
        part = path.with_name(f"{path.stem}.{os.getpid()}.part.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        compute(part)
        os.replace(part, path)
        write_atomic(seconds_path, str(time.perf_counter() - start))  # last: it says that the array is whole
    return np.load(path, mmap_mode="r"), float(seconds_path.read_text(encoding="utf-8"))


def has_room(path: Path, needed: int) -> bool:
    """Whether a file for `kept` is there, or the disk has room for its bytes; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.is_file() or needed <= SPARE * shutil.disk_usage(path.parent).free


def means_of_rows(states: NDArray[np.float32], units: Units) -> NDArray[np.float32]:
    """Mean states (rows, D) of the pieces (pieces, D) of each row, one block of rows in memory at a time."""
    found = np.zeros((len(units), states.shape[1]), np.float32)
    for start in range(0, len(units), BLOCK):
        edges = units.starts[start : start + BLOCK + 1]
        block = np.asarray(states[edges[0] : edges[-1]])
        found[start : start + BLOCK] = np.add.reduceat(block, edges[:-1] - edges[0]) / np.diff(edges)[:, None]
    return found


@torch.inference_mode()
def states_of(read: Read, lengths: NDArray[np.int64], batch: Callable[[NDArray[np.int64]], Batch]) -> NDArray[np.float32]:
    """States (rows, D) of all rows; arguments as in `kept_features`."""
    features: NDArray[np.float32] | None = None
    for rows in length_batches(lengths, tokens=TOKENS, rows=ROWS):
        states = read(batch(rows)).float().cpu().numpy()
        if features is None:
            features = np.zeros((len(lengths), states.shape[1]), dtype=np.float32)
        features[rows] = states
    return np.zeros((0, 0), np.float32) if features is None else features
