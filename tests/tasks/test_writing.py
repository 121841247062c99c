"""Tasks whose answers are written: the loss is transformers' own, texts do not depend on their batch mates, likelihoods are right."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.records import Decoding
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Room
from leantune.evaluate.generate import Writer, write
from leantune.evaluate.predict import make_batch, predict
from leantune.kinds.method import parse_method
from leantune.kinds.task import Task
from leantune.models.adaptation import Target
from leantune.models.base import Base, open_base
from leantune.models.build import build_network, require
from leantune.models.heads import pieces_of, task_type
from leantune.models.network import Network
from leantune.models.sought import at_sought
from leantune.testing.trial_run import TEXT

TEXTS = ["the movie was great", "no", "what a very nice day it was for the card and the money of you", "hate"]
TARGETS = ["good", "so bad", "the red one", "never"]
ROOM = Room(64, 8)
FAMILIES = ("t5", "bart", "marian", "gpt2", "llama")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tiny: Callable[[str], Path]) -> Callable[[str], Base]:
    return cache(lambda family: open_base(str(tiny(family))))


def task_of(name: str) -> Task:
    task: Task = catalogue.load("tasks", name)
    return task


def network_of(base: Base, method: str | None = None) -> Network:
    network = build_network(base, TEXT, seed=1)
    if method:
        adapted = parse_method(method).method.attach(Target(network.body, network.anatomy, task_type("text", base.config), 10), seed=2)
        network.body = adapted.body
    return network.eval()


def encoded_of(base: Base, texts: list[str], targets: list[str] | None) -> Any:
    return encode_rows(base.tokenizer, ExampleChunk(texts, targets=targets), ROOM, pieces_of("continued", base.config))


def options(base: Base) -> dict[str, Any]:
    return {"pad": int(base.tokenizer.pad_token_id), "types": False, "device": CPU}


@pytest.mark.parametrize("method", [None, "lora(rank=2)", "prompt(tokens=3)"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_logits_of_the_sought_tokens_alone_give_the_same_loss_and_gradients(
    base: Callable[[str], Base], family: str, method: str
) -> None:
    one, task = base(family), task_of("translation")
    network = network_of(one, method)
    padded = encoded_of(one, TEXTS, TARGETS).padded(range(4), int(one.tokenizer.pad_token_id))
    batch = make_batch(padded, types=False, targets=task.targets([], padded.rows, padded.marks, 0))
    sought = task.sought(batch.targets)
    assert 0 < int(sought.sum()) < sought.numel()
    few, every = network(batch, sought), network(batch)
    assert few.shape == (1, int(sought.sum()), every.shape[-1])
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    losses = [task.loss(few, at_sought(batch.targets, sought)), task.loss(every, batch.targets)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    pairs = zip(*(torch.autograd.grad(loss, parameters, allow_unused=True) for loss in losses), strict=True)
    for ours, theirs in pairs:
        assert (ours is None) == (theirs is None)
        assert ours is None or torch.allclose(ours, theirs, atol=1e-5)
    assert torch.equal(network(batch), every), "afterwards all logits are there again"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_that_of_transformers(base: Callable[[str], Base], family: str) -> None:
    one, task = base(family), task_of("translation")
    network = network_of(one)
    padded = encoded_of(one, TEXTS, TARGETS).padded(range(4), int(one.tokenizer.pad_token_id))
    targets = torch.from_numpy(task.targets([], padded.rows, padded.marks, 0))
    batch = make_batch(padded, types=False, targets=targets.numpy())
    labels = targets
    if not padded.apart:  # transformers shifts by itself
        labels = torch.full_like(targets, -100)
        labels[:, 1:] = targets[:, :-1]
    with torch.no_grad():
        theirs = network.body(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss
        ours = task.loss(network(batch), targets)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("method", [None, "prompt(tokens=4)", "prefix(tokens=4)", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_texts_do_not_depend_on_batch_mates(base: Callable[[str], Base], family: str, method: str | None) -> None:
    one, task = base(family), task_of("translation")
    network, writer = network_of(one, method), Writer(one.tokenizer, Decoding(), ROOM.target)
    together = write(network, encoded_of(one, TEXTS, None), task, writer, **options(one))
    alone = [write(network, encoded_of(one, [text], None), task, writer, **options(one)) for text in TEXTS]
    assert together.predicted == [found.predicted[0] for found in alone]
    assert np.allclose(together.confidence, [found.confidence[0] for found in alone], atol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("family", ["t5", "gpt2"])
def test_what_is_written_is_what_transformers_writes(base: Callable[[str], Base], family: str, beams: int) -> None:
    one = base(family)
    network, tokenizer = network_of(one), one.tokenizer
    decoding = Decoding(beams=beams, no_repeat_ngram=2)
    found = write(network, encoded_of(one, TEXTS[:1], None), task_of("translation"), Writer(tokenizer, decoding, 6), **options(one))
    source = tokenizer(TEXTS[0] if family == "t5" else f"{TEXTS[0]}\n", return_tensors="pt")
    theirs = network.body.generate(
        **source, max_new_tokens=6, num_beams=beams, do_sample=False, no_repeat_ngram_size=2, early_stopping=beams > 1
    )
    new = theirs[0, 1:] if family == "t5" else theirs[0, source["input_ids"].shape[1] :]
    assert found.predicted == [tokenizer.decode(new, skip_special_tokens=True).strip()]


@pytest.mark.parametrize("family", ["bart", "llama"])
def test_likelihoods_are_summed_over_the_target(base: Callable[[str], Base], family: str) -> None:
    one, task = base(family), task_of("summarization")
    network = network_of(one)
    found = predict(network, encoded_of(one, TEXTS, TARGETS), task, **options(one))
    for row, (text, target) in enumerate(zip(TEXTS, TARGETS, strict=True)):
        padded = encoded_of(one, [text], [target]).padded([0], 0)
        with torch.no_grad():
            logits = network(make_batch(padded, types=False))[0].log_softmax(-1)
        assert padded.marks is not None
        sought = [(place, token) for place, token in enumerate(padded.marks[0].tolist()) if token >= 0]
        assert found.predicted[row][0] == pytest.approx(-sum(float(logits[place, token]) for place, token in sought), rel=1e-4)
        assert found.predicted[row][1] == len(sought) == len(one.tokenizer(target, add_special_tokens=False)["input_ids"]) + 1
        assert found.confidence[row] == pytest.approx(np.exp(-found.predicted[row][0] / len(sought)), rel=1e-4)


def test_an_encoder_is_told_that_it_cannot_write(base: Callable[[str], Base]) -> None:
    with pytest.raises(SpecError, match=r"cannot write any: it is an encoder.*leantune init"):
        require(base("bert"), "text")
    with pytest.raises(SpecError, match="no mask token"):
        require(base("gpt2"), "masked")
    require(base("bert"), "masked")
    require(base("t5"), "text")


def test_the_same_text_for_every_row_is_no_answer() -> None:
    task = task_of("translation")
    assert task.collapsed(["a", "a"], ["text"]) == 'it writes "a" for every row of dev'
    assert task.collapsed(["a", "b"], ["text"]) is None
    assert task.collapsed(["a"], ["text"]) is None


def test_the_worst_rows_share_least_with_their_reference() -> None:
    task = task_of("translation")
    near, far = (task.mistake(["the red card"], said, 0.5) for said in ("the red cart", "movie"))
    assert 0 < near < far <= 1
    assert task.mistake(["the red card", "a card"], "a card", 0.5) == pytest.approx(0)
    assert (task.named(["one", "two"], ["text"]), task.named("three", ["text"])) == ("one", "three")


def test_summaries_are_told_by_their_length() -> None:
    task = task_of("summarization")
    assert task.fits(800, 120) == "texts of 800 characters on average, and 120 to write"
    assert task.fits(800, 500) is None
    assert task.fits(60, 10) is None
    assert task_of("translation").fits(800, 120) is None
