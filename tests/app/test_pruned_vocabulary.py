"""`full | prune(vocabulary)`: everything behind it reads the new tokens, in the study and in the artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import ArtifactError, SpecError

ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(3)
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]
UNSEEN = ["please help the bank", "zebra"]


def study(folder: Path, out: Path, **more: Any) -> lt.Study:
    return lt.study(ROWS, model=str(folder), out=out, budget="60steps", max_length=64, quiet=True, **more)


@pytest.mark.slow
def test_a_chain_goes_on_with_the_tokens_that_are_left(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    record = lt.train(study(tiny("bert"), tmp_path / "run"), "full(lr=0.003) | prune(vocabulary) | shrink(layers=1, steps=2)")
    assert record.status in ("ok", "one_class")
    full, fewer, short = record.stages
    assert fewer.scores.test == full.scores.test  # what these test rows hold occurs in training rows too
    assert short.model_params < fewer.model_params < full.model_params
    assert fewer.model_bytes < full.model_bytes
    assert any("of 206 tokens are left" in note for note in fewer.notes)
    assert any("0.0 % of the test tokens are none of them" in note for note in fewer.notes)
    best = tmp_path / "run" / "best"
    assert {"predict.py", "transformers"} <= set(read_manifest(best).loads_in)
    tokenizer, model = AutoTokenizer.from_pretrained(best), AutoModelForSequenceClassification.from_pretrained(best)
    assert model.config.vocab_size == len(tokenizer) < 206
    assert model.config.pad_token_id == tokenizer.pad_token_id
    logits = model(**tokenizer(UNSEEN, padding=True, return_tensors="pt")).logits.detach().numpy()
    assert np.abs(logits - lt.load(best).logits(UNSEEN)).max() < 1e-4


@pytest.mark.slow
def test_a_model_with_other_tokens_teaches_and_is_no_ingredient(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    lt.train(study(tiny("bert"), tmp_path / "one"), "full(lr=0.003) | prune(vocabulary)")
    one, two = tmp_path / "one" / "best", tmp_path / "two"
    opened = study(tiny("bert"), two)
    record = lt.train(opened, f"distill(teacher='{one}') | head")
    assert record.status in ("ok", "one_class")
    said = np.load(next((two / "cache").glob("said-*.npy")))
    texts = [row[0] for row in opened.dataset.splits["train"].inputs(np.arange(len(said)))]
    assert np.abs(said - lt.load(one).logits(texts)).max() < 1e-4
    lt.train(opened, "full(lr=0.003)")
    with pytest.raises(ArtifactError, match="it reads other tokens"):
        lt.merge([one, two / "best"], tmp_path / "merged")


@pytest.mark.slow
def test_a_graph_of_fewer_tokens(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    record = lt.train(study(tiny("sentence-bert"), tmp_path / "run"), "full(lr=0.003) | prune(vocabulary, keep=0.8) | quantize(int8)")
    assert record.status in ("ok", "one_class")
    manifest = read_manifest(tmp_path / "run" / "best")
    assert manifest.form == "onnx"
    assert "predict.py" in (manifest.proof or "")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("full | prune(vocabulary, rounds=2)", "leave rounds out"),
        ("full | prune(vocabulary, keep=1.5)", "keep"),
        ("cloze | full | prune(vocabulary)", "the words of a prompt are tokens of the base"),
    ],
)
def test_what_does_not_go(tiny_lm: Callable[[str], Path], tmp_path: Path, method: str, said: str) -> None:
    words = {"prompt": "{text} It was {mask}.", "labels": {"good": "good", "bad": "bad"}} if "cloze" in method else {}
    with pytest.raises(SpecError) as caught:
        lt.train(study(tiny_lm("bert"), tmp_path, **words), method)
    assert said in caught.value.message
