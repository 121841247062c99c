"""Merging artifacts: heads come along, plain transformers loads the result, what does not fit or is worse is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from making import Maker
from transformers import AutoModelForSequenceClassification

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.artifact.parity import Proof
from leantune.core.errors import ArtifactError, SpecError


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fresh processes, which one test has."""
    monkeypatch.setattr("leantune.artifact.publish.prove", lambda folder, facts, golden, *, ways: Proof(list(ways), 0.0, len(golden.rows)))


@pytest.fixture
def pair(made: Maker) -> list[Path]:
    return [made("bert", "lora").folder, made("bert", "lora(rank=2)").folder]


@pytest.fixture
def own_words(pair: list[Path], tmp_path: Path) -> str:
    """Rows with the labels that the first artifact gives them."""
    texts = [
        f"{one} {two} {three}"
        for one in ("good", "bad", "sad", "the")
        for two in ("card", "money", "book")
        for three in ("help", "never", "was")
    ]
    path = tmp_path / "own.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "kind"])
        writer.writerows([text, one.label] for text, one in zip(texts, lt.load(pair[0]).predict(texts), strict=True))
    return str(path)


@pytest.mark.slow
def test_a_soup_of_adapters_with_heads_loads_in_plain_transformers(pair: list[Path], tmp_path: Path) -> None:
    found = lt.merge(pair, tmp_path / "out")
    plain = AutoModelForSequenceClassification.from_pretrained(found.folder, dtype="float32").eval()
    members = [lt.load(folder).network.body.state_dict() for folder in pair]
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(value, (members[0][name] + members[1][name]) / 2)
    assert plain.config.id2label == {0: "no", 1: "yes", 2: "maybe"}
    assert "fresh processes" in (read_manifest(found.folder).proof or "")
    assert found.scores == {}


def test_arithmetic_with_halves_is_the_soup(pair: list[Path], unproven: None, tmp_path: Path) -> None:
    rows = ["good card", "bad money lost"]
    soup = lt.load(lt.merge(pair, tmp_path / "soup").folder).logits(rows)
    sums = lt.load(lt.merge(pair, tmp_path / "sum", how="arithmetic", weights=[0.5, 0.5]).folder).logits(rows)
    np.testing.assert_allclose(soup, sums, atol=1e-4)


def test_a_merge_that_is_worse_than_its_best_ingredient_is_not_written(pair: list[Path], own_words: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        lt.merge(pair, tmp_path / "out", dev=own_words)
    assert f"worse than {pair[0]}" in caught.value.message
    assert not (tmp_path / "out").exists()


def test_a_greedy_soup_leaves_out_what_lowers_the_score(pair: list[Path], unproven: None, own_words: str, tmp_path: Path) -> None:
    found = lt.merge(pair, tmp_path / "out", how="greedy", dev=own_words)
    assert found.members == [str(pair[0])]
    assert found.scores["merged"] == found.scores[str(pair[0])] == 1.0
    assert found.gap is not None
    assert found.gap.mean == 0


@pytest.mark.parametrize("how", ["soup", "ties"])
@pytest.mark.parametrize(
    ("strange", "said"),
    [
        (("roberta", "lora"), "its base is of another shape"),
        (("bert", "prompt"), "prompt cannot be folded into the weights"),
        (("bert", "full", False, 3, ("no", "yes", "perhaps")), "its labels are others (maybe, perhaps)"),
        (("bert", "lora", False, 3, ("yes", "no", "maybe")), "its labels stand in another order"),
    ],
)
def test_other_bases_labels_and_virtual_tokens_are_refused_with_the_difference(
    made: Maker, pair: list[Path], tmp_path: Path, how: str, strange: tuple[object, ...], said: str
) -> None:
    other = made(*strange).folder
    with pytest.raises(ArtifactError) as caught:
        lt.merge([pair[0], other], tmp_path / "out", how=how)
    assert said in caught.value.message, caught.value.message
    assert str(other) in caught.value.message
    assert not (tmp_path / "out").exists()


def test_all_folders_that_are_no_artifacts_are_told_at_once(pair: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        lt.merge([tmp_path / "one", pair[0], tmp_path / "two"], tmp_path / "out")
    assert caught.value.message.startswith("artifacts: 2 problems\n")
    assert all(str(tmp_path / name) in caught.value.message for name in ("one", "two"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"how": "tie"}, 'Closest: "ties"'),
        ({"how": "greedy"}, "--dev FILE"),
        ({"weights": [1.0]}, "1 numbers for 2"),
        ({"density": 2.0}, "Got 2"),
    ],
)
def test_options_that_do_not_fit_are_told(pair: list[Path], tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        lt.merge(pair, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert said in caught.value.message
