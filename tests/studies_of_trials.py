"""Rows that a tiny model can learn, and a study of them as a trial opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leantune.core.records import Recipe
from leantune.core.study import Conditions, Job
from leantune.data.dataset import Dataset
from leantune.execution.context import Context
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


def short_job(expression: str, *, seed: int = 1, **changes: object) -> Job:
    """A short trial of a method; further values go into the recipe."""
    method = parse_method(expression).expression
    values: dict[str, object] = {"task": "classification", "method": method, "lr": 1e-2, "steps": 4, "batch_rows": 8, "evaluations": 1}
    recipe = Recipe.build(method, values | changes)
    return Job(name=expression, expression=method, phase="race", recipe=recipe, seed=seed)
