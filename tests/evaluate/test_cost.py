"""What a prediction costs: latency as a median on real rows, floating-point operations as they can be counted by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from leantune.core import catalogue
from leantune.core.records import Flops
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.flops import flops_per_row
from leantune.evaluate.latency import CALLS, WARM_UP, latency
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec
from leantune.models.network import Batch, Network
from leantune.testing.trial_run import encode

TEXTS = ["the movie was great", "i hate this book", "what a nice day", "we love good food"]


@pytest.fixture(scope="module")
def base(tiny: Callable[[str], Path]) -> Base:
    return open_base(str(tiny("sentence-bert")))


def network_of(base: Base) -> Network:
    return build_network(base, HeadSpec("sequence", ["bad", "good"], 2), seed=1)


def counted(network: Network, base: Base, rows: int = 4) -> Flops:
    batch = replace(encode(base, TEXTS[:rows]), targets=torch.arange(rows) % 2)
    return flops_per_row(network, catalogue.load("tasks", "classification"), batch, rows=rows)


def test_a_frozen_body_costs_its_forward_and_a_head_two_products(base: Base) -> None:
    network = network_of(base)
    assert network.head is not None
    network.body.requires_grad_(False)
    found = counted(network, base)
    assert found.predict > 0
    assert found.train - found.predict == 2 * network.head.weight.numel(), "the gradient of the head's matrix"
    assert network.head.weight.grad is None, "nothing is left behind"


def test_training_every_weight_costs_about_three_forwards(base: Base) -> None:
    found = counted(network_of(base), base)
    assert 2.8 < found.train / found.predict < 3.1


def test_operations_are_counted_per_row_and_attention_among_them(base: Base) -> None:
    network = network_of(base)
    together, tokens = counted(network, base), encode(base, TEXTS).input_ids.shape[1]
    assert encode(base, TEXTS[:1]).input_ids.shape[1] == tokens
    assert counted(network, base, rows=1) == together
    matrices = sum(part.weight.numel() for part in network.body.modules() if isinstance(part, nn.Linear))
    assert network.head is not None
    attention = 2 * 2 * 2 * tokens * tokens * 32
    """Two layers, two products each, two operations for a multiply and an add."""
    assert together.predict == 2 * tokens * matrices + attention + 2 * network.head.weight.numel()


class Slow(nn.Module):
    """Takes a millisecond, for more rows ten; the warm-up takes nothing and two calls are late, which a mean would show."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[int, list[Tensor]] = {size: [] for size in CALLS}

    def forward(self, batch: Batch) -> None:
        calls = self.calls[len(batch.input_ids)]
        calls.append(batch.input_ids)
        measured = len(calls) - WARM_UP
        if measured > 0:
            time.sleep(0.4 if measured in (1, 4) else 0.001 if len(batch.input_ids) == 1 else 0.01)


def test_latency_is_a_median_without_the_warm_up(base: Base) -> None:
    def measured() -> Slow:
        network = Slow()
        found = latency(network, rows, pad=0, types=False, device=torch.device("cpu"))  # type: ignore[arg-type]
        assert 1 <= found.batch_1 < 10
        assert 10 <= found.batch_32 < 100
        return network

    rows: Encoded = encode_rows(base.tokenizer, ExampleChunk([text[: 3 + place] for place, text in enumerate(TEXTS * 3)]), 64)
    first, second = measured(), measured()
    for size, number in CALLS.items():
        assert len(first.calls[size]) == number + WARM_UP
        assert all(torch.equal(one, other) for one, other in zip(first.calls[size], second.calls[size], strict=True)), "the same rows"
    assert len({tuple(call.flatten().tolist()) for call in first.calls[1]}) > 1, "not one row over and over"
