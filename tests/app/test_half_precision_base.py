"""A base that is stored in half precision, as most large ones are: what is shipped predicts like what was measured, in every library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import leantune as lt
from leantune.artifact.manifest import read_manifest

ROWS = [
    {"text": f"{filler} {word}", "label": label}
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]


def halved(folder: Path, out: Path) -> Path:
    """A copy of a model whose weights and configuration are those of float16."""
    shutil.copytree(folder, out)
    weights = {name: (4 * value).half() for name, value in load_file(out / "model.safetensors").items()}  # large, so that rounding shows
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    (out / "config.json").write_text(json.dumps(config | {"dtype": "float16"}), encoding="utf-8")
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "method", "library"),
    [
        ("bert", "head", "peft"),
        ("llama", "lora", "peft"),
        ("sentence-bert", "lora", "sentence-transformers"),
    ],
)
def test_what_is_shipped_predicts_like_what_was_measured(
    tiny: Callable[[str], Path], tmp_path: Path, family: str, method: str, library: str
) -> None:
    base = halved(tiny(family), tmp_path / "base")
    study = lt.study(ROWS, model=str(base), out=tmp_path / "run", budget="10steps", max_length=32, quiet=True)
    lt.train(study, method)
    manifest = read_manifest(tmp_path / "run" / "best")
    assert manifest.form == "adapter"
    assert library in manifest.loads_in
    assert "float32" in (tmp_path / "run" / "best" / "README.md").read_text(encoding="utf-8")
