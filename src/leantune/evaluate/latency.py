"""Latency: wall time of one prediction call on real rows, warm-up left out.

Medians of several blocks, the lowest of which counts: what else a machine does only ever adds time.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.records import Latency
from leantune.data.encoded import Encoded
from leantune.evaluate.predict import make_batch
from leantune.models.network import Network

CALLS = {1: 40, 32: 6}
"""Measured calls for each batch size."""
BLOCKS = {1: 5, 32: 2}
WARM_UP = 2


def latency(network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device) -> Latency:
    """Milliseconds per call at batch 1 and 32, over rows drawn evenly from `encoded` (tokenisation not included)."""
    network.eval()
    medians = {size: _quiet_ms(network, encoded, size, pad=pad, types=types, device=device) for size in CALLS}
    return Latency(batch_1=medians[1], batch_32=medians[32])


@torch.inference_mode()
def _quiet_ms(network: Network, encoded: Encoded, size: int, *, pad: int, types: bool, device: torch.device) -> float:
    times = []
    for call in range(-WARM_UP, CALLS[size]):
        batch = make_batch(encoded.padded(encoded.units.pieces(_rows(len(encoded.units), size, call)), pad), types=types).to(device)
        start = time.perf_counter()
        network(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        if call >= 0:
            times.append((time.perf_counter() - start) * 1e3)
    length = CALLS[size] // BLOCKS[size]
    return min(statistics.median(times[start : start + length]) for start in range(0, CALLS[size], length))


def _rows(total: int, size: int, call: int) -> NDArray[np.int64]:
    """The same rows for every method: evenly spread, another set at each call."""
    return (np.arange(size, dtype=np.int64) * 7919 + (call + WARM_UP) * size) % total
