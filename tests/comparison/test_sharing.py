"""What sharing cost or gained: paired differences per task, numbers to store both ways, a choice by dev alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from leantune.comparison import sharing_table
from leantune.comparison.sharing import TaskResults, choose_shared, shared_methods
from leantune.core.records import Cost, Recipe, Scores, TrialRecord
from leantune.core.sharing import MixedTask, SharedChoice, Sharing
from leantune.evaluate.predictions import Predictions
from leantune.report.mixture import render_html, render_markdown
from leantune.scores.labels import tally

ROWS = 400
SEEDS = (1, 2, 3)


def record(name: str, seed: int, digest: str, right: float, params: int, dev: float | None = None) -> TrialRecord:
    recipe = Recipe(task="classification", method=name, lr=1e-3, steps=10)
    scores = Scores(dev=right if dev is None else dev, test=right)
    cost = Cost(trainable_params=params, train_seconds=2.0)
    return TrialRecord(
        digest=digest, name=name, method=name, phase="final", recipe=recipe, seed=seed, status="ok", scores=scores, cost=cost
    )


class Planted:
    """Trials that are right on exactly so many rows; together and alone differ as planted."""

    def __init__(self) -> None:
        self.right: dict[str, float] = {}

    def trials(self, name: str, side: str, right: float, params: int) -> list[TrialRecord]:
        found = [record(name, seed, f"{name}-{side}-{seed}", right, params) for seed in SEEDS]
        self.right |= {one.digest: right for one in found}
        return found

    def predictions(self, digest: str, split: str) -> Predictions:
        assert split == "test"
        gold = np.arange(ROWS) % 2
        wrong = np.arange(ROWS) >= round(self.right[digest] * ROWS)
        return Predictions(gold, np.where(wrong, 1 - gold, gold), np.ones(ROWS))

    def task(self, name: str, shared: Sequence[TrialRecord], separate: Sequence[TrialRecord]) -> TaskResults:
        def count(found: Predictions) -> object:
            return tally("accuracy", found.gold, found.predicted, 2)

        return TaskResults(name, self.predictions, count, shared, separate)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def planted() -> tuple[list[TrialRecord], list[TaskResults]]:
    made = Planted()
    tasks = []
    for name, shared, separate in (("gains", 0.9, 0.8), ("costs", 0.7, 0.8)):
        own = made.trials("lora", f"{name}-shared", shared, 110)
        tasks.append(made.task(name, own, made.trials("lora", f"{name}-alone", separate, 110)))
    mixture = [record("lora", seed, f"m{seed}", 0.8, 120) for seed in SEEDS]
    mixture += [record("full", seed, f"f{seed}", 0.805, 9_000) for seed in SEEDS]
    return mixture, tasks


def test_each_task_has_its_own_difference_and_verdict(planted: tuple[list[TrialRecord], list[TaskResults]]) -> None:
    lora = next(row for row in shared_methods(*planted, margin=0.01) if row.name == "lora")
    gains, costs = lora.tasks
    assert gains.difference is not None
    assert costs.difference is not None
    assert (gains.difference.mean, costs.difference.mean) == (pytest.approx(0.1), pytest.approx(-0.1))
    assert (gains.verdict, costs.verdict) == ("better", "worse")
    assert lora.shared_mean == pytest.approx(0.8)
    assert (lora.shared_params, lora.separate_params, lora.separate_seconds) == (120, 220, 4.0)


def test_a_method_without_a_trial_alone_claims_nothing(planted: tuple[list[TrialRecord], list[TaskResults]]) -> None:
    full = next(row for row in shared_methods(*planted, margin=0.01) if row.name == "full")
    assert all(score.verdict is None and "nothing is claimed" in score.detail for score in full.tasks)
    assert full.separate_params is None


def test_the_smallest_within_the_margin_is_chosen_by_dev(planted: tuple[list[TrialRecord], list[TaskResults]]) -> None:
    mixture, tasks = planted
    methods = shared_methods(mixture, tasks, margin=0.01)
    near = choose_shared(methods, mixture, margin=0.01)
    assert (near.method, near.trial) == ("lora", "m2")
    assert "120 numbers to store in place of 220" in near.reason
    assert choose_shared(methods, mixture, margin=0.001).method == "full"
    assert choose_shared([], [], margin=0.01).method is None


def test_the_reports_say_it_all(planted: tuple[list[TrialRecord], list[TaskResults]]) -> None:
    mixture, tasks = planted
    methods = shared_methods(mixture, tasks, margin=0.01)
    facts = {"task": "classification", "data": "<b>.csv", "metric": "accuracy", "rows": {"train": 100}, "share": 0.5, "steps": 5}
    made = Sharing(
        leantune="0",
        created="2026-01-01T12:00:00+00:00",
        command="leantune compare mix.yaml",
        name="mix",
        model="minilm",
        temperature=0.5,
        margin=0.01,
        seeds=3,
        steps=10,
        tasks=[MixedTask(name=task.name, steps_alone=5, **facts) for task in tasks],  # type: ignore[arg-type]
        methods=methods,
        choice=SharedChoice(method="lora", reason="lora it is."),
        trials=mixture,
    )
    html, markdown, text = render_html(made), render_markdown(made), sharing_table.text(made)
    for document in (html, markdown, text):
        for word in ("gains", "costs", "together", "alone", "better", "worse", "220"):
            assert word in document
    assert "<b>.csv" not in html
    assert "+10.0" in markdown
    assert "+10.0" in text
