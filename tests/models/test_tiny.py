"""Tiny bases open as real ones do, and are the same each time."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from leantune.models.base import open_base
from leantune.testing.tiny import FAMILIES, make


@pytest.mark.parametrize("family", FAMILIES)
def test_opens_with_a_tokenizer_that_pads_on_the_right(family: str, tiny) -> None:
    base = open_base(str(tiny(family)))
    assert base.context == 128
    rows = base.tokenizer(["the card was lost", "no"], padding=True)
    assert rows["attention_mask"][1][-1] == 0
    assert base.tokenizer.unk_token_id not in rows["input_ids"][0] or base.tokenizer.unk_token is None
    assert "card" in base.tokenizer.decode(rows["input_ids"][0])


def test_token_types_where_the_family_has_them(tiny) -> None:
    pair = open_base(str(tiny("bert"))).tokenizer("good", "bad")
    assert pair["token_type_ids"] == [0, 0, 0, 1, 1]
    assert "token_type_ids" not in open_base(str(tiny("distilbert"))).tokenizer("good", "bad")


def test_a_sentence_encoder_is_pooled_as_it_says(tiny) -> None:
    assert open_base(str(tiny("sentence-bert"))).pooling == "mean"
    assert open_base(str(tiny("bert"))).pooling == "stock"


def test_weights_depend_on_the_seed_only(tmp_path) -> None:
    one, two, other = (make("gpt2", tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    weights = [load_file(folder / "model.safetensors")["wte.weight"] for folder in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert (one / "tokenizer.json").read_text() == (two / "tokenizer.json").read_text()


def test_long_texts_do_not_make_the_tokenizer_foretell_errors(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    monkeypatch.setattr("transformers.tokenization_utils_base.logger.warning", lambda text, *_: said.append(text))
    tokenizer = open_base(str(tiny("bert"))).tokenizer
    tokenizer.model_max_length = 4
    tokenizer(["good bad card bank money lost found"])
    assert said == []
