"""Fewer heads: a model without heads that wrote nothing says the same, and plain `transformers` reads it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModel

from leantune.models.anatomy import anatomy
from leantune.models.head_slices import Plan, kept_heads, plan_of, plans, retained, with_heads
from leantune.models.network import Network, parameter_count
from leantune.models.slices import attention_outputs

COMMON = {
    "vocab_size": 99,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
GROUPED = {"num_key_value_heads": 3, "head_dim": 8}
FAMILIES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "smollm3", "granite", "eurobert"), GROUPED),
}
SILENT = ("bert", "deberta-v2", "roberta", "electra", "distilbert", "modernbert", "gpt2", "t5", "bart", "olmo2", "albert")


def made(family: str) -> Network:
    more = FAMILIES.get(family, {})
    known = {"d_kv": 8, "num_heads": 6} if family == "t5" else {}
    config = CONFIG_MAPPING[family](**COMMON | more | known)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = AutoModel.from_config(config).eval()
    return Network(body, None, "mean", anatomy(body))


@torch.no_grad()
def said(body: Any) -> torch.Tensor:
    ids = torch.arange(1, 31).view(2, 15)
    found: torch.Tensor = body.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return found


@pytest.mark.parametrize("family", [*FAMILIES])
def test_heads_that_write_nothing_can_go(family: str, tmp_path: Path) -> None:
    network = made(family)
    now, sites = plan_of(network), attention_outputs(network.anatomy)
    scores = [torch.rand(now.queries, generator=torch.Generator().manual_seed(layer)) for layer in range(len(sites))]
    wanted = [Plan(4, 2), Plan(3, 3), Plan(2, 1), Plan(2, 2), Plan(1, 1)]
    found = list(plans(network))
    assert set(found) >= {plan for plan in wanted if 48 % plan.queries == 0}
    for plan in found:
        silenced = copy.deepcopy(network)
        for (site, size), score in zip(sites, scores, strict=True):
            queries, _ = kept_heads(plan, now, score)
            off = torch.ones(now.queries, dtype=torch.bool)
            off[queries] = False
            silenced.body.get_submodule(site.path).weight.data[:, off.repeat_interleave(size)] = 0  # type: ignore[union-attr, index, operator]
        cut = with_heads(copy.deepcopy(network), plan, scores)
        assert torch.allclose(said(cut.body), said(silenced.body), atol=1e-5)
        assert cut.anatomy.attention_heads == plan.queries
        assert parameter_count(cut) < parameter_count(network)
        assert plan_of(cut) == plan
    cut.body.save_pretrained(tmp_path)  # type: ignore[operator]
    again, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["mismatched_keys"]
    assert torch.equal(said(again), said(cut.body))


@pytest.mark.parametrize("family", SILENT)
def test_families_that_cannot_say_it(family: str) -> None:
    assert not list(plans(made(family)))


def test_numbers_that_the_family_does_not_take_are_no_plans() -> None:
    five = {"num_attention_heads": 5, "num_key_value_heads": 5, "hidden_size": 40}
    body = AutoModel.from_config(CONFIG_MAPPING["llama"](**COMMON | five))
    left = plans(Network(body, None, "mean", anatomy(body)))
    assert {plan.queries for plan in left} == {1, 2, 4}  # Llama wants 40 to be a multiple of it


def test_the_best_of_the_best_groups_stay() -> None:
    score = torch.tensor([0.1, 0.9, 0.5, 0.6, 0.2, 0.3])
    now = Plan(6, 3)
    queries, groups = kept_heads(Plan(2, 2), now, score)
    assert (queries.tolist(), groups.tolist()) == ([1, 3], [0, 1])
    assert kept_heads(Plan(4, 2), now, score)[0].tolist() == [0, 1, 2, 3]
    assert kept_heads(Plan(2, 1), now, score)[0].tolist() == [2, 3]
    assert retained(Plan(4, 2), now, [score]) == pytest.approx(2.1 / 2.6)
