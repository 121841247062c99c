"""How far bodies are from each other inside: nothing between twins, and padding does not count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec
from leantune.models.matching import Seen, layer_map, mismatch, unmatched, watched
from leantune.models.network import Batch, Network

HEAD = HeadSpec("sequence", ["bad", "good"], 2)
KINDS = ("hidden", "attention", "relations")


def built(folder: Path, seed: int) -> Network:
    network = build_network(open_base(str(folder)), HEAD, seed=seed).eval()
    if seed:
        with torch.no_grad():
            for value in network.parameters():
                value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(seed)) * 0.05)
    return network


def batch(padding: int = 0) -> Batch:
    ids = torch.tensor([[5, 8, 9, 10, 6], [5, 11, 12, 6, 1]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    more = torch.zeros(2, padding, dtype=torch.int64)
    return Batch(torch.cat([ids, more], 1), torch.cat([mask, more], 1))


def seen(network: Network, padding: int = 0) -> Seen:
    with torch.no_grad(), watched(network) as found:
        network(batch(padding))
    return found


@pytest.mark.parametrize("family", ["sentence-bert", "roberta", "distilbert", "gpt2", "llama", "modernbert"])
@pytest.mark.parametrize("kind", KINDS)
def test_twins_do_not_differ_and_others_do(tiny: Callable[[str], Path], family: str, kind: str) -> None:
    one, twin, other = (built(tiny(family), seed) for seed in (0, 0, 1))
    assert unmatched(one.anatomy, other.anatomy, KINDS) is None
    mask = batch().attention_mask
    sides = [(seen(network), network.anatomy) for network in (one, twin, other)]
    assert float(mismatch([kind], sides[0], sides[1], mask)) == pytest.approx(0, abs=1e-6)
    apart = float(mismatch([kind], sides[0], sides[2], mask))
    assert apart > 1e-5
    wide = [(seen(network, 3), network.anatomy) for network in (one, other)]
    assert float(mismatch([kind], *wide, batch(3).attention_mask)) == pytest.approx(apart, rel=1e-3)


def test_relations_by_hand() -> None:
    from leantune.models.matching import _relation_gap

    values, other = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0)), torch.ones(1, 3, 8)
    real = torch.ones(1, 3, dtype=torch.bool)
    heads = 4  # the greatest common divisor of 4, 8 and 48
    gaps = []
    for head in range(heads):
        ours, theirs = values[0, :, head : head + 1], other[0, :, 2 * head : 2 * head + 2]
        q, p = (ours @ ours.T).softmax(-1), (theirs @ theirs.T / 2**0.5).softmax(-1)
        gaps.append((p * (p / q).log()).sum(-1).mean())
    torch.testing.assert_close(_relation_gap(values, other, real), torch.stack(gaps).mean())


def test_layers_are_paired_evenly_and_the_last_with_the_last() -> None:
    assert layer_map(3, 6) == [1, 3, 5]
    assert layer_map(4, 12) == [2, 5, 8, 11]
    assert layer_map(1, 6) == [5]
    assert layer_map(2, 2) == [0, 1]


def test_what_cannot_be_compared_is_told(tiny: Callable[[str], Path]) -> None:
    one = built(tiny("sentence-bert"), 0).anatomy
    from dataclasses import replace

    wide = replace(one, hidden=64, attention_heads=8)
    assert "32 numbers and those of the teacher 64" in (unmatched(one, wide, ["hidden"]) or "")
    assert "4 heads and the teacher 8" in (unmatched(one, wide, ["attention"]) or "")
    assert unmatched(one, wide, ["relations"]) is None
    assert "encoder-decoder" in (unmatched(one, built(tiny("bart"), 0).anatomy, ["hidden"]) or "")
