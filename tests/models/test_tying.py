"""Layers that share their weights: one in each group while training, copies on disk, and every method works on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from leantune.core.errors import SpecError
from leantune.core.layers import Layer, Stacks
from leantune.kinds.method import parse_method
from leantune.models.altered import altered, stacks_of
from leantune.models.anatomy import anatomy
from leantune.models.base import Base, open_base
from leantune.models.build import anatomy_of, build_network
from leantune.models.delta import read_delta, write_standing
from leantune.models.slices import shared_layers
from leantune.models.tying import groups_of, parted, tied, untied
from leantune.testing.laws import LAWS
from leantune.testing.trial_run import HEAD, start

SHARED = ((Layer(0, group=0), Layer(0, group=0), Layer(1, group=1), Layer(1, group=1)),)


@pytest.fixture
def base(tiny: Callable[[str], Path], tmp_path: Path) -> Base:
    return altered(open_base(str(tiny("bert"))), SHARED, 0, tmp_path / "shared")


def test_one_layer_of_each_group_is_trained_and_each_place_is_stored(base: Base, tmp_path: Path) -> None:
    network = build_network(base, HEAD, seed=1)
    layers = network.body.get_submodule("bert.encoder.layer")
    assert layers[0] is layers[1] is not layers[2] is layers[3]  # type: ignore[index, comparison-overlap]
    found = network.anatomy
    assert len(found.blocks) == 2
    assert found.layers_run == 4
    assert shared_layers(found)
    assert found.parameters == anatomy_of(base, HEAD).parameters
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01)
    write_standing(network, base, tmp_path / "out")
    plain = AutoModel.from_pretrained(tmp_path / "out")
    assert sum(value.numel() for value in plain.encoder.parameters()) == 2 * sum(value.numel() for value in layers.parameters())
    again = read_delta(base, tmp_path / "out", HEAD)
    ids = torch.tensor([base.tokenizer("the movie was great")["input_ids"]])
    states = [
        body(input_ids=ids).last_hidden_state for body in (plain.eval(), again.body.base_model.eval(), network.body.base_model.eval())
    ]
    torch.testing.assert_close(states[0], states[1])
    torch.testing.assert_close(states[0], states[2])
    assert len(again.anatomy.blocks) == 2


def test_untied_layers_part_ways(base: Base) -> None:
    body = tied(AutoModel.from_pretrained(base.location.source))
    apart = untied(body)
    assert len(anatomy(apart).blocks) == 4
    assert len(anatomy(body).blocks) == 2
    plain = AutoModel.from_pretrained(base.location.source)
    plain.config.leantune_layer_groups = None
    assert tied(plain) is untied(plain) is plain
    assert len(anatomy(plain).blocks) == 4


def test_copies_that_were_trained_on_apart_are_layers_of_their_own(base: Base, tmp_path: Path) -> None:
    body = AutoModel.from_pretrained(base.location.source)
    assert not parted(body)
    body.save_pretrained(tmp_path / "same")
    with torch.no_grad():
        next(body.encoder.layer[1].parameters()).add_(0.5)
    assert parted(body)
    body.save_pretrained(tmp_path / "apart")
    for name in ("same", "apart"):
        base.tokenizer.save_pretrained(tmp_path / name)
    same, apart = (open_base(str(tmp_path / name)) for name in ("same", "apart"))
    assert (same.parted, groups_of(same.config)) == (False, [0, 0, 1, 1])
    assert (apart.parted, groups_of(apart.config)) == (True, None)
    network = build_network(apart, HEAD, seed=1)
    assert len(network.anatomy.blocks) == 4
    ids = torch.tensor([base.tokenizer("the movie was great")["input_ids"]])
    states = [found.eval()(input_ids=ids).last_hidden_state for found in (body, network.body.base_model)]
    torch.testing.assert_close(*states)


def test_ties_are_known_again_and_go_with_the_layers(base: Base, tmp_path: Path) -> None:
    (stack,) = stacks_of(base)
    assert [layer.group for layer in stack] == [0, 0, 1, 1]
    alone = altered(base, ((stack[0], stack[2]),), 0, tmp_path / "alone")
    assert groups_of(alone.config) is None
    some = altered(base, (stack[1:],), 0, tmp_path / "some")
    assert groups_of(some.config) is not None
    assert len(build_network(some, HEAD, seed=1).anatomy.blocks) == 2


@pytest.mark.parametrize("method", ["full", "lora", "bitfit", "head", "houlsby"])
def test_methods_keep_their_laws(base: Base, method: str) -> None:
    run = start(method, base)
    for law in LAWS.values():
        law(run)


def test_what_cannot_be_one_is_told(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    def shared(family: str, stacks: Stacks) -> None:
        altered(open_base(str(tiny(family))), stacks, 0, tmp_path / family)

    with pytest.raises(SpecError, match="a decoder keeps the keys and values"):
        shared("gpt2", ((Layer(0, group=0), Layer(0, group=0)),))
    with pytest.raises(SpecError, match="of another kind"):
        shared("modernbert", ((Layer(0, group=0), Layer(1, group=0)),))


def test_groups_are_neighbours() -> None:
    (link,) = parse_method("share(3) | full").structures
    (found,) = link[1].arranged((tuple(map(Layer, range(8))),))
    assert [(layer.source, layer.group) for layer in found] == [(0, 0)] * 3 + [(3, 1)] * 3 + [(6, 2)] * 2
    for expression, said in (("share(8) | full", "share nothing"), ("share(0) | full", "groups")):
        with pytest.raises(SpecError, match=said):
            parse_method(expression).structures[0][1].arranged((tuple(map(Layer, range(8))),))
