"""Labels that were drawn by lot, and trained on: nothing is said to be better than the floor."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import leantune as lt


def test_nothing_that_was_trained_on_random_labels_beats_the_floor(base: str, tickets: Path, tmp_path: Path) -> None:
    draw = random.Random(0)
    with tickets.open(encoding="utf-8", newline="") as file:
        rows = [{"text": row["text"], "label": draw.choice(["good", "good", "bad"])} for row in csv.DictReader(file)]
    study = lt.study(rows, model=base, out=tmp_path, batch=8, budget="40steps", seeds=2, margin=5, quiet=True)
    choice = lt.compare(study, ["full(lr=0.003)", "lora(rank=2, lr=0.01)", "head(lr=0.01)"]).comparison.choice
    assert choice.reason.startswith("Nothing beats the "), choice
    assert choice.artifact is None
