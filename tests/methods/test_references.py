"""What is peculiar to each method, against plain `peft`, a formula or a published number."""

from __future__ import annotations

import pytest
import torch
from peft import IA3Config, LoraConfig, VeraConfig, get_peft_model
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, BertConfig

from leantune.core.errors import SpecError
from leantune.kinds.method import parse_method
from leantune.models.anatomy import anatomy
from leantune.models.base import open_base
from leantune.models.build import anatomy_of
from leantune.models.network import Network
from leantune.models.rank_budget import RankBudget
from leantune.testing.trial_run import HEAD, ROWS, attach, encode, fresh, logits, start

TEXTS = [text for text, _ in ROWS]
PLAIN = {
    "lora(rank=4, alpha=8)": LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS"),
    "lora(rank=4, dora=true, rslora=true)": LoraConfig(
        r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS", use_dora=True, use_rslora=True
    ),
    "ia3": IA3Config(
        target_modules=r".*\.(key|value|layer\.\d\.output\.dense)", feedforward_modules=r".*\.layer\.\d\.output\.dense", task_type="SEQ_CLS"
    ),
    "vera(rank=16)": VeraConfig(r=16, target_modules=["query", "value"], task_type="SEQ_CLS", projection_prng_key=3),
}


@pytest.mark.parametrize("expression", PLAIN)
def test_logits_equal_plain_peft(expression: str, tiny) -> None:
    run = start(expression, open_base(str(tiny("bert"))))
    body = AutoModelForSequenceClassification.from_pretrained(str(tiny("bert")), num_labels=2)
    plain = get_peft_model(body, PLAIN[expression])
    plain.load_state_dict(run.network.body.state_dict(), strict=True)
    batch = encode(run.base, TEXTS)
    torch.testing.assert_close(plain.eval()(**batch.inputs()).logits, run.end_logits, atol=1e-6, rtol=0)


def test_a_bottleneck_adds_its_formula_behind_the_layer(tiny) -> None:
    run = start("pfeiffer(width=5, activation=gelu, scale=2.0)", open_base(str(tiny("bert"))))
    layer = _layers(run.network)[0]
    body, x = layer.bottleneck_body["default"], torch.randn(2, 3, 64)
    h = layer.base_layer(x)
    inner = nn.functional.gelu(h @ body.down.weight.T + body.down.bias)
    torch.testing.assert_close(layer(x), h + 2.0 * (inner @ body.up.weight.T + body.up.bias))


def test_a_parallel_adapter_reads_what_the_feed_forward_part_reads(tiny) -> None:
    run = start("parallel(width=5)", open_base(str(tiny("bert"))))
    block = run.network.body.get_base_model().bert.encoder.layer[0]
    adapter, x = block.output.dense, torch.randn(2, 3, 32)
    body = adapter.bottleneck_body["default"]
    inner = block.intermediate.intermediate_act_fn(block.intermediate.dense.weight @ x[0, 0] + block.intermediate.dense.bias)
    added = 4.0 * (body.up.weight @ torch.relu(body.down.weight @ x[0, 0] + body.down.bias) + body.up.bias)
    expected = adapter.base_layer(inner) + added
    torch.testing.assert_close(adapter(block.intermediate(x))[0, 0], expected)


def test_an_attention_body_reads_the_tokens_of_its_row_only(tiny) -> None:
    run = start("pfeiffer(body=attention, width=8)", open_base(str(tiny("bert"))), steps=20)
    batch = encode(run.base, TEXTS[:2])
    changed = batch.input_ids.clone()
    changed[1, 2] = batch.input_ids[1, 3] + 1
    after = logits(run.network, type(batch)(changed, batch.attention_mask, batch.token_type_ids))
    before = logits(run.network, batch)
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_an_attention_body_of_a_decoder_looks_back_only(tiny) -> None:
    run = start("pfeiffer(body=attention, width=8)", open_base(str(tiny("gpt2"))), steps=20)
    assert run.network.body.active_peft_config.causal
    batch = encode(run.base, ["the movie was great"])
    inner = run.network.body.get_base_model().transformer
    one = inner(**batch.inputs()).last_hidden_state
    two = inner(**type(batch)(_last_changed(batch), batch.attention_mask).inputs()).last_hidden_state
    torch.testing.assert_close(one[:, :-1], two[:, :-1])


