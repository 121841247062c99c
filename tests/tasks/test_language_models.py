"""Language modelling: losses are transformers' own, perplexity counts every token once, training may hide other tokens each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Room
from leantune.evaluate.predict import make_batch, predict
from leantune.kinds.task import Task
from leantune.models.base import Base, open_base
from leantune.models.build import anatomy_of, build_network
from leantune.models.sought import at_sought

TEXTS = ["the movie was great and the book was so bad " * 3, "what a nice day", "hate"]
PIECES = {"causal_lm": ("passage", "gpt2"), "masked_lm": ("hidden", "bert"), "span_corruption": ("corrupted", "bart")}


@pytest.fixture(scope="module")
def base(tiny: Callable[[str], Path]) -> Callable[[str], Base]:
    @cache
    def opened(family: str) -> Base:
        one = open_base(str(tiny(family)))
        one.tokenizer.mask_token = one.tokenizer.mask_token or one.tokenizer.unk_token
        return one

    return opened


def case(base: Callable[[str], Base], name: str) -> tuple[Task, Base, Any]:
    pieces, family = PIECES[name]
    task, one = catalogue.load("tasks", name), base(family)
    return task, one, encode_rows(one.tokenizer, ExampleChunk(TEXTS), Room(16), pieces)


@pytest.mark.parametrize("name", PIECES)
def test_the_loss_is_that_of_transformers(base: Callable[[str], Base], name: str) -> None:
    task, one, encoded = case(base, name)
    network = build_network(one, task.head_spec(["token"]), seed=1).eval()
    padded = encoded.padded(range(len(encoded)), int(one.tokenizer.pad_token_id))
    targets = torch.from_numpy(task.targets([], padded.rows, padded.marks, 0))
    batch = make_batch(padded, types=False)
    labels = targets
    if name == "causal_lm":  # transformers shifts by itself
        labels = torch.full_like(targets, -100)
        labels[:, 1:] = targets[:, :-1]
    with torch.no_grad():
        theirs = network.body(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss
        assert float(task.loss(network(batch), targets)) == pytest.approx(float(theirs), rel=1e-5)
        sought = task.sought(targets)
        assert sought is not None
        few = network(batch, sought)
        assert len(few[0]) == int(sought.sum())
        assert float(task.loss(few, at_sought(targets, sought))) == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("name", PIECES)
def test_perplexity_is_that_of_all_tokens(base: Callable[[str], Base], name: str) -> None:
    task, one, encoded = case(base, name)
    network = build_network(one, task.head_spec(["token"]), seed=1).eval()
    decoded = predict(network, encoded, task, pad=int(one.tokenizer.pad_token_id), types=False, device=torch.device("cpu"))
    found = task.join(decoded, encoded, ["token"], None)
    assert len(found.predicted) == len(TEXTS) < len(encoded)
    total, tokens = (sum(row[column] for row in found.predicted) for column in (0, 1))
    gold = np.zeros(len(TEXTS), np.int8)
    assert task.tally("likelihood", gold, found.predicted, ["token"]).score() == pytest.approx(math.exp(-total / tokens))
    assert task.errors(gold, found.predicted, ["token"])["perplexity"] == pytest.approx(math.exp(total / tokens))
    assert task.named(found.predicted[0], ["token"]) == f"perplexity {math.exp(found.predicted[0][0] / found.predicted[0][1]):.1f}"
    assert task.named(gold[0], ["token"]) == ""
    assert task.mistake(0, found.predicted[1], float(found.confidence[1])) == pytest.approx(1 - float(found.confidence[1]))
    if name == "causal_lm":
        expected = [len(one.tokenizer(text)["input_ids"]) for text in TEXTS]
        assert [row[1] for row in found.predicted] == expected, "the end is sought, the first token is not"


def test_a_masked_head_that_the_base_lacks_is_new_and_the_embeddings_stay(base: Callable[[str], Base]) -> None:
    """The tiny checkpoints hold the bare transformer; only what the output does not share is trained by methods beside the weights."""
    one, head = base("bert"), catalogue.load("tasks", "masked_lm").head_spec(["token"])
    assert anatomy_of(one, head).heads == ("cls.predictions.transform",)
    assert build_network(one, head, seed=1).anatomy.heads == ("cls.predictions.transform",)


@pytest.mark.parametrize("name", PIECES)
def test_they_need_no_labels(name: str) -> None:
    task = catalogue.load("tasks", name)
    gold = catalogue.load("data.golds", task.gold)
    assert not gold.labelled
    assert not task.inferred
    assert task.collapsed([[1.0, 1.0, 0.0]], ["token"]) is None
