"""What is made smaller leaves alone what it was made of, and a target that cannot be reached is a failed row with its reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from transformers import AutoModel

import leantune as lt
from leantune.core.records import TrialRecord
from studies_of_trials import labelled_rows

pytestmark = pytest.mark.slow

FULL = "full(lr=0.01)"
SMALLER = (f"{FULL} | prune(layers, keep=0.5, rounds=1, steps=2)", f"{FULL} | prune(weights, by=l1, steps=2)", f"{FULL} | quantize(int8)")
BEYOND = f"{FULL} | shrink(params=0.05, steps=0)"


def bits(folder: Path) -> dict[str, str]:
    """A hash of each file, by its path."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def record(result: lt.Result, name: str) -> TrialRecord:
    return next(trial for trial in result.comparison.trials if trial.name == name and trial.phase == "final")


def compared(base: str, run: Path, methods: list[str]) -> lt.Result:
    opened = lt.study(labelled_rows(), model=base, out=run, budget="100steps", seeds=1, keep_all=True, quiet=True)
    return lt.compare(opened, methods)


def test_a_target_that_cannot_be_reached_is_a_failed_row_with_the_reason(base: str, tmp_path: Path, proof_here: None) -> None:
    found = compared(base, tmp_path, [FULL, BEYOND])
    beyond, rows = record(found, BEYOND), {row.name: row for row in found.comparison.methods}
    assert beyond.status == "failed"
    assert "the target cannot be reached" in (beyond.reason or "")
    assert "parameters are left" in (beyond.reason or "")
    assert rows[BEYOND].verdict == "failed"
    assert rows[BEYOND].mean is None
    assert rows[FULL].mean is not None
    assert "the target cannot be reached" in (found.run / "report.html").read_text(encoding="utf-8")


def test_below_what_is_made_smaller_everything_stays_bit_identical(base: str, tmp_path: Path, proof_here: None) -> None:
    """The trial of the first stage, and the base; and a model with fewer layers loads in plain `transformers`."""
    full = tmp_path / "trials" / record(compared(base, tmp_path, [FULL]), FULL).digest
    before = bits(full), bits(Path(base))
    assert any(name.startswith("delta/") for name in before[0])
    found = compared(base, tmp_path, [FULL, *SMALLER])
    assert [record(found, name).status for name in SMALLER] == ["ok"] * 3, [record(found, name).reason for name in SMALLER]
    assert (bits(full), bits(Path(base))) == before
    shallow = record(found, SMALLER[0])
    assert AutoModel.from_pretrained(tmp_path / "trials" / shallow.digest / "delta", dtype="float32").config.num_hidden_layers == 1
    assert "layers" in shallow.stages[-1].notes[0]
    assert "a row for each layer" in (found.run / "report.html").read_text(encoding="utf-8")