def test_bitfit_trains_the_biases_and_nothing_else(tiny) -> None:
    run = start("bitfit", open_base(str(tiny("sentence-bert"))))
    assert run.adaptation.trainable == {name for name, _ in run.adaptation.body.named_parameters() if name.endswith("bias")}


def test_head_tuning_leaves_the_body_alone(tiny) -> None:
    assert start("head", open_base(str(tiny("sentence-bert")))).adaptation.trainable == frozenset()
    assert {name.split(".")[0] for name in start("head", open_base(str(tiny("distilbert")))).adaptation.trainable} == {
        "pre_classifier",
        "classifier",
    }


def test_last_layers_takes_the_norm_after_them(tiny) -> None:
    names = start("last_layers(1)", open_base(str(tiny("llama")))).adaptation.trainable
    assert any(".layers.1." in name for name in names)
    assert not any(".layers.0." in name for name in names)
    assert "model.norm.weight" in names


def test_houlsby_without_lower_layers_leaves_their_norms(tiny) -> None:
    run = start("houlsby(layers=-1)", open_base(str(tiny("bert"))))
    assert not any(".layer.0." in name for name in run.trained)
    assert not any("embeddings" in name for name in run.trained)


def test_the_rank_budget_moves_to_its_target(tiny) -> None:
    run = start("adalora(rank=6, target_rank=2)", open_base(str(tiny("bert"))), steps=40)
    sites = len(run.anatomy.at(["query", "value"]))
    kept = RankBudget(run.adaptation.body, 0.0, 40).kept()
    assert kept <= 2 * sites
    assert kept > 0


def test_the_orthogonality_penalty_equals_that_of_peft(tiny) -> None:
    run = start("adalora(orthogonality=0.5)", open_base(str(tiny("bert"))))
    batch, gold = encode(run.base, TEXTS), torch.tensor([label for _, label in ROWS])
    body = run.network.body
    body.peft_config["default"].orth_reg_weight = 0.5
    with_penalty = body(**batch.inputs(), labels=gold).loss
    plain = nn.functional.cross_entropy(run.end_logits, gold)
    torch.testing.assert_close(run.adaptation.penalty(), with_penalty - plain, atol=1e-5, rtol=1e-5)


def test_a_prompt_equals_its_vectors_before_the_text(tiny) -> None:
    run = start("prompt(tokens=3)", open_base(str(tiny("sentence-bert"))))
    body, batch = run.network.body, encode(run.base, TEXTS)
    prompt = body.prompt_encoder["default"].embedding.weight.expand(len(TEXTS), -1, -1)
    model = body.get_base_model()
    embedded = torch.cat([prompt, model.embeddings.word_embeddings(batch.input_ids)], dim=1)
    mask = torch.cat([torch.ones(len(TEXTS), 3, dtype=torch.long), batch.attention_mask], dim=1)
    states = model(inputs_embeds=embedded, attention_mask=mask).last_hidden_state[:, 3:]
    weights = batch.attention_mask.unsqueeze(-1).float()
    expected = run.network.head((states * weights).sum(1) / weights.sum(1))
    torch.testing.assert_close(run.end_logits, expected, atol=1e-6, rtol=1e-5)


def test_a_prompt_starts_as_tokens_of_the_vocabulary(tiny) -> None:
    base = open_base(str(tiny("electra")))
    method = parse_method("prompt").method
    network = fresh(base, method)
    attach(network, method, steps=3, seed=0)
    table = network.body.get_base_model().get_input_embeddings().weight
    vectors = network.body.prompt_encoder["default"].embedding.weight
    assert (vectors[:, None] == table[None]).all(dim=-1).any(dim=1).all()


