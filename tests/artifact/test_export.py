from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from making import TEXTS, Maker
from transformers import AutoModelForSequenceClassification

from leantune.artifact.export import export, format_names
from leantune.artifact.manifest import read_manifest
from leantune.artifact.predictor import load
from leantune.core.errors import ArtifactError, SpecError


def test_formats_are_found_by_listing() -> None:
    assert format_names() == ["executorch", "merged", "onnx", "onnx-int8", "openvino", "peft", "transformers-js"]


@pytest.mark.parametrize(
    ("expression", "fmt", "hint"),
    [("prompt", "merged", "cannot be folded into the weights. Use --format peft"), ("full", "peft", "has no adapter. Use --format merged")],
)
def test_a_form_that_a_method_does_not_have_is_told(made: Maker, tmp_path: Path, expression: str, fmt: str, hint: str) -> None:
    with pytest.raises(ArtifactError, match=hint):
        export(made("sentence-bert", expression).folder, fmt, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mistakes_are_told_before_any_work(made: Maker, tmp_path: Path) -> None:
    folder = made("bert", "lora").folder
    with pytest.raises(SpecError, match='Closest: "merged"'):
        export(folder, "merge", tmp_path / "out")
    with pytest.raises(ArtifactError, match="the artifact itself"):
        export(folder, "merged", folder)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ArtifactError, match="in use"):
        export(folder, "merged", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "sentence-bert"])
def test_merged_and_peft_forms_predict_the_same_and_export_again(made: Maker, tmp_path: Path, family: str) -> None:
    artifact = made(family, "lora", True)
    rows = list(zip(*[iter(TEXTS)] * 2, strict=True))
    expected = load(artifact.folder, merge=False).logits(rows)
    for fmt in ("merged", "peft"):
        out = export(artifact.folder, fmt, tmp_path / fmt)
        np.testing.assert_allclose(load(out).logits(rows), expected, atol=1e-5)
        assert "same predictions on 24 rows" in str(read_manifest(out).proof)
    if family == "bert":
        AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    again = export(tmp_path / "merged", "merged", tmp_path / "again")
    assert read_manifest(again).base == read_manifest(artifact.folder).base
