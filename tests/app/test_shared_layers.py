"""Layers that share their weights, from the command's side: trained once, stored at each place, loaded by plain transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModel

import leantune as lt
from leantune.artifact.manifest import read_manifest

ROWS = [
    {"text": f"{filler} {word}", "label": label}
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was", "hello", "where is")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]


@pytest.mark.slow
def test_shared_layers_are_trained_once_and_stored_at_each_place(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    opened = lt.study(ROWS, model=str(tiny("bert")), out=tmp_path / "run", budget="60steps", quiet=True)
    whole = lt.train(opened, "full(lr=1e-2)", tmp_path / "whole")
    for method in ("share(1) | full(lr=1e-2)", "share(1) | lora(lr=1e-2)"):
        record = lt.train(opened, method, tmp_path / "shared")
        assert record.status == "ok", record.reason
        assert record.cost.model_params == whole.cost.model_params
        assert (record.cost.trainable_params or 0) < (whole.cost.trainable_params or 0)
        assert "its 2 layers are 1 that are run at several places" in record.notes[0]
        body = AutoModel.from_pretrained(tmp_path / "shared")
        first, second = (layer.state_dict() for layer in body.encoder.layer)
        assert all(bool((value == second[name]).all()) for name, value in first.items())
        assert "transformers" in (read_manifest(tmp_path / "shared").proof or "")


def test_stages_count_shared_layers_as_often_as_they_are_stored(tiny: Callable[[str], Path], tmp_path: Path, proof_here: None) -> None:
    opened = lt.study(ROWS, model=str(tiny("bert")), out=tmp_path / "run", budget="40steps", quiet=True)
    first = lt.train(opened, "share(1) | full(lr=1e-2)", tmp_path / "first")
    found = lt.train(opened, "share(1) | full(lr=1e-2) | prune(neurons, keep=0.5, rounds=1, steps=2)", tmp_path / "pruned")
    counts = [(stage.model_params, stage.model_bytes) for stage in found.stages]
    assert counts == [(one.cost.model_params, one.cost.model_bytes) for one in (first, found)]
    assert found.stages[0].zeros % 2 == 0
    assert counts[1] < counts[0]


@pytest.mark.slow
def test_shared_layers_become_a_graph(tiny: Callable[[str], Path], tmp_path: Path, proof_here: None) -> None:
    opened = lt.study(ROWS, model=str(tiny("bert")), out=tmp_path / "run", budget="40steps", quiet=True)
    record = lt.train(opened, "share(1) | full(lr=1e-2) | quantize(int8)", tmp_path / "graph")
    assert record.status == "ok", record.reason
    assert record.stages[-1].model_bytes == record.cost.model_bytes