def test_a_prefix_starts_as_keys_and_values_of_tokens(tiny) -> None:
    """Cross-checked with the cache that a decoder fills itself (GPT-2 stores keys as they are projected)."""
    base = open_base(str(tiny("gpt2")))
    method = parse_method("prefix(tokens=4)").method
    network = fresh(base, method)
    plain = AutoModel.from_pretrained(str(tiny("gpt2"))).eval()
    attach(network, method, steps=3, seed=0)
    prompt = network.body.get_prompt(batch_size=1)
    first_keys = prompt.layers[0].keys
    candidates = plain(torch.arange(plain.config.vocab_size)[:, None], use_cache=True).past_key_values.layers[0].keys
    # Layer 0 sees a token and its position: compare position 0 of the prefix with every token alone at position 0.
    distance = (candidates[:, :, 0] - first_keys[0, :, 0]).flatten(1).norm(dim=1)
    assert distance.min() < 1e-5


BERT_BASE = BertConfig()
MINILM = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
PUBLISHED = {
    "full": (109_482_240, None),
    "head": (0, 0),
    "bitfit": (102_912, 26_112),
    "norm": (38_400, 9_984),
    "houlsby(layernorm=false)": (1_789_056, 226_080),
    "pfeiffer": (894_528, 113_040),
    "parallel": (7_091_712, 888_192),
    "lora": (294_912, 73_728),
    "adalora": (442_656, 110_736),
    "ia3": (55_296, 13_824),
    "sparse": (294_912, 73_728),
    "vera": (24_576, 7_680),
    "prefix(tokens=20)": (368_640, 92_160),
    "prompt(tokens=20)": (15_360, 7_680),
    "last_layers(1)": (7_087_872, 1_774_464),
}


@pytest.mark.parametrize("expression", PUBLISHED)
def test_counts_on_bert_base_and_minilm(expression: str) -> None:
    """In thousands these are the numbers of the papers: BitFit 103 k, LoRA 295 k, Pfeiffer 895 k, prefix 369 k ..."""
    method = parse_method(expression).method
    for config, expected in zip((BERT_BASE, MINILM), PUBLISHED[expression], strict=True):
        with torch.device("meta"):
            body = AutoModel.from_config(config)
        if expected is not None:
            assert method.cost(anatomy(body)) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("lora(sites=qurey)", 'Closest: "query"'),
        ("lora(rnk=4)", 'Closest: "rank"'),
        ("adalora(rank=4, target_rank=4)", "must be smaller"),
        ("prefix(init=zero)", "vocabulary"),
        ("peft", "name a tuner"),
        ("peft.oftt", 'Closest: "oft"'),
        ("peft.oft(8)", "with its name"),
        ("peft.oft(rr=8)", 'Closest: "r"'),
        ("peft.poly", "task of every row"),
        ("peft.trainable_tokens", "token_indices"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(expression: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_method(expression)


def test_layers_that_do_not_exist_are_told(tiny) -> None:
    with pytest.raises(SpecError, match="layers 0 to 1"):
        start("lora(layers=7)", open_base(str(tiny("bert"))))


def test_decoders_start_lora_lower(tiny) -> None:
    lora = parse_method("lora").method
    encoder, decoder = (anatomy_of(open_base(str(tiny(family))), HEAD) for family in ("bert", "llama"))
    assert lora.rates(decoder).start < lora.rates(encoder).start


def test_large_bodies_take_smaller_steps() -> None:
    with torch.device("meta"):
        large, small = (anatomy(AutoModel.from_config(config)) for config in (BERT_BASE, MINILM))
    full = parse_method("full").method
    assert full.rates(large).high <= 5e-5 < full.rates(small).high


def _layers(network: Network) -> list[nn.Module]:
    return [part for part in network.body.modules() if type(part).__name__ == "BottleneckLayer"]


def _last_changed(batch) -> torch.Tensor:
    ids = batch.input_ids.clone()
    ids[0, -1] += 1
    return ids
