"""Tagging: tokens to words and back, over pieces, padding and virtual tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import make_batch, predict
from leantune.kinds.method import parse_method
from leantune.kinds.task import Decoded, Task
from leantune.models.adaptation import Target
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.network import Network
from leantune.tasks._of_words import NO_TARGET

LABELS = ["B", "I", "O"]
WORDS = np.array([[-1, 0, -1, 1, -1], [-1, 0, -1, -1, -1]])
GOLD = [[0, 1], [2]]
LIKELY = torch.tensor(
    [
        [[9.0, 0, 0], [0, math.log(2), 0], [0, 0, 9.0], [math.log(8), 0, 0], [9.0, 0, 0]],
        [[9.0, 0, 0], [0, 0, 0.1], [9.0, 0, 0], [0, 9.0, 0], [0, 9.0, 0]],
    ]
)


@pytest.fixture
def task() -> Task:
    found: Task = catalogue.load("tasks", "tagging")
    return found


def test_targets_stand_at_first_tokens(task: Task) -> None:
    x = NO_TARGET
    assert task.targets(GOLD, np.array([0, 1]), WORDS, 3).tolist() == [[x, 0, x, 1, x], [x, 2, x, x, x]]
    assert task.targets(GOLD, np.array([0, 0]), np.array([[1, -1], [0, 1]]), 3).tolist() == [[1, x], [0, 1]], "pieces of one row"


def test_loss_is_the_mean_over_words(task: Task) -> None:
    targets = torch.from_numpy(task.targets(GOLD, np.array([0, 1]), WORDS, 3))
    expected = -(math.log(1 / 4) + math.log(1 / 10) + math.log(math.exp(0.1) / (2 + math.exp(0.1)))) / 3
    assert float(task.loss(LIKELY, targets)) == pytest.approx(expected, rel=1e-6)


def test_tokens_that_begin_no_word_do_not_change_the_loss(task: Task) -> None:
    targets = torch.from_numpy(task.targets(GOLD, np.array([0, 1]), WORDS, 3))
    logits = LIKELY.clone().requires_grad_()
    loss = task.loss(logits, targets)
    other = torch.where((targets == NO_TARGET)[..., None], 100 * torch.randn(LIKELY.shape), LIKELY)
    assert float(task.loss(other, targets)) == float(loss.detach())
    loss.backward()
    assert logits.grad is not None
    assert ((logits.grad != 0).all(dim=-1) == (targets != NO_TARGET)).all()


def test_a_batch_without_words_has_no_loss(task: Task) -> None:
    """A piece may hold the middle of one long word only."""
    logits = torch.randn(2, 5, 3, requires_grad=True)
    loss = task.loss(logits, torch.full((2, 5), NO_TARGET))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def encoded_of(rows: list[int], lengths: list[int]) -> Encoded:
    """Pieces without content; only the rows and lengths matter."""
    starts = np.cumsum([0, *lengths])
    return Encoded(np.zeros(starts[-1], np.int32), starts, np.array(lengths), np.array(rows))


def test_tags_are_read_at_first_tokens(task: Task) -> None:
    found = task.join(task.decode(LIKELY, WORDS), encoded_of([0, 1], [5, 5]), LABELS, [2, 1])
    assert found.predicted == [[1, 0], [2]]
    likely = math.exp(0.1) / (2 + math.exp(0.1))
    assert found.confidence == pytest.approx([(1 / 2 + 8 / 10) / 2, likely], rel=1e-6)
    assert [task.named(answer, LABELS) for answer in found.predicted] == [["I", "B"], ["O"]]


def piece(task: Task, words: list[int], tag: int) -> Decoded:
    """A piece in which every token has one tag."""
    logits = torch.zeros(1, len(words), 3)
    logits[..., tag] = 5.0
    return task.decode(logits, np.array([words]))


def test_a_word_in_two_pieces_is_read_where_it_has_more_context(task: Task) -> None:
    parts = [piece(task, [-1, 0, 1, 2, 3, 4, 5, -1], 0), piece(task, [-1, 2, 3, 4, 5, 6, 7, -1], 1)]
    both = Decoded([part.predicted[0] for part in parts], np.ones(2, np.float32))
    found = task.join(both, encoded_of([0, 0], [8, 8]), LABELS, [8])
    assert found.predicted == [[0, 0, 0, 0, 1, 1, 1, 1]]


@pytest.mark.parametrize("padding", [0, 3, 40])
def test_padding_behind_a_short_last_piece_changes_nothing(task: Task, padding: int) -> None:
    """It stands in batches of several widths, and alone in `predict.py`."""
    first, last = [-1, *range(30), -1], [-1, *range(24, 33), -1]
    parts = [piece(task, first, 0), piece(task, [*last, *[-1] * padding], 1)]
    both = Decoded([part.predicted[0] for part in parts], np.ones(2, np.float32))
    found = task.join(both, encoded_of([0, 0], [len(first), len(last)]), LABELS, [33])
    assert found.predicted == [[0] * 27 + [1] * 6]


def test_words_without_a_token_are_outside(task: Task) -> None:
    found = task.join(task.decode(LIKELY, WORDS), encoded_of([0, 1], [5, 5]), LABELS, [3, 2])
    assert found.predicted == [[1, 0, 2], [2, 2]]
    found = task.join(task.decode(LIKELY, WORDS), encoded_of([0, 1], [5, 5]), ["NOUN", "VERB", "X"], [3, 1])
    assert found.predicted == [[1, 0, 0], [2]], "the first tag where there is no O"
    assert found.confidence[0] == pytest.approx((1 / 2 + 8 / 10 + 1) / 3)


def test_a_row_without_words_has_no_tags(task: Task) -> None:
    found = task.join(piece(task, [-1, -1], 0), encoded_of([0], [2]), LABELS, [0])
    assert found.predicted == [[]]
    assert found.confidence.tolist() == [1.0]
    assert task.answer(np.zeros((0, 3)), LABELS) == ([], 1.0)


def test_the_answer_of_the_script_is_that_of_decode(task: Task) -> None:
    logits = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0))
    words = np.arange(6)[None]
    found = task.join(task.decode(logits, words), encoded_of([0], [6]), LABELS, [6])
    said, score = task.answer(logits[0].numpy(), LABELS)
    assert said == task.named(found.predicted[0], LABELS)
    assert score == pytest.approx(float(found.confidence[0]))
    assert task.distance(logits[0].double().numpy(), said, LABELS) == 0.0
    other = ["B" if tag != "B" else "O" for tag in said]
    assert task.distance(logits[0].double().numpy(), other, LABELS) > 0.0
    assert task.distance(logits[0].double().numpy(), said[:-1], LABELS) == 1.0
    assert task.distance(np.log([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]), ["I", "I"], LABELS) == pytest.approx(0.2)


def test_one_tag_for_every_word_is_told(task: Task) -> None:
    assert task.collapsed([[2, 2], [], [2]], LABELS) == 'it predicts "O" for every word of dev'
    assert task.collapsed([[2, 2], [0]], LABELS) is None


def test_the_metric_follows_the_tags(task: Task) -> None:
    spans, words = ["B-PER", "I-PER", "O"], ["NOUN", "VERB"]
    assert (task.default_metric(spans), task.default_metric(words)) == ("entity_f1", "accuracy")
    gold, predicted = [[0, 1, 2], [0, 2]], [[0, 2, 2], [0, 2]]
    assert task.tally("entity_f1", gold, predicted, spans).score() == pytest.approx(0.5)
    assert task.tally("accuracy", gold, predicted, spans).score() == pytest.approx(0.8)
    assert [line["label"] for line in task.details(gold, predicted, spans)["per_label"]] == ["PER"]
    details = task.details([[0, 1], [1]], [[0, 0], [1]], words)
    assert details["confusion"] == [[1, 0], [1, 1]]
    assert [task.mistake(*pair, 0.7) for pair in zip(gold, predicted, strict=True)] == [0.7, 0.0]


def virtual(base: Any, task: Task) -> Network:
    """A network with virtual tokens before the words, as the method `prompt` makes it."""
    method = parse_method("prompt").method
    network = build_network(base, task.head_spec(LABELS), seed=1, prepends=True)
    assert network.head is not None
    network.body = method.attach(Target(network.body, network.anatomy, "FEATURE_EXTRACTION", 10), seed=2).body
    with torch.no_grad():
        network.head.weight.mul_(50)
    return network.eval()


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_virtual_tokens_keep_the_words_where_they_are(tiny: Callable[[str], Path], task: Task, family: str) -> None:
    base = open_base(str(tiny(family)))
    network = virtual(base, task)
    rows = [["the", "movie", "was", "unbelievable", "and", "great"], ["never"]]
    encoded = encode_rows(base.tokenizer, ExampleChunk([" ".join(row) for row in rows], words=rows), 64, "words")
    padded = encoded.padded([0, 1], int(base.tokenizer.pad_token_id or 0))
    types = "token_type_ids" in base.tokenizer.model_input_names
    with torch.no_grad():
        logits = network(make_batch(padded, types=types))
        assert logits.shape == (*padded.ids.shape, len(LABELS)), "as many positions as the text has tokens"
        assert padded.marks is not None
        (place,) = np.flatnonzero(padded.marks[0] == 2)
        padded.ids[0, place] = encode_rows(base.tokenizer, ExampleChunk(["x never"], words=[["x", "never"]]), 64, "words").ids[
            1 + (family == "bert")
        ]
        change = (network(make_batch(padded, types=types)) - logits).abs().amax(dim=-1)
    assert int(change[0].argmax()) == place, "the logits of a changed word change most, and they stand at its token"
    assert not change[1].any()
    if family == "gpt2":
        assert not change[0, :place].any(), "a decoder reads from left to right"


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_rows_of_many_pieces_are_tagged_in_their_order(tiny: Callable[[str], Path], task: Task, family: str) -> None:
    """In batches as alone, long rows among short ones."""
    base = open_base(str(tiny(family)), max_length=16)
    network = virtual(base, task)
    random = np.random.default_rng(0)
    rows = [random.choice(["the", "movie", "U.S.", "never", "great", "", "bad"], size).tolist() for size in (3, 40, 1, 25, 6)]
    options = {"pad": int(base.tokenizer.pad_token_id or 0), "types": family == "bert", "device": torch.device("cpu")}

    def tags(chosen: list[list[str]]) -> Decoded:
        encoded = encode_rows(base.tokenizer, ExampleChunk([" ".join(row) for row in chosen], words=chosen), 16, "words")
        return task.join(predict(network, encoded, task, **options), encoded, LABELS, [len(row) for row in chosen])

    together, alone = tags(rows), [tags([row]) for row in rows]
    assert [len(answer) for answer in together.predicted] == [len(row) for row in rows]
    assert together.predicted == [one.predicted[0] for one in alone]
    assert together.confidence == pytest.approx([float(one.confidence[0]) for one in alone], abs=1e-5)
    assert len({tag for answer in together.predicted for tag in answer}) > 1
