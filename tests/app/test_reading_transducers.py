"""Encoder-decoders that label texts: their own head does, what needs one outside is left out, and the floor reads the encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.models.base import open_base
from leantune.models.build import build_embedder

OUTSIDE = ["prefix", "prompt", "p_tuning", "prototypes", "logistic"]


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_what_needs_a_head_outside_is_left_out(tiny: Callable[[str], Path], tickets: Path, tmp_path: Path, family: str) -> None:
    study = lt.study(tickets, model=str(tiny(family)), max_length=64, out=tmp_path / "run", quiet=True)
    found = field_in(study, read_methods([*OUTSIDE, "head", "lora"]))
    assert [one.name for one in found.candidates] == ["head", "lora"]
    assert set(found.left_out) == set(OUTSIDE)
    assert all("labels texts by the head of its own class alone" in why for why in found.left_out.values())


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_the_floor_reads_the_encoder(tiny: Callable[[str], Path], family: str) -> None:
    embedder = build_embedder(open_base(str(tiny(family))))
    assert not any("decoder" in name for name, _ in embedder.named_parameters())


@pytest.mark.slow
def test_the_comparison_stands(tiny: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None) -> None:
    study = lt.study(tickets, model=str(tiny("t5")), budget="10steps", seeds=1, max_length=64, out=tmp_path / "run", quiet=True)
    done = lt.compare(study, ["head", "lora"])
    rows = {row.name: row for row in done.comparison.methods}
    assert all(rows[name].mean is not None for name in ("embeddings", "head", "lora")), {
        trial.name: trial.reason for trial in done.comparison.trials
    }
