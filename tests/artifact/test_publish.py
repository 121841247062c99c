from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from making import LABELS, Maker

from leantune.artifact.card import card
from leantune.artifact.manifest import Facts, read_manifest
from leantune.artifact.parity import Golden, Proof
from leantune.artifact.publish import publish
from leantune.artifact.script.carry import carry
from leantune.core.errors import ArtifactError
from leantune.core.records import Cost, FurtherScore, Interval, Latency, Scores

FACTS = Facts(task="classification", labels=LABELS, outputs=3, method="lora")


@pytest.mark.parametrize(
    ("family", "expression", "expected"),
    [
        ("bert", "lora", {"adapter_config.json", "adapter_model.safetensors"}),
        ("bert", "full", {"config.json", "model.safetensors"}),
        ("sentence-bert", "lora", {"adapter_config.json", "adapter_model.safetensors", "modules.json", "1_Pooling", "2_Dense"}),
        ("sentence-bert", "prompt", {"adapter_config.json", "adapter_model.safetensors", "2_Dense"}),
        ("sentence-bert", "houlsby", {"adapter_config.json", "adapter_model.safetensors", "2_Dense", "bottleneck_adapter.py"}),
    ],
)
def test_each_layout_has_its_files(made: Maker, family: str, expression: str, expected: set[str]) -> None:
    sentence = {"sentence_bert_config.json", "config_sentence_transformers.json"} if "modules.json" in expected else set()
    common = {"README.md", "leantune.json", "predict.py", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in made(family, expression).folder.iterdir()} == expected | sentence | common


def test_something_else_is_not_written_over(made: Maker, tmp_path: Path) -> None:
    artifact = made("bert", "lora")
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="in use by something else"):
        publish(artifact.folder.parent / "delta", tmp_path, FACTS, artifact.base)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_artifact_is_replaced_whole_and_nothing_else_is_left(made: Maker, tmp_path: Path) -> None:
    artifact = made("bert", "lora")
    target = tmp_path / "best"
    for method in ("lora", "lora(rank=8)"):
        publish(artifact.folder.parent / "delta", target, FACTS.model_copy(update={"method": method}), artifact.base)
    assert read_manifest(target).facts.method == "lora(rank=8)"
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_the_same_files_are_proven_once(made: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact, proofs = made("bert", "lora"), []

    def proving(folder: Path, facts: Facts, golden: Golden, *, ways: list[str]) -> Proof:
        proofs.append(facts.method)
        return Proof(ways, 1e-7, 2)

    monkeypatch.setattr("leantune.artifact.publish.prove", proving)
    golden, target = Golden([("a", None)], np.zeros((1, len(LABELS)))), tmp_path / "best"
    for reason in ("first", "second"):
        publish(artifact.folder.parent / "delta", target, FACTS.model_copy(update={"reason": reason}), artifact.base, golden=golden)
    manifest = read_manifest(target)
    assert (proofs, manifest.facts.reason) == (["lora"], "second")
    assert "same predictions" in str(manifest.proof)
    assert "leantune" in manifest.loads_in
    (target / "adapter_model.safetensors").write_bytes(b"damaged")
    publish(artifact.folder.parent / "delta", target, FACTS, artifact.base, golden=golden)
    assert proofs == ["lora", "lora"]


def test_a_failure_leaves_the_old_artifact(made: Maker, tmp_path: Path) -> None:
    artifact = made("bert", "lora")
    target = publish(artifact.folder.parent / "delta", tmp_path / "best", FACTS, artifact.base)
    before = (target / "leantune.json").read_bytes()
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "no delta", target, FACTS, artifact.base)
    assert (target / "leantune.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_the_card_says_what_people_need_and_not_where_their_file_lies(made: Maker) -> None:
    manifest = read_manifest(made("sentence-bert", "lora").folder)
    facts = manifest.facts.model_copy(
        update={
            "scores": Scores(dev=0.9, test=0.912, further={"de": FurtherScore(data="d", score=0.812)}),
            "interval": Interval(mean=0.912, low=0.9, high=0.922),
            "cost": Cost(trainable_params=75_000, trainable_params_without_head=74_000, latency_ms=Latency(batch_1=7.2, batch_32=60)),
            "data": "/home/me/secret place/letters.csv",
        }
    )
    text = card(manifest.model_copy(update={"facts": facts, "proof": "reloaded"}))
    assert text.startswith("---\nlibrary_name: sentence-transformers\n")
    for part in (
        "91.2 % (90 % interval 90.0 % to 92.2 %)",
        "75.0 k (74.0 k without the head)",
        "| Test accuracy, de | 81.2 % |",
        "7.2 ms",
        "`no`, `yes`, `maybe`",
        "reloaded",
    ):
        assert part in text
    assert "secret place" not in text


def test_the_script_stays_short_and_compiles(made: Maker) -> None:
    for layout in (("bert", "lora"), ("bert", "full"), ("sentence-bert", "lora"), ("sentence-bert", "prompt")):
        text = (made(*layout).folder / "predict.py").read_text()
        compile(text, "predict.py", "exec")
        assert text.count("\n") < 200
        assert ("find_base" in text) == (layout[1] != "full")


def test_the_adapters_own_code_needs_nothing_of_ours() -> None:
    source = carry("leantune.models.bottleneck")
    compile(source, "adapter.py", "exec")
    assert "leantune" not in source.replace("without leantune", "")


def test_the_adapter_config_names_the_base(made: Maker) -> None:
    artifact = made("bert", "lora")
    config = json.loads((artifact.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == artifact.base.location.source
