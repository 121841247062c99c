"""Samples of language models: what is shown as the file's own text is that text, what is shown as said is what the model says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.core.shown import Sample
from leantune.data.decoded import cut, decoded, learned
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Room
from leantune.evaluate.predict import make_batch
from leantune.evaluate.samples import BEGINNING, MOST, Passages, samples
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.network import Network

WORDS = ["good", "sad", "happy", "blue", "red", "one", "two"]
TEXTS = [f"the {word} movie was great and the book was so bad and the {word} day was fine" for word in WORDS]
TRAITS = {"masked_lm": ("hidden", "bert"), "causal_lm": ("passage", "gpt2"), "span_corruption": ("corrupted", "bart")}


@pytest.fixture
def told(tiny: Callable[[str], Path]) -> Callable[[str], tuple[list[Sample], Network, Passages]]:
    def make(name: str) -> tuple[list[Sample], Network, Passages]:
        pieces, family = TRAITS[name]
        base = open_base(str(tiny(family)))
        if name == "span_corruption":
            base.tokenizer.mask_token = base.tokenizer.unk_token
        network = build_network(base, catalogue.load("tasks", name).head_spec(["token"]), seed=1)
        encoded = encode_rows(base.tokenizer, ExampleChunk(TEXTS), Room(64), pieces)
        passages = Passages(encoded, np.arange(11, 18), base.tokenizer, int(base.tokenizer.pad_token_id or 0), False, torch.device("cpu"))
        return samples(network, passages, masked=name == "masked_lm"), network, passages

    return make


def file_text(sample: Sample) -> str:
    return "".join(piece.text for piece in sample.pieces if piece.kind != "predicted")


def test_hidden_tokens_are_shown_with_what_stood_there_and_what_is_said(
    told: Callable[[str], tuple[list[Sample], Network, Passages]],
) -> None:
    found, network, passages = told("masked_lm")
    assert len(found) == MOST
    assert [(one.row, file_text(one)) for one in (found[0], found[-1])] == [(11, TEXTS[0]), (17, TEXTS[6])]
    padded = passages.encoded.padded([0], passages.pad)
    assert padded.marks is not None
    places = np.flatnonzero(padded.marks[0] >= 0)
    with torch.inference_mode():
        said = network.eval()(make_batch(padded, types=False))[0, places].argmax(dim=-1)
    right = (said.numpy() == padded.marks[0][places]).sum()
    kinds = [piece.kind for piece in found[0].pieces]
    assert (kinds.count("both"), kinds.count("gold")) == (right, len(places) - right)
    wrong = [
        passages.tokenizer.decode([token]) for token, true in zip(said.tolist(), padded.marks[0][places], strict=True) if token != true
    ]
    assert [piece.text for piece in found[0].pieces if piece.kind == "predicted"] == wrong


def test_a_decoder_goes_on_from_the_first_words(told: Callable[[str], tuple[list[Sample], Network, Passages]]) -> None:
    found, network, passages = told("causal_lm")
    for one, text in zip([found[0], found[-1]], [TEXTS[0], TEXTS[6]], strict=True):
        assert one.onward is not None
        assert text.startswith(f"{file_text(one)} {one.onward}")
    ids = passages.encoded.ids[: min(BEGINNING, int(passages.encoded.lengths[0]) // 2)].tolist()
    with torch.inference_mode():
        for _ in range(3):
            batch = network.body(input_ids=torch.tensor([ids]))
            ids.append(int(batch.logits[0, -1].argmax()))
    start = passages.tokenizer.decode(ids).rstrip("\ufffd")  # half a letter
    assert (file_text(found[0]) + found[0].pieces[-1].text).startswith(start), "each time the likeliest token"


def test_spans_that_were_taken_out_stand_in_their_text(told: Callable[[str], tuple[list[Sample], Network, Passages]]) -> None:
    found, _, passages = told("span_corruption")
    assert [(one.row, file_text(one)) for one in (found[0], found[-1])] == [(11, TEXTS[0]), (17, TEXTS[6])]
    signs = int((passages.encoded.padded([0], 0).ids == passages.tokenizer.mask_token_id).sum())
    assert sum(piece.kind in ("gold", "both") for piece in found[0].pieces) == signs > 0


def test_parts_of_a_text_are_cut_at_tokens(tiny: Callable[[str], Path]) -> None:
    for family in ("bert", "gpt2", "t5"):
        tokenizer = open_base(str(tiny(family))).tokenizer
        ids = tokenizer("the moviegoer was käse 京", add_special_tokens=False)["input_ids"]
        parts = cut(tokenizer, ids, range(1, len(ids)))
        assert "".join(parts) == decoded(tokenizer, ids)
        assert len(parts) == len(ids)
        two = tokenizer(" the book", add_special_tokens=False)["input_ids"]
        assert [part.strip() for part in cut(tokenizer, two, [1])] == ["the", "book"]


def test_what_is_learned_of_a_conversation_is_what_the_assistant_says(tiny: Callable[[str], Path]) -> None:
    tokenizer = open_base(str(tiny("gpt2"))).tokenizer
    turns = '[{"role": "user", "content": "hello you"}, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "help"}]'
    encode = partial(encode_rows, tokenizer, ExampleChunk(["[" + turns[1:]], targets=["of course"]))
    encoded = encode(Room(96, 16), "chat")
    (shown,) = learned(tokenizer, encoded, [0], np.array([7]))
    end = tokenizer.eos_token
    assert shown.row == 7
    assert [piece.text for piece in shown.pieces if piece.kind == "learned"] == [f" yes?{end}\n", f" of course{end}"]
    assert "".join(piece.text for piece in shown.pieces) == decoded(tokenizer, encoded.ids)
    assert sum(len(tokenizer(piece.text)["input_ids"]) for piece in shown.pieces if piece.kind == "learned") == (encoded.marks >= 0).sum()  # type: ignore[operator]
