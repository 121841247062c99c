"""`prune(heads)` where a family can say that there are fewer: a smaller model, and plain `transformers` loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification

import leantune as lt
from leantune.artifact.manifest import read_manifest

ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(3)
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "options", "left"),
    [
        ("qwen2", "keep=0.25, by=magnitude, rounds=1, steps=0", 1),
        ("llama", "keep=0.5, rounds=2, steps=4", 2),
        ("llama", "keep=0.5, by=movement, steps=6", 2),
    ],
)
def test_heads_are_taken_out(tiny: Callable[[str], Path], tmp_path: Path, family: str, options: str, left: int) -> None:
    study = lt.study(ROWS, model=str(tiny(family)), out=tmp_path, budget="60steps", max_length=64, quiet=True)
    record = lt.train(study, f"full(lr=0.003) | prune(heads, {options})")
    assert record.status in ("ok", "one_class"), record.reason
    full, cut = record.stages
    assert cut.model_params < full.model_params
    assert cut.model_bytes < full.model_bytes
    assert "zero" not in cut.notes[0]
    assert f"{100 * left / 4:.1f} % of the heads are left" in cut.notes[0]
    assert "transformers" in read_manifest(tmp_path / "best").loads_in
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "best")
    assert plain.config.num_attention_heads == left
    assert plain.config.head_dim == 8
    assert plain.model.layers[0].self_attn.o_proj.in_features == 8 * left
