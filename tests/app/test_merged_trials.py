"""Trained models, whole and as adapters, become one by differences to the base that their trials recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import ArtifactError


@pytest.mark.slow
def test_what_trials_leave_is_merged_where_it_began_as_the_base(tickets: Path, base: str, proof_here: None, tmp_path: Path) -> None:
    study = lt.study(str(tickets), model=base, budget="40steps", out=tmp_path / "run", quiet=True)
    methods = [
        "full(lr=1e-3)",
        "lora(lr=1e-2) | merge",
        "lora(lr=1e-2)",
        "reinit(last=1) | full(lr=1e-3)",
        "full(lr=1e-3) | shrink(layers=1)",
    ]
    folders = [tmp_path / f"artifact-{number}" for number in range(len(methods))]
    for method, folder in zip(methods, folders, strict=True):
        lt.train(study, method, folder)
    assert [read_manifest(folder).form for folder in folders] == ["whole", "whole", "adapter", "whole", "whole"]
    for how in ("arithmetic", "ties", "dare"):
        found = lt.merge(folders[:3], tmp_path / how, how=how)
        assert read_manifest(found.folder).base == read_manifest(folders[0]).base
        assert {one.label for one in lt.load(found.folder).predict(["the movie was great", "a very sad day"])} <= {"good", "bad"}
    for folder, said in zip(folders[3:], ("changed the layers of its base", "its weights have other shapes"), strict=True):
        with pytest.raises(ArtifactError, match=said):
            lt.merge([folders[0], folder], tmp_path / "out", how="ties")
