"""How far bodies are from each other inside: nothing between twins, and padding does not count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from leantune.models.anatomy import anatomy
from leantune.models.base import open_base
from leantune.models.build import build_network, outer_head
from leantune.models.heads import HeadSpec
from leantune.models.matching import Seen, layer_map, mismatch, state_map, unmatched, watched
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
    assert unmatched(one, wide, ["hidden"]) is None
    assert "4 heads and the teacher 8" in (unmatched(one, wide, ["attention"]) or "")
    assert unmatched(one, wide, ["relations"]) is None
    assert "encoder-decoder" in (unmatched(one, built(tiny("bart"), 0).anatomy, ["hidden"]) or "")


def wide_teacher(folder: Path) -> Network:
    """A body of the same family and tokens, twice as wide."""
    base = open_base(str(folder))
    config = type(base.config).from_dict(base.config.to_dict() | {"hidden_size": 64})
    body = AutoModel.from_config(config).eval()
    return Network(body, outer_head(64, 2), "mean", anatomy(body))


def test_a_narrow_student_is_compared_through_a_map_by_hand(tiny: Callable[[str], Path]) -> None:
    one, other = built(tiny("sentence-bert"), 0), wide_teacher(tiny("sentence-bert"))
    lift = state_map(["hidden"], one.anatomy, other.anatomy, 5)
    assert lift is not None
    assert lift.weight.shape == (64, 32)
    assert lift.bias is None
    ours, theirs, real = seen(one), seen(other), batch().attention_mask.bool()
    found = mismatch(["hidden"], (ours, one.anatomy), (theirs, other.anatomy), batch().attention_mask, lift)
    by_layer = []
    for layer in (0, 1):
        mapped, wanted = ours.states[layer] @ lift.weight.T, theirs.states[layer]
        cosine = (mapped * wanted).sum(dim=-1) / (mapped.norm(dim=-1) * wanted.norm(dim=-1))
        by_layer.append((1 - cosine)[real].mean())
    torch.testing.assert_close(found, torch.stack(by_layer).mean())
    again, another = (state_map(["hidden"], one.anatomy, other.anatomy, seed) for seed in (5, 6))
    assert again is not None
    assert another is not None
    assert torch.equal(again.weight, lift.weight)
    assert not torch.equal(another.weight, lift.weight)
    assert state_map(["hidden"], one.anatomy, one.anatomy, 5) is None
    assert state_map(["relations"], one.anatomy, other.anatomy, 5) is None
