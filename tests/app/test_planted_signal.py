"""A signal that only the test set has: nothing that is trained, raced, stopped or dropped changes by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import leantune as lt

METHODS = ["full", "lora(rank=2, lr=0.01)", "head(lr=0.01)"]


def trained(folder: Path, file: Path, base: str, test: list[dict[str, str]]) -> dict[tuple[str, str, float | None], Any]:
    """Every trial by name, phase and rate: the weights it left, its dev score and its curve."""
    study = lt.study(str(file), model=base, test=test, out=folder, batch=8, budget="12steps", seeds=1, margin=5, quiet=True)
    found = {}
    for trial in lt.compare(study, METHODS).comparison.trials:
        weights = {name: digest for name, digest in trial.files.items() if name.startswith("delta/")}
        curve = [(point.step, point.train_loss, point.dev_score) for point in trial.curve]
        found[trial.name, trial.phase, trial.recipe.lr if trial.recipe else None] = (weights, trial.scores.dev, curve)
    return found


def test_the_test_set_chooses_nothing(tickets: Path, base: str, tmp_path: Path, proof_here: None) -> None:
    texts = [f"the card number {number} is {word}" for number in range(12) for word in ("red", "blue")]
    one = [{"text": text, "label": "good" if "red" in text else "bad"} for text in texts]
    other = [{"text": row["text"], "label": "bad" if row["label"] == "good" else "good"} for row in one]
    found = trained(tmp_path / "one", tickets, base, one)
    assert len({name for name, phase, _ in found if phase == "final"}) == len(METHODS)
    assert found == trained(tmp_path / "other", tickets, base, other)
