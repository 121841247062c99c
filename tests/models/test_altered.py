"""Altered bases: what was asked for stands there, plain `transformers` reads all of it, and nothing else has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModel, AutoModelForMaskedLM

from leantune.core.errors import SpecError
from leantune.core.layers import Layer, Stacks
from leantune.models.altered import altered, stacks_of
from leantune.models.anatomy import anatomy
from leantune.models.base import open_base
from leantune.models.build import lacks_head

FAMILIES = ["bert", "roberta", "distilbert", "deberta-v2", "mpnet", "gpt2", "llama", "t5", "bart", "modernbert"]


def blocks(folder: str) -> list[dict[str, torch.Tensor]]:
    body, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not info["unexpected_keys"]
    return [body.get_submodule(path).state_dict() for path in anatomy(body).blocks]


def alike(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def grown(stacks: Stacks) -> Stacks:
    """The last layer twice more, the second time fresh."""
    return tuple((*stack, stack[-1], Layer(stack[-1].source, fresh=True)) for stack in stacks)


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_stand_where_they_were_put(tiny: Callable[[str], Path], tmp_path: Path, family: str) -> None:
    base = open_base(str(tiny(family)))
    wanted = grown(stacks_of(base))
    found = altered(base, wanted, 1, tmp_path / "deep")
    before, after = blocks(base.location.source), blocks(found.location.source)
    flat = [layer for stack in wanted for layer in stack]
    assert len(after) == len(flat)
    for layer, block in zip(flat, after, strict=True):
        assert alike(block, before[layer.source]) is not layer.fresh
    assert (found.name, found.pooling, found.max_length) == (base.name, base.pooling, base.max_length)
    model = AutoModel.from_pretrained(found.location.source).eval()
    ids = torch.tensor([base.tokenizer("the movie was great")["input_ids"]])
    more = {"decoder_input_ids": ids} if base.config.is_encoder_decoder else {}
    assert model(input_ids=ids, **more).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_one_layer_of_each_side_is_left(tiny: Callable[[str], Path], tmp_path: Path, family: str) -> None:
    base = open_base(str(tiny(family)))
    found = altered(base, tuple(stack[:1] for stack in stacks_of(base)), 0, tmp_path / "flat")
    firsts = [stack[0].source for stack in stacks_of(base)]
    before = blocks(base.location.source)
    assert [alike(one, before[number]) for one, number in zip(blocks(found.location.source), firsts, strict=True)] == [True] * len(firsts)


def test_fresh_layers_depend_on_the_seed_and_nothing_else(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    base = open_base(str(tiny("bert")))
    wanted = ((Layer(0), Layer(1, fresh=True)),)
    made = [blocks(altered(base, wanted, seed, tmp_path / f"{number}").location.source)[1] for number, seed in enumerate((1, 1, 2))]
    assert alike(made[0], made[1])
    assert not alike(made[0], made[2])
    state = torch.random.get_rng_state()
    altered(base, wanted, 3, tmp_path / "again")
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_head_of_the_checkpoint_stays_and_a_lacking_one_stays_lacking(
    tiny: Callable[[str], Path], tiny_lm: Callable[[str], Path], tmp_path: Path
) -> None:
    wanted = ((Layer(1),),)
    spoken = altered(open_base(str(tiny_lm("bert"))), wanted, 0, tmp_path / "lm")
    assert not lacks_head(spoken, "masked")
    own, short = (AutoModelForMaskedLM.from_pretrained(place) for place in (tiny_lm("bert"), spoken.location.source))
    assert alike(own.cls.state_dict(), short.cls.state_dict())
    assert lacks_head(altered(open_base(str(tiny("bert"))), wanted, 0, tmp_path / "bare"), "masked")


def test_first_layers_that_are_made_otherwise_stay(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    base = open_base(str(tiny("t5")))
    encoder, decoder = stacks_of(base)
    with pytest.raises(SpecError, match=r"Layer 1 of T5.* cannot stand at place 0"):
        altered(base, (encoder[1:], decoder), 0, tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_shared_layers_cannot_be_moved(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(SpecError, match="share their weights"):
        stacks_of(open_base(str(tiny("albert"))))


def test_types_of_attention_go_with_their_layers(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    base = open_base(str(tiny("modernbert")))
    found = altered(base, ((Layer(0), Layer(1), Layer(1)),), 0, tmp_path / "deep")
    types = transformers.AutoConfig.from_pretrained(found.location.source).layer_types
    assert types == [base.config.layer_types[number] for number in (0, 1, 1)]
