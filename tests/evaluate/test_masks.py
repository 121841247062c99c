"""Masks in a text: words for them in order, parts of words joined, special tokens never; a long text in pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from leantune.evaluate.masks import fill, likeliest, pieces_of


def test_words_stand_where_the_masks_stood() -> None:
    text, score = fill("<mask> and <mask>!", "<mask>", [("You", 0.25), ("me", 1.0)])
    assert text == "You and me!"
    assert score == pytest.approx(0.5)


def test_each_mask_gets_the_likeliest_word_that_is_no_special_token(tiny: Callable[[str], Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    (ids,) = pieces_of(tokenizer, "good [MASK] card [MASK]", 32)
    places = [at for at, token in enumerate(ids) if token == tokenizer.mask_token_id]
    logits = torch.zeros(len(ids), len(tokenizer))
    logits[:, tokenizer.sep_token_id] = 50.0
    wanted = tokenizer.convert_tokens_to_ids(["good", "card"])
    for place, token in zip(places, wanted, strict=True):
        logits[place, token] = 50.0
    found = likeliest(tokenizer, ids, logits)
    assert [word for word, _ in found] == ["good", "card"]
    assert [likely for _, likely in found] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_no_mask_of_a_long_text_is_lost(tiny: Callable[[str], Path], family: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny(family))
    pieces = pieces_of(tokenizer, f"{tokenizer.mask_token} " * 50, 16)
    assert len(pieces) > 1
    assert all(len(piece) <= 16 for piece in pieces)
    assert sum(piece.count(tokenizer.mask_token_id) for piece in pieces) == 50
