"""A trained tiny model on its bench."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from trained_model import Trained

from leantune.core.records import Recipe
from leantune.core.study import Conditions, Job
from leantune.data.dataset import prepare
from leantune.execution.attach import attach, setup_of
from leantune.execution.compressing import Bench
from leantune.execution.context import Context
from leantune.execution.loop import BestLook, fit
from leantune.models.base import open_base

WORDS = {"good": ("great", "nice", "love", "happy"), "bad": ("awful", "sad", "hate", "poor")}
FILLER = ("the movie was", "this book is so very", "what a day", "we paid for the food and it was", "my card is", "you help me please")


def rows() -> list[dict[str, str]]:
    return [
        {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
        for more in range(3)
        for filler in FILLER
        for label, words in WORDS.items()
        for word in words
    ]


@pytest.fixture(scope="session")
def trained(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    run = tmp_path_factory.mktemp("bench")
    base = open_base(str(tiny("sentence-bert")))
    dataset = prepare(rows(), run / "data")
    facts = {"pooling": base.pooling, "max_length": base.max_length, "task": dataset.task, "metric": "accuracy", "device": "cpu"}
    context = Context(run, Conditions(data=dataset.digest, model=str(tiny("sentence-bert")), weights=base.weights_digest, **facts))  # type: ignore[arg-type]
    recipe = Recipe.build("full", {"task": "classification", "method": "full", "lr": 0.01, "steps": 40, "batch_rows": 16, "evaluations": 1})
    job = Job(name="full", expression="full", phase="final", recipe=recipe, seed=1)
    attached = attach(context, job)
    list(fit(setup_of(context, job, attached), BestLook()))
    network = attached.network.eval()
    return Trained(Bench(context, job, copy.deepcopy(network)), network)
