"""Rows that a tiny model can learn, a study of them as a trial opens it, and students with their teachers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from leantune.core.events import Evaluated, Event
from leantune.core.recipe import Distilling
from leantune.core.records import Recipe
from leantune.core.study import Conditions, Job
from leantune.data.dataset import Dataset
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.distilling import distilled
from leantune.execution.loop import BestLook, fit
from leantune.execution.trial import run_trial
from leantune.kinds.method import parse_method
from leantune.models.base import open_base

WORDS = {"good": ("great", "nice", "love", "happy"), "bad": ("awful", "sad", "hate", "poor")}
FILLER = ("the movie was", "this book is so very", "what a day", "we paid for the food and it was", "my card is", "you help me please")


def labelled_rows() -> list[dict[str, str]]:
    """Rows of different lengths in which one word tells the label."""
    return [
        {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
        for more in range(3)
        for filler in FILLER
        for label, words in WORDS.items()
        for word in words
    ]


def numbered_rows() -> list[dict[str, Any]]:
    """Rows with a number that is far from zero."""
    return [
        {"text": row["text"], "label": 20 + 3.5 * (row["label"] == "good") + number / 100} for number, row in enumerate(labelled_rows())
    ]


def tagged_rows() -> list[dict[str, Any]]:
    """Rows of words, some of which are named."""
    names = {"red": "B-COLOUR", "blue": "B-COLOUR", "one": "B-NUMBER", "two": "B-NUMBER"}
    texts = [f"{filler} {name} {more}" for filler in FILLER for name in names for more in ("card", "book", "day")]
    return [{"tokens": text.split(), "tags": [names.get(word, "O") for word in text.split()]} for text in texts]


def opened(model: str, run: Path, dataset: Dataset) -> Context:
    base = open_base(model)
    conditions = Conditions(
        data=dataset.digest,
        model=model,
        weights=base.weights_digest,
        pooling=base.pooling,
        max_length=base.max_length,
        task=dataset.task,
        metric="accuracy",
        device="cpu",
    )
    return Context(run, conditions)


def changed(context: Context, **conditions: Any) -> Context:
    """The same study under other conditions."""
    return replace(context, conditions=context.conditions.model_copy(update=conditions))


def trained(context: Context, job: Job) -> tuple[dict[str, Tensor], list[Event]]:
    """The weights after a training, and what it told."""
    attached = attach(context, job)
    events = list(fit(setup_of(context, job, attached), BestLook()))
    return {name: value.clone() for name, value in attached.network.state_dict().items()}, events


def train_losses(events: list[Event]) -> list[float]:
    """At each look."""
    return [event.point.train_loss for event in events if isinstance(event, Evaluated)]


def short_job(expression: str, *, seed: int = 1, **changes: object) -> Job:
    """A short trial of a method; further values go into the recipe."""
    method = parse_method(expression).expression
    values: dict[str, object] = {"task": "classification", "method": method, "lr": 1e-2, "steps": 4, "batch_rows": 8, "evaluations": 1}
    recipe = Recipe.build(method, values | changes)
    return Job(name=expression, expression=method, phase="race", recipe=recipe, seed=seed)


def taught_job(expression: str, *, unlabelled: str | None = None, **values: Any) -> Job:
    """A short trial of a student and its teachers; further values go into the recipes of both."""
    parsed = parse_method(expression)
    assert parsed.distiller is not None
    values = {"lr": 1e-2, "steps": 60, "batch_rows": 16, "evaluations": 1} | values
    teachers = tuple(Recipe.build(one, values | {"method": parse_method(one).expression}) for one in parsed.distiller.teacher)
    lesson = Distilling(teachers=teachers, names=parsed.distiller.teacher, unlabelled=unlabelled)
    recipe = Recipe.build(expression, values | {"method": parsed.expression, "distilling": lesson})
    return Job(name=expression, expression=recipe.method, phase="race", recipe=recipe, seed=1)


def asked_of(context: Context, job: Job) -> tuple[Context, list[str]]:
    """The context with its teachers, trained, and the notes."""
    events = distilled(context.of(job), job, run_trial)
    while True:
        try:
            next(events)
        except StopIteration as done:
            found: tuple[Context, list[str]] = done.value
            return found
