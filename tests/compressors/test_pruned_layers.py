"""Pruning of whole layers: the least important goes first, targets are reached exactly, what cannot go is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from trained_model import Trained

from leantune.compressors._layers import Layers, count
from leantune.core.errors import SpecError
from leantune.kinds.method import parse_method
from leantune.models.anatomy import Anatomy
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.network import Network, parameter_count
from leantune.models.slices import layer_scores, stacks, with_layers
from leantune.testing.trial_run import HEAD, TEXT

Tiny = Callable[[str], Path]


def opened(tiny: Tiny, family: str) -> Network:
    return build_network(open_base(str(tiny(family))), TEXT if family in ("t5", "bart") else HEAD, seed=1).eval()


def deep(network: Network, layers: int) -> Network:
    """The same with copies of its first layer on top."""
    return with_layers(
        network, {path: [*numbers, *[numbers[0]] * (layers - len(numbers))] for path, numbers in stacks(network.anatomy).items()}
    )


def refused(link: str, found: Anatomy) -> str:
    ((_, compressor),) = parse_method(f"full | {link}").compressors
    return compressor.unsupported(found) or ""


@pytest.mark.parametrize("by", ["taylor", "magnitude"])
def test_half_of_the_layers_are_really_gone_and_the_task_is_still_known(trained: Trained, by: str) -> None:
    found = trained.after(f"prune(layers, keep=0.5, by={by}, rounds=1, steps=20)")
    assert len(found.network.anatomy.blocks) == 1
    assert found.network.body.config.num_hidden_layers == 1  # type: ignore[union-attr]
    assert parameter_count(found.network) < parameter_count(trained.made)
    assert trained.bench.tally(found.network).score() >= 0.9
    assert "50.0 % of the layers are left" in found.notes[0]
    assert "zero" not in found.notes[0]
    assert [point.kept for point in found.curve] == [True, True]


def test_the_layer_with_the_least_score_goes(trained: Trained) -> None:
    scores = layer_scores(trained.network(), trained.bench.batches(256), trained.bench.loss)
    stays = trained.made.body.get_submodule(trained.made.anatomy.blocks[int(scores.argmax())])
    left = trained.after("prune(layers, keep=0.5, steps=0)").network
    (path,) = left.anatomy.blocks
    assert all(torch.equal(value, stays.state_dict()[name]) for name, value in left.body.get_submodule(path).state_dict().items())


def test_magnitude_is_the_root_mean_square_of_the_linear_maps(trained: Trained) -> None:
    (scores,) = Layers().scores(trained.made, trained.bench, "magnitude", 1)
    for layer, score in enumerate(scores.tolist()):
        sites = [site for site in trained.made.anatomy.sites if site.layer == layer and site.kind != "norm"]
        values = [value for site in sites for value in trained.made.body.get_submodule(site.path).weight.flatten().tolist()]  # type: ignore[union-attr, operator]
        assert score == pytest.approx((sum(value**2 for value in values) / len(values)) ** 0.5, rel=1e-4)


def test_rounds_that_leave_as_many_layers_are_one(trained: Trained) -> None:
    eight = deep(trained.network(), 8)
    assert Layers().rounds([0.9, 0.7, 0.66, 0.5, 0.5], eight) == [7 / 8, 6 / 8, 5 / 8, 4 / 8]
    eighths = [1 - part / 8 for part in range(1, 8)]
    assert [round(2 * share) for share in Layers().rounds(eighths, trained.made)] == [1]


def test_several_go_one_after_the_other(trained: Trained) -> None:
    eight = deep(trained.network(), 8)
    scores: list[Tensor] = [torch.tensor([3.0, 8, 1, 6, 2, 7, 4, 5])]
    paths = [eight.body.get_submodule(path) for path in eight.anatomy.blocks]
    cut = Layers().cut(eight, scores, 0.375, eight)
    assert [paths.index(cut.body.get_submodule(path)) for path in cut.anatomy.blocks] == [1, 3, 5]


def test_without_a_share_it_goes_on_while_dev_supports_it(trained: Trained) -> None:
    found = trained.after("prune(layers, margin=90, steps=7)")
    assert len(found.network.anatomy.blocks) == 1
    strict = trained.after("prune(layers, margin=0.01, steps=0)")
    assert len(strict.network.anatomy.blocks) == (1 if strict.curve[-1].kept else 2)
    assert parameter_count(strict.network) == [point for point in strict.curve if point.kept][-1].model_params


def test_layers_are_in_the_picture(trained: Trained) -> None:
    seen = trained.after("prune(layers, keep=0.5, rounds=1, steps=0)").importance
    assert seen is not None
    assert len(seen.layers) == 2
    assert max(seen.layers) == 1.0
    scores = layer_scores(trained.network(), trained.bench.batches(256), trained.bench.loss)
    assert seen.layers == pytest.approx((scores / scores.max()).tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("family", "link", "said"),
    [
        ("albert", "prune(layers)", "share their weights"),
        ("albert", "prune(layers, keep=0.5)", "share their weights"),
        ("albert", "shrink", "share their weights"),
        ("albert", "shrink(neurons=0.5)", "share their weights"),
        ("albert", "elastic", "share their weights"),
        ("bert", "prune(layers, keep=0.9)", "leaves nothing to take out: the model has 2 layers"),
        ("bert", "prune(layers, keep=0.1)", "is less than one"),
        ("t5", "prune(layers, keep=0.2)", "less than one on each side"),
    ],
)
def test_where_no_layer_can_go_it_is_refused(tiny: Tiny, family: str, link: str, said: str) -> None:
    assert said in refused(link, opened(tiny, family).anatomy)


@pytest.mark.parametrize("link", ["prune(neurons, keep=0.5)", "prune(weights, keep=0.5)"])
def test_shared_layers_can_still_be_narrowed(tiny: Tiny, link: str) -> None:
    assert not refused(link, opened(tiny, "albert").anatomy)


def test_a_model_of_one_layer_has_none_to_spare(trained: Trained) -> None:
    one = trained.after("prune(layers, keep=0.5, rounds=1, steps=0)").network
    assert refused("prune(layers)", one.anatomy) == "it has no layer to spare"


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_one_layer_stays_on_each_side_of_an_encoder_decoder(tiny: Tiny, family: str) -> None:
    network = opened(tiny, family)
    assert count(0.5, network.anatomy) == 2
    cut = Layers().cut(network, [torch.tensor([9.0, 1.0, 3.0, 2.0])], 0.5, network)
    assert sorted(map(len, stacks(cut.anatomy).values())) == [1, 1]


def test_layers_that_are_made_differently_stay(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    network = opened(tiny, "bert")
    monkeypatch.setattr("leantune.compressors._layers.removable", lambda network: [])
    with pytest.raises(SpecError) as caught:
        Layers().cut(network, [torch.tensor([1.0, 2.0])], 0.5, network)
    assert "the target cannot be reached: 1 of 2 layers were asked for, and of the 2 that are left none" in caught.value.message


@pytest.mark.parametrize("by", ["movement, keep=0.5", "soft_movement"])
def test_learned_scores_are_refused_with_the_reason(by: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_method(f"full | prune(layers, by={by})")
    assert "layers take taylor or magnitude" in caught.value.message
