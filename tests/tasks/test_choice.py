"""Multiple choice: one score for each option, judged against the others of its row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMultipleChoice, AutoTokenizer

from leantune.core import catalogue
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import make_batch
from leantune.kinds.task import Task
from leantune.models.base import open_base
from leantune.models.build import build_network

OPTIONS = [["great", "awful"], ["card", "bank", "book"]]
GOLD = [{"place": 1, "text": "awful"}, {"place": 0, "text": "card"}]
ROWS = np.array([1, 1, 1, 0, 0])
"""The row of each piece of a batch."""
LOGITS = torch.tensor([[math.log(2)], [math.log(1)], [math.log(5)], [0.0], [math.log(3)]])
LABELS = ["right option, by its text"]


@pytest.fixture
def task() -> Task:
    found: Task = catalogue.load("tasks", "choice")
    return found


def encoded_of(sizes: list[int]) -> Encoded:
    rows = np.repeat(np.arange(len(sizes)), sizes)
    return Encoded(np.zeros(len(rows), np.int32), np.arange(len(rows) + 1), np.ones(len(rows), np.int64), rows, together=True)


def test_targets_number_the_rows_of_a_batch_and_say_which_option_is_right(task: Task) -> None:
    assert task.targets(GOLD, ROWS, None, 1).tolist() == [[0, 1], [0, 0], [0, 0], [1, 0], [1, 1]]
    assert task.head_spec(LABELS).outputs == 1


def test_loss_by_hand(task: Task) -> None:
    targets = torch.from_numpy(task.targets(GOLD, ROWS, None, 1))
    logits = LOGITS.clone().requires_grad_()
    loss = task.loss(logits, targets)
    assert loss.shape == ()
    assert float(loss.detach()) == pytest.approx(-(math.log(2 / 8) + math.log(3 / 4)) / 2, rel=1e-6)
    loss.backward()
    expected = torch.tensor([[2 / 8 - 1], [1 / 8], [5 / 8], [1 / 4], [3 / 4 - 1]]) / 2
    assert logits.grad is not None
    assert torch.allclose(logits.grad, expected, atol=1e-6)
    assert float(task.loss(LOGITS + 7.0, targets)) == pytest.approx(float(loss.detach()), rel=1e-5), "only differences inside a row count"


def test_the_likeliest_option_of_each_row_is_the_answer(task: Task) -> None:
    order = np.array([3, 4, 0, 1, 2])
    found = task.join(task.decode(LOGITS[order], None), encoded_of([2, 3]), LABELS, None, [json.dumps(one) for one in OPTIONS])
    assert [task.named(answer, LABELS) for answer in found.predicted] == ["awful", "book"]
    assert [answer["scores"] for answer in found.predicted] == [pytest.approx([1 / 4, 3 / 4]), pytest.approx([2 / 8, 1 / 8, 5 / 8])]
    assert found.confidence == pytest.approx([3 / 4, 5 / 8])
    assert task.tally("accuracy", GOLD, found.predicted, LABELS).score() == 0.5
    assert [task.mistake(*one) for one in zip(GOLD, found.predicted, found.confidence.tolist(), strict=True)] == pytest.approx([0, 5 / 8])
    shown = task.options(found.predicted[1], json.dumps(OPTIONS[1]))
    assert shown == [("card", pytest.approx(2 / 8)), ("bank", pytest.approx(1 / 8)), ("book", pytest.approx(5 / 8))]
    assert [task.named(gold, LABELS) for gold in GOLD] == ["awful", "card"]


def test_the_answer_of_a_row_follows_from_its_logits_and_options(task: Task) -> None:
    row = LOGITS[:3, 0]
    said, likely = task.answer(row.numpy(), OPTIONS[1])
    assert (said, likely) == ("book", pytest.approx(5 / 8))
    assert task.distance(row.double().numpy(), "book", OPTIONS[1]) == 0
    assert task.distance(row.double().numpy(), "card", OPTIONS[1]) == pytest.approx(3 / 8)


def test_the_same_score_for_all_options_is_told(task: Task) -> None:
    flat = [{"text": "great", "scores": [0.5, 0.5]}, {"text": "card", "scores": [1 / 3] * 3}]
    assert str(task.collapsed(flat, LABELS)).startswith("it gives all options of a row the same score")
    assert task.collapsed([*flat, {"text": "great", "scores": [0.7, 0.3]}], LABELS) is None


def test_loss_and_answers_are_those_of_the_multiple_choice_class_of_transformers(task: Task, tiny: Callable[[str], Path]) -> None:
    """The same weights, the same rows of four options; the class wants equal numbers of options."""
    texts = ["the movie was", "we paid for the food and it was", "this book is so very"]
    options = [["great", "awful", "a card", "nice"], ["poor", "a bank", "good food", "sad"], ["fine", "best", "worst", "a day"]]
    gold = [{"place": place, "text": given[place]} for place, given in zip([2, 0, 3], options, strict=True)]
    base = open_base(str(tiny("bert")))
    network = build_network(base, task.head_spec(LABELS), seed=3).eval()
    encoded = encode_rows(base.tokenizer, ExampleChunk(texts, [json.dumps(one) for one in options]), 64, "options")
    pieces = encoded.units.pieces(np.arange(3))
    padded = encoded.padded(pieces, base.tokenizer.pad_token_id or 0)
    logits = network(make_batch(padded, types=True))
    loss = task.loss(logits, torch.from_numpy(task.targets(gold, padded.rows, None, 1)))

    reference = AutoModelForMultipleChoice.from_pretrained(tiny("bert")).eval()
    assert reference.load_state_dict(network.body.state_dict(), strict=False) == ([], [])
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    coded = tokenizer([text for text in texts for _ in range(4)], [one for given in options for one in given], padding=True)
    inputs = {name: torch.tensor(values).view(3, 4, -1) for name, values in coded.items()}
    expected = reference(**inputs, labels=torch.tensor([2, 0, 3]))
    assert torch.allclose(logits.view(3, 4), expected.logits, atol=1e-5)
    assert float(loss.detach()) == pytest.approx(float(expected.loss.detach()), rel=1e-5)
    answers = task.join(task.decode(logits.detach(), None), encoded, LABELS, None, [json.dumps(one) for one in options])
    said = [given.index(answer["text"]) for given, answer in zip(options, answers.predicted, strict=True)]
    assert said == expected.logits.argmax(dim=-1).tolist()
    accuracy = float((expected.logits.argmax(dim=-1) == torch.tensor([2, 0, 3])).float().mean())
    assert task.tally("accuracy", gold, answers.predicted, LABELS).score() == pytest.approx(accuracy)
