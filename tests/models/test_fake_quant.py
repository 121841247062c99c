"""Rounded while it trains: the gradient passes, and the weights behind it are the exact ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.fake_quant import fake_quantised, straight
from leantune.testing.trial_run import HEAD, batch_of, logits

Tiny = Callable[[str], Path]


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_it_rounds_for_as_long_as_the_context_lasts(tiny: Tiny, family: str, bits: int) -> None:
    base = open_base(str(tiny(family)))
    network, rows = build_network(base, HEAD, seed=1).eval(), batch_of(base, HEAD)
    before, names = logits(network, rows), sorted(name for name, _ in network.named_parameters())
    with fake_quantised(network, bits):
        off = float((logits(network, rows) - before).abs().max())
        network(rows).sum().backward()
        inside = [value for name, value in network.body.named_parameters() if name.endswith("parametrizations.weight.original")]
        assert inside
        assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in inside[-2:])
    assert 0 < off < (0.2 if bits == 8 else 2)
    assert torch.equal(logits(network, rows), before)
    assert sorted(name for name, _ in network.named_parameters()) == names


def test_eight_bits_are_nearer_than_four(tiny: Tiny) -> None:
    base = open_base(str(tiny("bert")))
    network, rows = build_network(base, HEAD, seed=1).eval(), batch_of(base, HEAD)
    exact, off = logits(network, rows), dict[int, float]()
    for bits in (8, 4):
        with fake_quantised(network, bits):
            off[bits] = float((logits(network, rows) - exact).abs().max())
    assert off[8] < off[4]


def test_the_gradient_passes_straight_through() -> None:
    exact = torch.tensor([0.4, 1.6], requires_grad=True)
    rounded = straight(exact, exact.round())
    assert rounded.tolist() == [0.0, 2.0]
    rounded.sum().backward()
    assert exact.grad is not None
    assert exact.grad.tolist() == [1.0, 1.0]
