"""Sites are found by structure, on every family; the table is the expected result."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from leantune.core.errors import SpecError
from leantune.models.anatomy import Anatomy
from leantune.models.base import open_base
from leantune.models.build import anatomy_of
from leantune.models.places import NAMES
from leantune.testing.tiny import FAMILIES
from leantune.testing.trial_run import HEAD

BERT = ("attention.self.query", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense")
EXPECTED = {
    "bert": BERT,
    "roberta": BERT,
    "xlm-roberta": BERT,
    "electra": BERT,
    "distilbert": ("attention.q_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2"),
    "albert": ("attention.query", "attention.value", "attention.dense", "ffn", "ffn_output"),
    "deberta-v2": (
        "attention.self.query_proj",
        "attention.self.value_proj",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ),
    "mpnet": ("attention.attn.q", "attention.attn.v", "attention.attn.o", "intermediate.dense", "output.dense"),
    "modernbert": ("attn.Wqkv", "attn.Wqkv", "attn.Wo", "mlp.Wi", "mlp.Wo"),
    "gpt2": ("attn.c_attn", "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    "llama": ("self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"),
    "qwen2": ("self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"),
}
HEADS = {"distilbert": {"pre_classifier", "classifier"}, "deberta-v2": {"pooler", "classifier"}, "modernbert": {"head", "classifier"}}
HEADS |= {family: {"score"} for family in ("gpt2", "llama", "qwen2")}


def _anatomy(tiny, family: str) -> Anatomy:
    return anatomy_of(open_base(str(tiny(family))), HEAD)


@pytest.mark.parametrize("family", EXPECTED)
def test_sites_of_the_last_layer(family: str, tiny) -> None:
    anatomy = _anatomy(tiny, family)
    block = anatomy.blocks[-1]
    found = tuple(anatomy.at([kind], [-1])[0].path for kind in ("query", "value", "attention_out", "ffn_in", "ffn_out"))
    assert found == tuple(f"{block}.{path}" for path in EXPECTED[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_has_every_site_and_no_head_is_among_them(family: str, tiny) -> None:
    anatomy = _anatomy(tiny, family)
    for layer in range(len(anatomy.blocks)):
        assert all(anatomy.at([kind], [layer]) for kind in NAMES)
    assert not [site for site in anatomy.sites if site.path.startswith(anatomy.heads)] if anatomy.heads else True


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "sentence-bert"])
def test_heads_are_what_the_checkpoint_lacks(family: str, tiny) -> None:
    assert set(_anatomy(tiny, family).heads) == HEADS.get(family, {"classifier"})


def test_only_norms_behind_the_last_block_are_final(tiny) -> None:
    assert _anatomy(tiny, "llama").final_norms == ("model.norm",)
    assert _anatomy(tiny, "modernbert").final_norms == ("model.final_norm",)
    assert _anatomy(tiny, "gpt2").final_norms == ("transformer.ln_f",)
    assert _anatomy(tiny, "deberta-v2").final_norms == ()
    assert _anatomy(tiny, "bert").final_norms == ()


def test_widths_and_kinds(tiny) -> None:
    assert _anatomy(tiny, "albert").embedding_width == _anatomy(tiny, "electra").embedding_width == 16
    assert _anatomy(tiny, "llama").key_value_width == 16
    assert {family for family in FAMILIES if _anatomy(tiny, family).causal} == {"gpt2", "llama", "qwen2"}
    takes = {"bert", "sentence-bert", "roberta", "xlm-roberta", "electra", "gpt2", "llama", "qwen2"}
    assert {family for family in FAMILIES if _anatomy(tiny, family).takes_cache} == takes


def test_sizes_add_up(tiny) -> None:
    anatomy = _anatomy(tiny, "bert")
    body = AutoModel.from_pretrained(str(tiny("bert")))
    assert anatomy.body_params == sum(parameter.numel() for parameter in body.parameters())
    assert anatomy.size([anatomy.blocks[0]]) == sum(parameter.numel() for parameter in body.encoder.layer[0].parameters())
    assert anatomy.size(["bert.encoder.layer.1", anatomy.blocks[1]]) == anatomy.size([anatomy.blocks[1]])


def test_the_skeleton_is_the_same_body(tiny) -> None:
    with torch.device("meta"):
        skeleton = _anatomy(tiny, "deberta-v2").skeleton()
    assert sum(parameter.numel() for name, parameter in skeleton.named_parameters() if name.startswith("deberta.")) == 24832


def test_a_layer_that_does_not_exist(tiny) -> None:
    with pytest.raises(SpecError, match="layers 0 to 1"):
        _anatomy(tiny, "bert").at(["query"], [2])
