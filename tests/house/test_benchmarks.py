"""Both sides of the benchmark of tasks learn what a tiny model can learn, and are scored alike."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks import tasks

from leantune.app.candidates import field_of
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, open_study

pytestmark = pytest.mark.slow

COLOURS = {"red": "B-ONE", "blue": "B-TWO"}
FILLERS = ("book", "movie", "food", "day", "order", "card")


def sentences(seed: int) -> list[list[str]]:
    """Four words, one of them a colour."""
    source = random.Random(seed)
    rows = [[*source.choices(FILLERS, k=3), source.choice(list(COLOURS))] for _ in range(64)]
    for row in rows:
        source.shuffle(row)
    return rows


def labelled(words: list[str]) -> dict[str, Any]:
    return {"text": " ".join(words), "label": next(word for word in words if word in COLOURS)}


def ranked(words: list[str]) -> dict[str, Any]:
    return {"text": words[0], "text_pair": " ".join(words), "label": int("red" in words)}


def numbered(words: list[str]) -> dict[str, Any]:
    return {"text": " ".join(words), "label": 1.5 if "red" in words else 0.5}


def tagged(words: list[str]) -> dict[str, Any]:
    return {"tokens": words, "tags": [COLOURS.get(word, "O") for word in words]}


def asked(words: list[str]) -> dict[str, Any]:
    context = " ".join(words)
    said = next(word for word in words if word in COLOURS)
    return {"question": "what", "context": context, "answers": {"text": [said], "answer_start": [context.index(said)]}}


@pytest.mark.parametrize(
    ("task", "row"),
    [("classification", labelled), ("ranking", ranked), ("regression", numbered), ("tagging", tagged), ("answering", asked)],
)
def test_both_sides_learn_and_are_scored_alike(
    task: str, row: Callable[[list[str]], dict[str, Any]], tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    for seed, split in enumerate(("train", "dev", "test")):
        rows = [row(words) for words in sentences(seed)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    options = Options.of(model=str(tiny("sentence-bert")), task=task, batch=16)
    study = open_study(Sources(*(tmp_path / f"{split}.jsonl" for split in ("train", "dev", "test"))), tmp_path / "study", options)
    candidate = field_of(read_methods(["full"]), study.base, study.context.head, task, options).candidates[0]
    metric = study.conditions.metric
    for run in (tasks.run_ours(study, [metric]), tasks.run_peer(study, [metric])):
        found = run(candidate, 5e-3, "final", 1, 80)
        assert found["status"] == "ok"
        assert found["test"] == found["also"][metric] > 0.8
