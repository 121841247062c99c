"""Ranking: one probability for each row, scored by groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.kinds.task import Task

GOLD = [[7, 1], [7, 0], [-3, 0], [-3, 2]]
LOGITS = torch.tensor([[0.0], [math.log(3)], [-math.log(4)], [math.log(9)]])
LIKELY = [0.5, 0.75, 0.2, 0.9]


@pytest.fixture
def task() -> Task:
    found: Task = catalogue.load("tasks", "ranking")
    return found


def test_targets_say_whether_a_row_is_relevant(task: Task) -> None:
    assert task.targets(GOLD, np.arange(4), None, 1).tolist() == [1, 0, 0, 1], "grades count alike"
    assert task.targets(GOLD, np.array([3, 1]), None, 1).tolist() == [1, 0]
    assert task.head_spec(["label"]).outputs == 1


def test_loss_by_hand(task: Task) -> None:
    targets = torch.from_numpy(task.targets(GOLD, np.arange(4), None, 1))
    expected = -(math.log(0.5) + math.log(0.25) + math.log(0.8) + math.log(0.9)) / 4
    logits = LOGITS.clone().requires_grad_()
    loss = task.loss(logits, targets)
    assert loss.shape == ()
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad.squeeze(-1) * (targets - 0.5) < 0).all(), "relevant rows are pushed up, the others down"


def test_the_answer_is_the_probability(task: Task) -> None:
    found = task.decode(LOGITS, None)
    assert found.predicted == pytest.approx(LIKELY)
    assert found.confidence == pytest.approx(LIKELY)
    assert [task.named(answer, ["label"]) for answer in found.predicted] == pytest.approx(LIKELY)
    for row, likely in zip(LOGITS, LIKELY, strict=True):
        said, score = task.answer(row.numpy(), ["label"])
        assert (said, score) == pytest.approx((likely, likely))
        assert task.distance(row.double().numpy(), str(said), ["label"]) < 1e-6
        assert task.distance(row.double().numpy(), "0.35", ["label"]) == pytest.approx(abs(likely - 0.35), abs=1e-6)
    assert [task.named(gold, ["label"]) for gold in GOLD] == ["relevant", "not relevant", "not relevant", "relevant"]


def test_groups_are_scored(task: Task) -> None:
    predicted = task.decode(LOGITS, None).predicted
    assert task.default_metric(["label"]) == "map"
    for metric in task.metrics:
        found = task.tally(metric, GOLD, predicted, ["label"])
        assert (found.rows, found.score()) == (2, pytest.approx((1 / 2 + 1) / 2))
        assert task.tally(metric, GOLD, np.array([row[1] for row in GOLD]), ["label"]).score() == 1.0


def test_mistakes_are_on_the_wrong_side_of_one_half(task: Task) -> None:
    found = task.decode(torch.tensor([[math.log(3)], [math.log(3)], [-math.log(4)], [-math.log(4)]]), None)
    mistakes = [task.mistake(*one) for one in zip(GOLD, found.predicted, found.confidence.tolist(), strict=True)]
    assert mistakes == pytest.approx([0.0, 0.25, 0.0, 0.3])


def test_the_same_score_for_all_rows_is_told(task: Task) -> None:
    assert str(task.collapsed(np.full(3, 0.25), ["label"])).startswith("it gives every row of dev the same score")
    assert task.collapsed(task.decode(LOGITS, None).predicted, ["label"]) is None
    assert task.describe(["label"], "pairs of texts") == "Says of pairs of texts how likely the second answers the first."
