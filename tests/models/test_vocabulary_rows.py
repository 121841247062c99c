"""Vocabulary rows: the same logits for the same tokens under their new numbers, ties kept, read back by plain `transformers`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification

from leantune.models.anatomy import anatomy
from leantune.models.network import Network
from leantune.models.vocabulary_rows import special_numbers, with_vocabulary

WRITES = dict.fromkeys(("gpt2", "llama"), AutoModelForCausalLM) | dict.fromkeys(("t5", "bart"), AutoModelForSeq2SeqLM)


def cut(body: Any) -> tuple[Network, np.ndarray]:
    size = body.config.vocab_size
    kept = np.array(sorted({*special_numbers(body.config), *range(3, size, 2)}))
    return with_vocabulary(Network(body, None, "stock", anatomy(body)), kept), kept


@torch.no_grad()
def said(body: Any, ids: torch.Tensor) -> torch.Tensor:
    more = {"decoder_input_ids": ids} if body.config.is_encoder_decoder else {}
    found: torch.Tensor = body.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), **more).logits
    return found


@pytest.mark.parametrize(
    "family", ["bert", "roberta", "distilbert", "albert", "electra", "mpnet", "modernbert", "gpt2", "llama", "t5", "bart"]
)
def test_logits_of_words_stay(tiny_lm: Callable[[str], Path], tmp_path: Path, family: str) -> None:
    auto = WRITES.get(family, AutoModelForMaskedLM)
    body = auto.from_pretrained(tiny_lm(family))
    tied = body.get_output_embeddings().weight is body.get_input_embeddings().weight
    places = torch.tensor([[5, 9, 20, 7]])
    size, before, named = body.config.vocab_size, sum(value.numel() for value in body.parameters()), special_numbers(body.config)
    kept = np.array(sorted({*named, *range(3, size, 2)}))
    old = said(body, torch.from_numpy(kept)[places])
    network, kept = cut(body)
    found = said(network.body, places)
    assert torch.allclose(found, old[..., torch.from_numpy(kept)], atol=1e-5)
    after = network.body
    assert (after.get_output_embeddings().weight is after.get_input_embeddings().weight) == tied
    assert after.config.vocab_size == len(kept) < size
    assert sum(value.numel() for value in after.parameters()) < before
    assert sum(network.anatomy.parameters.values()) <= sum(value.numel() for value in after.parameters())
    assert {int(kept[place]) for place in special_numbers(after.config)} == named
    after.save_pretrained(tmp_path)
    again, info = auto.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["mismatched_keys"]
    assert torch.equal(said(again, places), found)


def test_other_tables_stay(tiny: Callable[[str], Path]) -> None:
    from leantune.testing.tiny import POSITIONS

    body = AutoModelForSequenceClassification.from_pretrained(tiny("bert"), vocab_size=POSITIONS, ignore_mismatched_sizes=True)
    network, kept = cut(body)
    assert network.body.bert.embeddings.position_embeddings.weight.shape[0] == POSITIONS
    assert network.body.bert.embeddings.word_embeddings.weight.shape[0] == len(kept) < POSITIONS
