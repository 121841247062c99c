"""Roles of a predicate: its own span does not count, neither for the score nor as variety."""

from __future__ import annotations

import pytest

from leantune.core import catalogue
from leantune.kinds.task import Task

LABELS = ["B-A0", "B-A1", "B-V", "I-A1", "O"]
GOLD = [[0, 2, 1, 3], [4, 2, 4, 1]]
SAID = [[0, 2, 1, 4], [4, 2, 4, 1]]


@pytest.fixture
def task() -> Task:
    found: Task = catalogue.load("tasks", "roles")
    return found


def test_the_span_of_the_predicate_does_not_count(task: Task) -> None:
    """Three roles, two of them found whole; the wrong one is shorter. With the predicates it would be 4 of 5."""
    assert task.default_metric(LABELS) == "span_f1"
    assert task.tally("span_f1", GOLD, SAID, LABELS).score() == pytest.approx(2 / 3)
    assert catalogue.load("tasks", "arguments").tally("span_f1", GOLD, SAID, LABELS).score() == pytest.approx(4 / 5)
    lines = {line["label"]: (line["rows"], line["f1"]) for line in task.details(GOLD, SAID, LABELS)["per_label"]}
    assert lines == {"A0": (1, 1.0), "A1": (2, 0.5)}


def test_only_predicates_are_no_answer(task: Task) -> None:
    assert task.collapsed([[4, 2, 4], [2, 4]], LABELS) == 'it predicts "O" for every word of dev'
    assert task.collapsed(SAID, LABELS) is None
