"""Surprise of tokens, against plain `transformers`: what is left out is what a decoder expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from leantune.core.long import FIELDS, Long
from leantune.data.cuts import telling, words_of
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._long import LongText
from leantune.models.base import open_base
from leantune.models.surprise import Surprise, surprises, unfit

TEXT = "the movie was very good and we hate this sad awful card money"


def by_hand(folder: str, ids: list[int]) -> list[float]:
    """-log p of each token behind the sign between texts and all tokens before it, one forward pass for each."""
    model, found = AutoModelForCausalLM.from_pretrained(folder).eval(), []
    for at, token in enumerate(ids):
        with torch.inference_mode():
            logits = model(torch.tensor([[open_base(folder).tokenizer.bos_token_id, *ids[:at]]])).logits[0, -1]
        found.append(-float(logits.log_softmax(-1)[token]))
    return found


def test_each_token_is_as_surprising_as_the_decoder_says(tiny_lm: Callable[[str], Path]) -> None:
    folder = str(tiny_lm("gpt2"))
    base = open_base(folder)
    ids = base.tokenizer(TEXT)["input_ids"]
    surprise = Surprise(base, torch.device("cpu"))
    assert surprise(ids) == pytest.approx(by_hand(folder, ids), abs=1e-4)
    assert surprise([]) == []
    surprise.rest()
    assert surprise(ids[:1]) == pytest.approx(by_hand(folder, ids[:1]), abs=1e-4)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 12, 40])
def test_longer_texts_are_read_in_parts_with_half_of_the_room_before_each_token(tiny_lm: Callable[[str], Path], size: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_lm("gpt2")).eval()
    ids = np.random.default_rng(0).integers(5, 200, size).tolist()
    found, whole = surprises(model, ids, 0, 8), [0, *ids]
    assert len(found) == size
    for at in range(size):
        befores = [whole[first : at + 1] for first in range(max(0, at + 1 - 7), max(1, at + 2 - 4))]
        with torch.inference_mode():
            likely = [-float(model(torch.tensor([one])).logits[0, -1].log_softmax(-1)[ids[at]]) for one in befores]
        assert min(abs(one - found[at]) for one in likely) < 1e-4


def test_the_words_that_tell_the_least_are_left_out_until_the_rest_fits(tiny_lm: Callable[[str], Path]) -> None:
    """Word by word, as the paper has it: the surprise of a word is that of its tokens together."""
    folder = str(tiny_lm("gpt2"))
    base = open_base(folder)
    coded = base.tokenizer(TEXT, return_offsets_mapping=True)
    told = by_hand(folder, coded["input_ids"])
    words: list[list[int]] = []
    for place, (start, _) in enumerate(coded["offset_mapping"]):
        if start == 0 or TEXT[start] == " ":
            words.append([])
        words[-1].append(place)
    order = sorted(range(len(words)), key=lambda word: sum(told[place] for place in words[word]))
    stays = set(range(len(words)))
    while sum(len(words[word]) for word in stays) > 8:
        stays.discard(order.pop(0))
    expected = [coded["input_ids"][place] for word in sorted(stays) for place in words[word]]
    informed = Surprise(base, torch.device("cpu"))
    way = LongText(Long.parse("compress", FIELDS), informed=informed)
    found = encode_rows(base.tokenizer, ExampleChunk([TEXT, "good"]), 8, way)
    assert found.ids[: found.starts[1]].tolist() == expected
    assert len(expected) <= 8 < len(told)
    assert found.ids[found.starts[1] :].tolist() == base.tokenizer("good")["input_ids"]


def test_of_a_pair_one_text_may_lose_words_and_the_other_its_end(tiny_lm: Callable[[str], Path]) -> None:
    base = open_base(str(tiny_lm("gpt2")))
    way = LongText(Long.parse("text=compress, text_pair=tail", FIELDS), informed=Surprise(base, torch.device("cpu")))
    found = encode_rows(base.tokenizer, ExampleChunk([TEXT], [TEXT]), 10, way)
    ids = base.tokenizer(TEXT)["input_ids"]
    assert len(found.ids) <= 10
    assert found.ids[-5:].tolist() == ids[-5:]
    alone = LongText(Long.parse("compress", FIELDS), informed=Surprise(base, torch.device("cpu")))
    first = encode_rows(base.tokenizer, ExampleChunk([TEXT]), 5, alone)
    assert found.ids[:-5].tolist() == first.ids.tolist()


def test_words_and_what_stays_of_one_that_is_too_long() -> None:
    assert words_of("  not  bad", [(0, 1), (1, 5), (5, 6), (6, 10)]) == [1, 2, 3, 4]
    assert words_of("我喜欢it", [(0, 1), (1, 2), (1, 2), (2, 3), (3, 5)]) == [1, 2, 2, 3, 3]
    assert telling([(0, 1.0), (0, 1.0), (0, 1.0)], 2) == [0, 1]
    assert telling([(0, 5.0), (1, 1.0), (0, 5.0)], 2) == [0, 2]
    assert telling([], 3) == []


@pytest.mark.parametrize(("family", "says"), [("bert", "is no decoder"), ("t5", "is no decoder"), ("gpt2", "")])
def test_only_a_decoder_can_say_so(tiny_lm: Callable[[str], Path], family: str, says: str) -> None:
    assert says in (unfit(open_base(str(tiny_lm(family)))) or "")
    assert bool(says) == (unfit(open_base(str(tiny_lm(family)))) is not None)


def test_nor_one_whose_head_was_never_trained(tiny: Callable[[str], Path]) -> None:
    assert "was not trained to go on with texts" in (unfit(open_base(str(tiny("qwen2")))) or "")
