"""Feeds: how the rows of a step become logits.

    TokenFeed      tokens -> body -> pooling -> head        anything below the head may be trained
    FeatureFeed    stored pooled states -> head             nothing below the head is trained, so its output never changes

The frozen states are computed once per study, kept on disk, and give the same logits as the long way.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.data.batches import length_batches
from leantune.data.encoding import Encoded
from leantune.evaluate.predict import ROWS, TOKENS, make_batch
from leantune.execution.device import autocast
from leantune.models.network import Network, pool, token_states


class Feed(Protocol):
    """From row numbers of the training split to logits (B, C), with gradients."""

    def __call__(self, rows: NDArray[np.int64]) -> Tensor:
        """Logits of the rows."""
        ...


@dataclass(frozen=True)
class Inputs:
    """How rows are put into tensors."""

    pad: int
    types: bool
    device: torch.device


@dataclass(frozen=True)
class TokenFeed:
    """The whole way through the network."""

    network: Network
    encoded: Encoded
    inputs: Inputs

    def __call__(self, rows: NDArray[np.int64]) -> Tensor:
        """Logits of the rows."""
        batch = make_batch(self.encoded, rows, pad=self.inputs.pad, types=self.inputs.types).to(self.inputs.device)
        with autocast(self.inputs.device):
            return self.network(batch)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FeatureFeed:
    """The head on stored states."""

    head: nn.Linear
    features: NDArray[np.float32]
    """(rows, D), on disk."""
    device: torch.device

    def __call__(self, rows: NDArray[np.int64]) -> Tensor:
        """Logits of the rows."""
        return self.head(torch.from_numpy(self.features[rows]).to(self.device))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Features:
    """Pooled states of one split and what it took to compute them."""

    states: NDArray[np.float32]
    """(rows, D)."""
    seconds: float
    """Charged to every trial that uses them, as if it had run alone."""


def pooled_features(body: nn.Module, pooling: str, encoded: Encoded, inputs: Inputs, path: Path) -> Features:
    """Pooled states of all rows, computed once and kept in `path` (.npy); the caller names everything they depend on in it."""
    seconds_path = path.with_suffix(".seconds")
    if not seconds_path.is_file():
        start = time.perf_counter()
        states = _encode(body, pooling, encoded, inputs)
        part = path.with_name(f"{path.stem}.{os.getpid()}.part.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(part, states)
        os.replace(part, path)
        seconds_path.write_text(str(time.perf_counter() - start), encoding="utf-8")  # last: it says that the states are whole
    return Features(np.load(path, mmap_mode="r"), float(seconds_path.read_text(encoding="utf-8")))


@torch.inference_mode()
def _encode(body: nn.Module, pooling: str, encoded: Encoded, inputs: Inputs) -> NDArray[np.float32]:
    body.eval()
    features: NDArray[np.float32] | None = None
    for rows in length_batches(encoded.lengths, tokens=TOKENS, rows=ROWS):
        batch = make_batch(encoded, rows, pad=inputs.pad, types=inputs.types).to(inputs.device)
        states = pool(token_states(body, batch), batch.attention_mask, pooling).float().cpu().numpy()
        if features is None:
            features = np.zeros((len(encoded), states.shape[1]), dtype=np.float32)
        features[rows] = states
    assert features is not None
    return features
