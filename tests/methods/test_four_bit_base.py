"""QLoRA: adapters beside a base in 4 bits keep the laws, and plain `peft` loads them on a base that it packs itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import peft
import pytest
import torch
import transformers

from leantune.core.errors import ArtifactError
from leantune.core.packing import Packing
from leantune.execution.loop import apply_trainable
from leantune.methods._tuners import card
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.delta import is_plain, read_delta, write_delta
from leantune.models.four_bit import FILE, ROUNDING, fitting, is_packed
from leantune.models.network import parameter_count, weight_bytes
from leantune.models.surgery import tuner_names
from leantune.testing import laws, trial_run
from leantune.testing.trial_run import HEAD, TEXT, Run, batch_of, logits

pytest.importorskip("bitsandbytes")
pytestmark = pytest.mark.extra

METHODS = ("lora", "lora(sites=all, dora=true)", "adalora(rank=4, target_rank=2)", "ia3", "peft.lora", "peft.adalora", "peft.ia3")
OTHERS = ("peft.hira", "peft.pvera", "peft.randlora", "peft.road")
FAMILIES = ("sentence-bert", "roberta", "distilbert", "electra", "deberta-v2", "mpnet", "modernbert", "llama", "qwen2")
LAWS = (
    laws.names_exist,
    laws.heads_are_trained,
    laws.cost_equals_count,
    laws.frozen_weights_stay_bit_identical,
    laws.every_trained_parameter_moves,
    laws.identity_at_start,
    laws.same_seed_same_delta,
    laws.training_changes_the_logits,
    laws.delta_roundtrip_keeps_logits,
    laws.loss_falls_in_twenty_steps,
)


def opened(folder: Path) -> Base:
    return replace(open_base(str(folder)), packing=Packing())


def packed(run: Run) -> list[str]:
    return [name for name, value in run.network.named_parameters() if value.dtype == torch.uint8]


@pytest.mark.parametrize("expression", [*METHODS, *OTHERS])
def test_adapters_keep_the_laws_on_a_base_in_4_bits(wide: Callable[[str], Path], expression: str) -> None:
    run = trial_run.start(expression, opened(wide("bert")))
    assert run.method.card.four_bit
    assert len(packed(run)) == 12
    for law in LAWS:
        law(run)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_with_maps_that_fit(wide: Callable[[str], Path], family: str) -> None:
    head = TEXT if family == "llama" else HEAD
    run = trial_run.start("lora", opened(wide(family)), head=head)
    plain = build_network(replace(run.base, packing=None), head, seed=1)
    wanted = fitting(plain.body, plain.anatomy.blocks)
    assert len(packed(run)) == len(wanted) > 0
    assert run.network.anatomy == plain.anatomy
    for law in (*LAWS[:5], laws.delta_roundtrip_keeps_logits):
        law(run)


def test_every_tuner_that_is_said_to_stand_on_4_bits_has_a_class_for_it() -> None:
    shipped = [name for name in tuner_names() if find_spec(f"peft.tuners.{name}")]  # other tests register tuners of their own
    assert {name for name in shipped if card(name).four_bit} == {name for name in shipped if find_spec(f"peft.tuners.{name}.bnb")}


def test_a_look_at_dev_does_not_cut_the_gradients(wide: Callable[[str], Path]) -> None:
    run = trial_run.start("lora", opened(wide("bert")))
    states = {name: value.clone() for name, value in run.network.state_dict().items() if value.dtype == torch.uint8}
    logits(run.network, batch_of(run.base, HEAD))
    trained = apply_trainable(run.network.train(), run.trained)
    run.network(batch_of(run.base, HEAD)).sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for name, value in trained.items() if "lora" in name)
    assert all(torch.equal(value, states[name]) for name, value in run.network.state_dict().items() if name in states)


@pytest.mark.parametrize("double", [True, False])
def test_plain_peft_reads_the_adapter_on_a_base_that_it_packs(wide: Callable[[str], Path], tmp_path: Path, double: bool) -> None:
    base = replace(open_base(str(wide("bert"))), packing=Packing(double))
    run = trial_run.start("lora(sites=all)", base)
    write_delta(run.network, run.adaptation, base, tmp_path)
    said = json.loads((tmp_path / FILE).read_text())
    assert said["bnb_4bit_use_double_quant"] is double
    config = transformers.BitsAndBytesConfig(**said)
    plain = peft.AutoPeftModelForSequenceClassification.from_pretrained(tmp_path, num_labels=2, quantization_config=config).eval()
    own, its = run.network.body.state_dict(), plain.state_dict()
    assert own.keys() == its.keys()
    assert all(torch.equal(own[name], its[name]) for name in own if own[name].dtype == torch.uint8)
    batch = batch_of(base, HEAD)
    found = plain(input_ids=batch.input_ids, attention_mask=batch.attention_mask, token_type_ids=batch.token_type_ids).logits
    assert float((found - run.end_logits).abs().max()) < ROUNDING


def test_what_is_stored_and_counted(wide: Callable[[str], Path], tmp_path: Path) -> None:
    run = trial_run.start("lora", opened(wide("bert")))
    write_delta(run.network, run.adaptation, run.base, tmp_path)
    again = read_delta(replace(run.base, packing=None), tmp_path, HEAD, merge=True)
    plain = build_network(replace(run.base, packing=None), HEAD, seed=1)
    added = run.method.cost(run.anatomy) + sum(value.numel() for value in plain.body.classifier.parameters())  # peft keeps the old head too
    assert parameter_count(again) == parameter_count(plain) + added
    assert is_packed(again.body.config)
    assert not is_plain(again)
    assert weight_bytes(again) < 0.5 * weight_bytes(plain)
    folded = read_delta(run.base, tmp_path, HEAD, merge=True, packed=False)
    assert is_plain(folded)
    assert 0 < float((logits(folded, batch_of(run.base, HEAD)) - run.end_logits).abs().max()) < 0.5
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ArtifactError, match="does not say how the base is packed"):
        read_delta(run.base, tmp_path, HEAD)
