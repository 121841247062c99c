"""Latency: wall time of one prediction call on real rows, warm-up left out.

Medians of several blocks, the lowest of which counts: what else a machine does only ever adds time. The highest is kept as its spread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.records import Latency
from leantune.data.encoded import Encoded
from leantune.evaluate.generate import Writer, continued, generation_config
from leantune.evaluate.predict import make_batch
from leantune.models.network import Network

CALLS = {1: 40, 32: 6}
"""Measured calls for each batch size."""
CALLS_WRITING = {1: 10, 32: 2}
"""The same where texts are written, which takes many passes."""
CALLS_ONE_ROW = 20
"""Where batch 1 is all that is asked for."""
BLOCKS = {1: 5, 32: 2}
WARM_UP = 2
Prepared = Callable[[NDArray[np.int64]], Callable[[], object]]
"""Numbers of pieces to the call that reads them."""


def latency(network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device, writer: Writer | None = None) -> Latency:
    """Milliseconds per call at batch 1 and 32, over rows drawn evenly from `encoded` (tokenisation not included).

    Args:
        network: as it is delivered.
        encoded: real rows.
        pad: number of the padding token.
        types: whether the base takes token types.
        device: where the network is.
        writer: how texts are written, where the model writes any; a call then lasts until the last text of its batch has ended.
    """
    forward = _forward(network, encoded, pad=pad, types=types, device=device)
    config = generation_config(network.body, writer, pad) if writer else None

    def writing(pieces: NDArray[np.int64]) -> Callable[[], object]:
        return partial(continued, network, encoded, pieces, config, device)

    parts = {
        size: _parts_ms(writing if writer else forward, encoded, size, calls=calls, device=device)
        for size, calls in (CALLS_WRITING if writer else CALLS).items()
    }
    return Latency(batch_1=min(parts[1]), batch_32=min(parts[32]), slowest_1=max(parts[1]), slowest_32=max(parts[32]))


def one_row_ms(network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device) -> float:
    """Milliseconds per call at batch 1, as `latency` says them, in fewer calls."""
    forward = _forward(network, encoded, pad=pad, types=types, device=device)
    return min(_parts_ms(forward, encoded, 1, calls=CALLS_ONE_ROW, device=device))


def _forward(network: Network, encoded: Encoded, *, pad: int, types: bool, device: torch.device) -> Prepared:
    network.eval()

    def forward(pieces: NDArray[np.int64]) -> Callable[[], object]:
        batch = make_batch(encoded.padded(pieces, pad), types=types).to(device)
        return partial(network, batch)

    return forward


@torch.inference_mode()
def _parts_ms(prepared: Prepared, encoded: Encoded, size: int, *, calls: int, device: torch.device) -> list[float]:
    """Median of each block of calls."""
    times = []
    for call in range(-WARM_UP, calls):
        run = prepared(encoded.units.pieces(_rows(len(encoded.units), size, call)))
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if call >= 0:
            times.append((time.perf_counter() - start) * 1e3)
    length = calls // BLOCKS[size]
    return [statistics.median(times[start : start + length]) for start in range(0, calls, length)]


def _rows(total: int, size: int, call: int) -> NDArray[np.int64]:
    """The same rows for every method: evenly spread, another set at each call."""
    return (np.arange(size, dtype=np.int64) * 7919 + (call + WARM_UP) * size) % total
