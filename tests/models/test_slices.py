"""Slices: a body without some layers or neurons is an ordinary model of its family, which reads back as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leantune.models.adaptation import Adaptation
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.delta import read_delta, write_delta
from leantune.models.network import Network, parameter_count
from leantune.models.slices import (
    feed_forward,
    layer_scores,
    neuron_scores,
    neurons,
    removable,
    shared_layers,
    with_neurons,
    without_layers,
)
from leantune.testing.tiny import FAMILIES, TRANSDUCERS
from leantune.testing.trial_run import HEAD, TEXT, batch_of, logits

Tiny = Callable[[str], Path]
ALL = [*FAMILIES, *TRANSDUCERS]


def opened(tiny: Tiny, family: str) -> tuple[Base, Network]:
    base = open_base(str(tiny(family)))
    return base, build_network(base, TEXT if family in TRANSDUCERS else HEAD, seed=1).eval()


def read_back(network: Network, base: Base, folder: Path, family: str) -> tuple[Tensor, Tensor]:
    head = TEXT if family in TRANSDUCERS else HEAD
    rows = batch_of(base, head)
    write_delta(network, Adaptation(network.body, frozenset()), base, folder)
    return logits(network, rows), logits(read_delta(base, folder, head), rows)


@pytest.mark.parametrize("family", ALL)
def test_without_a_layer_it_reads_back_the_same(tiny: Tiny, tmp_path: Path, family: str) -> None:
    base, network = opened(tiny, family)
    if shared_layers(network.anatomy):
        pytest.skip("its layers are one")
    before, rows = parameter_count(network), batch_of(base, TEXT if family in TRANSDUCERS else HEAD)
    whole = logits(network, rows)
    smaller = without_layers(network, [removable(network)[0]])
    found, again = read_back(smaller, base, tmp_path, family)
    assert len(smaller.anatomy.blocks) == (3 if family in TRANSDUCERS else 1)
    assert parameter_count(smaller) < before
    assert torch.equal(found, again)
    assert not torch.equal(found, whole)


@pytest.mark.parametrize("family", ALL)
def test_with_half_of_the_neurons_it_reads_back_the_same(tiny: Tiny, tmp_path: Path, family: str) -> None:
    base, network = opened(tiny, family)
    width = neurons(network.anatomy)
    assert width > 0
    before = parameter_count(network)
    kept = [torch.arange(width)[::2] for _ in network.anatomy.blocks]
    smaller = with_neurons(network, kept)
    found, again = read_back(smaller, base, tmp_path, family)
    assert neurons(smaller.anatomy) == width // 2
    assert parameter_count(smaller) < before
    assert torch.equal(found, again)


@pytest.mark.parametrize("family", ["bert", "modernbert", "gpt2", "llama", "t5"])
def test_neurons_that_do_nothing_go_without_a_trace(tiny: Tiny, family: str) -> None:
    base, network = opened(tiny, family)
    rows = batch_of(base, TEXT if family in TRANSDUCERS else HEAD)
    width = neurons(network.anatomy)
    for _, outer in feed_forward(network.anatomy):
        weight = network.body.get_submodule(outer.path).weight
        with torch.no_grad():
            (weight if weight.shape[0] == width and weight.shape[1] != width else weight.T)[width // 2 :] = 0
    before = logits(network, rows)
    scores = neuron_scores(network, [rows], lambda net, batch: net(batch).square().mean())
    kept = [score.argsort(descending=True)[: width // 2].sort().values for score in scores]
    torch.testing.assert_close(logits(with_neurons(network, kept), rows), before, rtol=1e-4, atol=1e-5)


def test_the_score_of_a_neuron_is_the_first_order_change_of_the_loss(tiny: Tiny) -> None:
    """Against the derivative by a factor on the neuron, taken by finite differences."""
    base, network = opened(tiny, "bert")
    rows = batch_of(base, HEAD)
    network = network.double()

    def loss(net: Network, batch: object) -> Tensor:
        return net(batch).square().mean()  # type: ignore[arg-type]

    score = neuron_scores(network, [rows], loss)[0][3]
    outer = network.body.get_submodule(feed_forward(network.anatomy)[0][1].path)
    with torch.no_grad():
        values, step = outer.weight[:, 3].clone(), 1e-4
        sides = []
        for factor in (1 + step, 1 - step):
            outer.weight[:, 3] = values * factor
            sides.append(loss(network, rows))
    assert abs(abs(float(sides[0] - sides[1]) / (2 * step)) - float(score)) < 1e-6


@pytest.mark.parametrize(("family", "expected"), [("bert", [0, 1]), ("modernbert", [1]), ("t5", [1, 3]), ("bart", [0, 1, 2, 3])])
def test_first_layers_that_are_made_otherwise_stay(tiny: Tiny, family: str, expected: list[int]) -> None:
    assert removable(opened(tiny, family)[1]) == expected


def test_numbers_of_a_decoders_layers_follow_their_places(tiny: Tiny) -> None:
    _, network = opened(tiny, "llama")
    smaller = without_layers(network, [0])
    assert [part.layer_idx for part in smaller.body.modules() if hasattr(part, "layer_idx")] == [0]


@pytest.mark.parametrize("family", ["bert", "deberta-v2", "modernbert", "gpt2", "llama", "t5", "bart"])
def test_a_layers_score_is_how_the_loss_moves_with_a_gate_on_what_it_adds(tiny: Tiny, family: str) -> None:
    """Against a finite difference: y becomes x + g (y - x), and g moves around 1."""
    base, network = opened(tiny, family)
    network, rows = network.double(), batch_of(base, TEXT if family in TRANSDUCERS else HEAD)

    def loss(net: Network, batch: object) -> Tensor:
        return net(batch).square().mean()  # type: ignore[arg-type]

    def gated(path: str, gate: float) -> float:
        def hook(part: object, inputs: tuple[Tensor, ...], named: dict[str, Tensor], made: object) -> object:
            before = inputs[0] if inputs else named["hidden_states"]
            first, *rest = made if isinstance(made, tuple) else (made,)
            mixed = before + gate * (first - before)
            return (mixed, *rest) if isinstance(made, tuple) else mixed

        with torch.no_grad(), network.body.get_submodule(path).register_forward_hook(hook, with_kwargs=True):
            return float(loss(network, rows))

    scores, step = layer_scores(network, [rows], loss), 1e-3  # some families compute norms and attention in float32 whatever they read
    assert scores.shape == (len(network.anatomy.blocks),)
    for path, score in zip(network.anatomy.blocks, scores.tolist(), strict=True):
        slope = abs(gated(path, 1 + step) - gated(path, 1 - step)) / (2 * step)
        assert slope == pytest.approx(score, rel=2e-3, abs=5e-5)
