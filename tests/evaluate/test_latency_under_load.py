"""A clock under load: the quietest part of a measurement counts, and the slowest is carried beside it and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from leantune.comparison.table import _latency
from leantune.core.measured import Cost, Latency
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate import latency as measuring
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec


def busy(times: Iterator[float]) -> Callable[[], float]:
    return lambda: next(times)


def test_a_busy_half_changes_nothing_but_the_spread(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    base = open_base(str(tiny("sentence-bert")))
    network = build_network(base, HeadSpec("sequence", ["bad", "good"], 2), seed=1)
    encoded = encode_rows(base.tokenizer, ExampleChunk(["the movie was great", "what a day"] * 20), 32)

    def clock() -> Iterator[float]:
        """Every call takes a millisecond; the last block of each size three."""
        now = 0.0
        for size in (1, 32):
            calls = measuring.CALLS[size]
            for call in range(-measuring.WARM_UP, calls):
                yield now
                now += 0.003 if call >= calls - calls // measuring.BLOCKS[size] else 0.001
                if call >= 0:
                    yield now

    monkeypatch.setattr(measuring.time, "perf_counter", busy(clock()))
    found = measuring.latency(network, encoded, pad=0, types=True, device=torch.device("cpu"))
    assert (found.batch_1, found.batch_32) == pytest.approx((1.0, 1.0))
    assert (found.slowest_1, found.slowest_32) == pytest.approx((3.0, 3.0))
    assert found.restless


def test_the_table_shows_the_spread_of_a_busy_clock_alone() -> None:
    calm = Latency(batch_1=2.0, batch_32=30.0, slowest_1=2.4, slowest_32=31.0)
    loaded = Latency(batch_1=2.0, batch_32=30.0, slowest_1=3.2, slowest_32=31.0)
    assert _latency(Cost(latency_ms=calm)) == "2.0 / 30.0 ms"
    assert _latency(Cost(latency_ms=loaded)) == "2.0 / 30.0 ms (busy: to 3.2 / 31.0 ms)"
