from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from making import LABELS, PAIRS, TEXTS, Made, Maker, make_one
from peft import AutoPeftModelForSequenceClassification
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from leantune.artifact.manifest import read_manifest
from leantune.artifact.predictor import load
from leantune.core.errors import ArtifactError, DataError
from leantune.testing.tiny import make

LAYOUTS = [
    ("bert", "lora", False),
    ("bert", "full", True),
    ("bert", "prompt", True),
    ("sentence-bert", "bitfit", True),
    ("sentence-bert", "full", False),
    ("sentence-bert", "prefix", False),
    ("sentence-bert", "pfeiffer", True),
    ("gpt2", "lora", True),
    ("gpt2", "prompt", False),
]
each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "-".join(map(str, layout)))


def rows(artifact: Made) -> list[str] | list[tuple[str, str]]:
    return [first if second is None else (first, second) for first, second in artifact.golden.rows]  # type: ignore[return-value]


@each_layout
def test_predicts_as_the_trained_network(made: Maker, layout: tuple[str, str, bool]) -> None:
    artifact = made(*layout)
    predictor = load(artifact.folder)
    np.testing.assert_allclose(predictor.logits(rows(artifact)), artifact.golden.logits, atol=1e-5)
    found = predictor.predict(rows(artifact))
    scores = torch.tensor(np.array(artifact.golden.logits)).softmax(dim=1)
    assert [one.label for one in found] == [LABELS[label] for label in scores.argmax(dim=1)]
    np.testing.assert_allclose([one.score for one in found], scores.max(dim=1).values, atol=1e-5)


@each_layout
def test_the_script_predicts_the_same_without_leantune(made: Maker, layout: tuple[str, str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = made(*layout)
    monkeypatch.setattr(sys, "path", [str(artifact.folder), *sys.path])
    assert "leantune." not in (artifact.folder / "predict.py").read_text()
    script = runpy.run_path(str(artifact.folder / "predict.py"))
    found = script["predict"](script["load_model"](None), TEXTS, PAIRS if layout[2] else None)
    scores = torch.tensor(np.array(artifact.golden.logits)).softmax(dim=1)
    assert [label for label, _ in found] == [LABELS[label] for label in scores.argmax(dim=1)]
    np.testing.assert_allclose([score for _, score in found], scores.max(dim=1).values, atol=1e-5)


@pytest.mark.parametrize("layout", [("sentence-bert", "lora", True), ("sentence-bert", "full", False), ("sentence-bert", "norm", False)])
def test_sentence_transformers_gives_the_logits(made: Maker, layout: tuple[str, str, bool]) -> None:
    library = pytest.importorskip("sentence_transformers")
    artifact = made(*layout)
    found = library.SentenceTransformer(str(artifact.folder), device="cpu").encode(rows(artifact))
    np.testing.assert_allclose(found, artifact.golden.logits, atol=1e-5)


def test_plain_peft_loads_a_stock_head(made: Maker) -> None:
    artifact = made("bert", "lora")
    model = AutoPeftModelForSequenceClassification.from_pretrained(str(artifact.folder), num_labels=3).eval()
    np.testing.assert_allclose(plain(model, artifact), artifact.golden.logits, atol=1e-5)


def test_plain_transformers_loads_a_whole_model_with_its_labels(made: Maker) -> None:
    artifact = made("bert", "full", True)
    model = AutoModelForSequenceClassification.from_pretrained(artifact.folder).eval()
    assert model.config.id2label == dict(enumerate(LABELS))
    np.testing.assert_allclose(plain(model, artifact), artifact.golden.logits, atol=1e-5)


def test_the_encoder_and_adapter_of_a_pooled_head_load_in_plain_transformers(made: Maker) -> None:
    artifact = made("sentence-bert", "lora", True)
    network = load(artifact.folder, merge=False).network
    model = AutoModel.from_pretrained(artifact.folder).eval()
    inputs = AutoTokenizer.from_pretrained(artifact.folder)(["good card"], return_tensors="pt")
    with torch.no_grad():
        ours, theirs = (body(**inputs).last_hidden_state for body in (network.body, model))
    torch.testing.assert_close(theirs, ours, atol=1e-6, rtol=0)


@torch.no_grad()
def plain(model: torch.nn.Module, artifact: Made) -> torch.Tensor:
    pairs = None if artifact.golden.rows[0][1] is None else PAIRS
    tokenizer = AutoTokenizer.from_pretrained(artifact.folder)
    return model(**tokenizer(TEXTS, pairs, truncation=True, padding=True, return_tensors="pt")).logits


def test_rows_of_the_wrong_kind_are_told(made: Maker) -> None:
    single, paired = load(made("bert", "lora").folder), load(made("bert", "full", True).folder)
    with pytest.raises(DataError, match=r"row 2: this model reads single texts.*\('a', 'b'\)"):
        single.predict(["a", ("a", "b")])
    with pytest.raises(DataError, match="row 1: this model reads pairs"):
        paired.predict(["a"])
    with pytest.raises(DataError, match="list of rows"):
        single.predict("a")
    assert single.predict([]) == []


@pytest.fixture
def copy(made: Maker, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made("bert", "lora").folder, tmp_path / "copy"))


def test_a_changed_or_missing_file_is_named(copy: Path) -> None:
    weights = copy / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ArtifactError, match=r"(?s)adapter_model.safetensors is not the file that was saved.*tokenizer.json is missing"):
        load(copy)


def test_the_card_may_be_edited(copy: Path) -> None:
    (copy / "README.md").write_text("mine")
    assert load(copy).predict(["good"])


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 99, "leantune": "9.0"}', '{"files": 3}'])
def test_a_broken_manifest_is_told(copy: Path, content: str) -> None:
    (copy / "leantune.json").write_text(content)
    with pytest.raises(ArtifactError, match="newer leantune" if "99" in content else "leantune.json"):
        load(copy)


def test_a_path_out_of_the_folder_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / "leantune.json").read_text())
    manifest["files"]["../secret"] = "0" * 64
    (copy / "leantune.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="outside the folder"):
        load(copy)


def test_a_folder_that_is_no_artifact_is_told(made: Maker, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such folder"):
        load(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match=r"Did you mean .*best"):
        load(made("bert", "lora").folder.parent)


def test_the_base_is_found_by_name_and_must_have_the_same_weights(tmp_path: Path) -> None:
    source = make("bert", tmp_path / "base")
    artifact = make_one(source, "lora", tmp_path / "made")
    make("bert", source, seed=5)
    with pytest.raises(ArtifactError, match="other weights than the base model of the training"):
        load(artifact.folder)
    shutil.rmtree(source)
    with pytest.raises(ArtifactError, match="its base model was not found"):
        load(artifact.folder)


def test_a_whole_model_needs_no_base(tmp_path: Path) -> None:
    source = make("sentence-bert", tmp_path / "base")
    artifact = make_one(source, "full", tmp_path / "made")
    shutil.rmtree(source)
    np.testing.assert_allclose(load(artifact.folder).logits(TEXTS), artifact.golden.logits, atol=1e-5)


def test_the_manifest_lists_every_file_and_keeps_no_text(made: Maker) -> None:
    folder = made("sentence-bert", "lora", True).folder
    manifest = read_manifest(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(manifest.files) == there - {"leantune.json"}
    assert manifest.loads_in == ["leantune", "predict.py", "sentence-transformers"]
    assert not any(
        text in path.read_text() for text in TEXTS if len(text) > 20 for path in folder.glob("*.*") if path.suffix in (".md", ".py")
    )
