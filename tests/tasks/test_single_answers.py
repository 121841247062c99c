"""Tasks with one row of logits: loss, answers and what is said of them, computed by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.kinds.task import Decoded, Task


@dataclass(frozen=True)
class Case:
    """A task and two or more rows, by hand."""

    labels: list[str]
    gold: Any
    logits: list[list[float]]
    targets: Any
    loss: float
    """Of rows 0 and 1."""
    predicted: list[Any]
    named: list[Any]
    confidence: list[float]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def surprise(*right: float) -> float:
    """Sum of -log of probabilities, from the logits in favour of the right side."""
    return sum(math.log1p(math.exp(-x)) for x in right)


CASES = {
    "classification": Case(
        ["ham", "other", "spam"],
        np.array([2, 0, 1], dtype=np.int32),
        [[0.0, 0.0, math.log(2)], [math.log(8), 0.0, 0.0], [0.0, 0.0, 0.1]],
        [2, 0, 1],
        (math.log(2) - math.log(0.8)) / 2,
        [2, 0, 2],
        ["spam", "ham", "spam"],
        [0.5, 0.8, math.exp(0.1) / (2 + math.exp(0.1))],
    ),
    "relation": Case(
        ["A(e1,e2)", "A(e2,e1)", "Other"],
        np.array([2, 0, 1], dtype=np.int32),
        [[0.0, 0.0, math.log(2)], [math.log(8), 0.0, 0.0], [0.25, 0.0, 0.0]],
        [2, 0, 1],
        (math.log(2) - math.log(0.8)) / 2,
        [2, 0, 0],
        ["Other", "A(e1,e2)", "A(e1,e2)"],
        [0.5, 0.8, math.exp(0.25) / (2 + math.exp(0.25))],
    ),
    "multilabel": Case(
        ["delay", "price", "staff"],
        [[0, 2], [], [1]],
        [[1.0, -2.0, 0.5], [-1.0, -3.0, 2.0], [-0.25, -4.0, -4.0]],
        [[1, 0, 1], [0, 0, 0], [0, 1, 0]],
        (surprise(1.0, 2.0, 0.5) + surprise(1.0, 3.0, -2.0)) / 6,
        [[0, 2], [2], []],
        [["delay", "staff"], ["staff"], []],
        [sigmoid(0.5), sigmoid(1.0), sigmoid(0.25)],
    ),
    "ordinal": Case(
        ["1", "2", "3", "4"],
        np.array([3, 1, 0], dtype=np.int32),
        [[2.0, 1.0, 0.5], [1.0, 0.25, -1.0], [-1.0, -2.0, -3.0]],
        [[1, 1, 1], [1, 0, 0], [0, 0, 0]],
        (surprise(2.0, 1.0, 0.5) + surprise(1.0, -0.25, 1.0)) / 2,
        [3, 2, 0],
        ["4", "3", "1"],
        [sigmoid(0.5), sigmoid(0.25), sigmoid(1.0)],
    ),
    "regression": Case(
        ["score"],
        np.array([1.5, -2.0, 4.0]),
        [[-1.0], [0.0], [4.123456789]],
        [1.5, -2.0, 4.0],
        (6.25 + 4.0) / 2,
        [-1.0, 0.0, pytest.approx(4.123456789)],
        [-1.0, 0.0, 4.123457],
        [1.0, 1.0, 1.0],
    ),
}


def task_of(name: str) -> Task:
    task: Task = catalogue.load("tasks", name)
    return task


def decoded(name: str) -> Decoded:
    return task_of(name).decode(torch.tensor(CASES[name].logits), None)


@pytest.mark.parametrize("name", CASES)
def test_targets_follow_the_rows_of_the_pieces(name: str) -> None:
    case, task = CASES[name], task_of(name)
    outputs = task.outputs(case.labels)
    assert outputs == len(case.logits[0])
    assert task.head_spec(case.labels).outputs == len(task.head_spec(case.labels).names) == outputs
    for rows in ([0, 1, 2], [2, 0, 2]):
        assert task.targets(case.gold, np.array(rows), None, outputs).tolist() == [case.targets[row] for row in rows]


@pytest.mark.parametrize("name", CASES)
def test_loss_by_hand(name: str) -> None:
    case, task = CASES[name], task_of(name)
    targets = torch.from_numpy(task.targets(case.gold, np.array([0, 1]), None, task.outputs(case.labels)))
    logits = torch.tensor(case.logits[:2], requires_grad=True)
    loss = task.loss(logits, targets)
    assert loss.shape == ()
    assert float(loss.detach()) == pytest.approx(case.loss, rel=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad != 0).all()
    assert float(task.loss(torch.tensor(case.logits[:2], dtype=torch.bfloat16), targets)) == pytest.approx(case.loss, rel=1e-2)


@pytest.mark.parametrize("name", CASES)
def test_answers_by_hand(name: str) -> None:
    case, found = CASES[name], decoded(name)
    assert list(found.predicted) == case.predicted
    assert found.confidence == pytest.approx(case.confidence, abs=1e-6)
    assert [task_of(name).named(answer, case.labels) for answer in found.predicted] == case.named


@pytest.mark.parametrize("name", CASES)
def test_the_answer_of_the_script_is_that_of_decode(name: str) -> None:
    case, task = CASES[name], task_of(name)
    random = torch.Generator().manual_seed(0)
    logits = torch.cat([torch.tensor(case.logits), torch.randn(50, len(case.logits[0]), generator=random)])
    found = task.decode(logits, None)
    for row, answer, confidence in zip(logits, found.predicted, found.confidence, strict=True):
        said, score = task.answer(row.numpy(), case.labels)
        assert said == task.named(answer, case.labels)
        assert score == pytest.approx(float(confidence), abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_own_answer_is_at_no_distance_and_others_are(name: str) -> None:
    case, task = CASES[name], task_of(name)
    for row, logits in enumerate(case.logits):
        for other, answer in enumerate(case.named):
            distance = task.distance(np.array(logits), answer, case.labels)
            assert distance < 1e-6 if answer == case.named[row] else distance > 1e-3, (row, other)


def test_distances_by_hand() -> None:
    assert task_of("classification").distance(np.log([0.5, 0.3, 0.2]), "other", ["ham", "other", "spam"]) == pytest.approx(0.2)
    labels = ["delay", "price", "staff"]
    probable = np.log(np.array([0.9, 0.6, 0.3]) / (1 - np.array([0.9, 0.6, 0.3])))
    assert task_of("multilabel").distance(probable, ["delay"], labels) == pytest.approx(0.1)
    assert task_of("multilabel").distance(probable, ["price", "staff"], labels) == pytest.approx(0.4)
    assert task_of("regression").distance(np.array([1.5]), "-1.25", ["score"]) == pytest.approx(2.75)


def test_distance_of_a_level_is_that_of_the_steps_that_would_have_to_turn() -> None:
    """Steps are 0.4 and 0.01 above one half and 0.3 below: the answer is level 2 of 0 to 3."""
    passed = np.array([0.9, 0.51, 0.2])
    distance = [task_of("ordinal").distance(np.log(passed / (1 - passed)), str(level), ["0", "1", "2", "3"]) for level in range(4)]
    assert distance == pytest.approx([0.4, 0.01, 0.0, 0.3])


def test_a_tie_is_no_difference() -> None:
    assert task_of("classification").distance(np.array([1.0, 1.0, 0.0]), "other", ["ham", "other", "spam"]) == 0.0
    assert task_of("ordinal").distance(np.array([1.0, 0.0]), "3", ["1", "2", "3"]) == 0.0
    assert task_of("multilabel").distance(np.array([0.0, 1.0]), ["a", "b"], ["a", "b"]) == 0.0


COLLAPSED = {
    "classification": ([1, 1, 1], 'it predicts "other" for every row'),
    "relation": ([0, 0, 0], 'it predicts "A(e1,e2)" for every row'),
    "multilabel": ([[0, 1], [0, 1]], 'it predicts "delay", "price" for every row'),
    "ordinal": ([2, 2], 'it predicts "3" for every row'),
    "regression": ([2.5, 2.5], "it predicts 2.5 for every row"),
}


@pytest.mark.parametrize("name", COLLAPSED)
def test_one_answer_for_all_rows_is_told(name: str) -> None:
    same, says = COLLAPSED[name]
    task, labels = task_of(name), CASES[name].labels
    found = task.collapsed(same if name == "multilabel" else np.array(same), labels)
    assert str(found).startswith(says)
    assert task.collapsed(decoded(name).predicted, labels) is None


def test_no_label_for_all_rows_is_told() -> None:
    assert str(task_of("multilabel").collapsed([[], []], ["a", "b"])).startswith("it predicts no label for every row")


@pytest.mark.parametrize("name", CASES)
def test_every_metric_counts_right_answers(name: str) -> None:
    case, task = CASES[name], task_of(name)
    assert task.default_metric(case.labels) == task.metrics[0]
    for metric in task.metrics:
        perfect, found = (task.tally(metric, case.gold, answers, case.labels).score() for answers in (case.gold, decoded(name).predicted))
        assert found < perfect == pytest.approx(1.0)
    for metric in task.reported:
        perfect, found = (task.tally(metric, case.gold, answers, case.labels).score() for answers in (case.gold, decoded(name).predicted))
        assert found > perfect == 0.0


@pytest.mark.parametrize("name", CASES)
def test_the_worst_mistakes_are_no_right_answers(name: str) -> None:
    case, task, found = CASES[name], task_of(name), decoded(name)
    mistakes = [task.mistake(*one) for one in zip(case.gold, found.predicted, found.confidence.tolist(), strict=True)]
    right = [right == guess for right, guess in zip(list(case.gold), list(found.predicted), strict=True)]
    assert [mistake == 0 for mistake in mistakes] == right
    assert any(mistakes)


def test_details_are_what_reports_show() -> None:
    def details(name: str) -> Any:
        case = CASES[name]
        return task_of(name).details(case.gold, decoded(name).predicted, case.labels)

    assert details("classification")["confusion"] == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert [line["rows"] for line in details("multilabel")["per_label"]] == [1, 1, 1]
    assert details("ordinal")["errors"] == {"mae": pytest.approx(1 / 3)}
    scatter = details("regression")
    assert scatter["scatter"] == [(1.5, -1.0), (-2.0, 0.0), (4.0, 4.1235)]
    assert scatter["errors"] == {"mae": pytest.approx(4.623457 / 3), "rmse": pytest.approx(math.sqrt((6.25 + 4 + 0.123457**2) / 3))}


def test_outputs_of_ordinal_heads_are_steps() -> None:
    spec = task_of("ordinal").head_spec(["1 star", "2 stars", "3 stars"])
    assert (spec.outputs, spec.names) == (2, ["above 1 star", "above 2 stars"])
