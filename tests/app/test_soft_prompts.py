"""Soft tokens and starts from words from a file to an artifact, and what few rows make of a method that says one label for all."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.models.adapter_file import read_tensors
from leantune.models.delta import HEAD
from leantune.models.soft_tokens import FILE

PROMPT = {"prompt": "{text} {soft:it was} {mask} {soft:2}", "labels": "good=great|nice, bad=awful|poor"}
WIDTH = 32


@pytest.fixture(scope="module")
def finished(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    methods = ["cloze | frozen(lr=0.03)", "cloze | lora(rank=2, lr=0.01)", "cloze(encoder=mlp) | frozen(lr=0.01)"]
    methods += [f"cloze(verbalizer=soft, penalty={penalty}) | frozen(lr=0.01)" for penalty in (0, 100)]
    options = {"budget": "60steps", "seeds": 1, "keep_all": True, "quiet": True, "batch": 16}
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path_factory.mktemp("run"), **options, **PROMPT)
    return lt.compare(opened, methods)


def folder_of(finished: lt.Result, name: str) -> Path:
    digest = next(trial.digest for trial in finished.comparison.trials if trial.name == name and trial.phase == "final")
    return finished.run / "trials" / digest / "delta"


def test_soft_tokens_count_as_trained_and_are_stored_bare(finished: lt.Result) -> None:
    rows = {row.name: row for row in finished.comparison.methods}
    alone, encoded = rows["cloze | frozen(lr=0.03)"], rows["cloze(encoder=mlp) | frozen(lr=0.01)"]
    assert alone.cost.trainable_params == alone.cost.trainable_params_without_head == 4 * WIDTH
    assert encoded.cost.trainable_params == 4 * WIDTH + 2 * (WIDTH * WIDTH + WIDTH)
    for name in (alone.name, encoded.name):
        assert read_tensors(folder_of(finished, name) / FILE)["vectors"].shape == (4, WIDTH)


def test_soft_tokens_have_a_rate_of_their_own(finished: lt.Result) -> None:
    recipes = {trial.name: trial.recipe for trial in finished.comparison.trials if trial.recipe}
    alone, beside = recipes["cloze | frozen(lr=0.03)"], recipes["cloze | lora(rank=2, lr=0.01)"]
    assert (alone.lr, alone.soft_lr) == (0.03, None)
    assert (beside.lr, beside.soft_lr) == (0.01, 0.001)


def test_the_penalty_keeps_the_head_at_its_words(finished: lt.Result) -> None:
    free, held = (
        read_tensors(folder_of(finished, f"cloze(verbalizer=soft, penalty={penalty}) | frozen(lr=0.01)") / HEAD / "model.safetensors")
        for penalty in (0, 100)
    )
    start = _starting_rows(finished)
    assert (held["linear.weight"] - start).norm() < 0.5 * (free["linear.weight"] - start).norm()


def _starting_rows(finished: lt.Result) -> torch.Tensor:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    source = finished.comparison.study["model"]["name"]
    table = AutoModelForMaskedLM.from_pretrained(source).get_output_embeddings().weight.detach()
    tokenizer = AutoTokenizer.from_pretrained(source)
    words = (("awful", "poor"), ("great", "nice"))
    return torch.stack([table[tokenizer.convert_tokens_to_ids(list(own))].mean(dim=0) for own in words])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("bert", "cloze(encoder=lstm) | frozen(lr=0.01)"),
        ("roberta", "cloze(verbalizer=soft) | lora(lr=0.01)"),
        ("gpt2", "cloze | prompt(tokens=4, lr=0.01)"),
        ("t5", "cloze | full(lr=0.001)"),
    ],
)
def test_artifacts_predict_alike_everywhere(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, family: str, method: str
) -> None:
    words = {"good": ["good", "nice"], "bad": ["bad", "sad"]}
    options = {"budget": "10steps", "quiet": True, "max_length": 64, "prompt": "{soft:3} {text} {soft:it was} {mask}", "labels": words}
    opened = lt.study(tickets, model=str(tiny_lm(family)), out=tmp_path / "run", **options)
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert "predict.py" in manifest.loads_in
    assert manifest.proof is not None
    assert lt.load(tmp_path / "best").predict(["the movie was great"])[0].label in words


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    """Texts that are different to people and the same to a tokenizer that knows none of their letters."""
    path = tmp_path / "letters.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(("".join(chr(0x4E00 + 3 * row + at) for at in range(3)), "good" if row % 2 else "bad") for row in range(120))
    return path


def test_one_label_for_all_few_rows_is_started_again_once_and_then_told(
    tiny: Callable[[str], Path], unreadable: Path, tmp_path: Path, proof_here: None
) -> None:
    options = {"budget": "10steps", "seeds": 1, "few_shot": 4, "quiet": True, "max_length": 32}
    opened = lt.study(unreadable, model=str(tiny("bert")), out=tmp_path / "run", **options)
    result = lt.compare(opened, ["full(lr=0.001)", "prompt(tokens=2)"])
    trials = [trial for trial in result.comparison.trials if trial.name == "prompt(tokens=2)"]
    said = " ".join(result.comparison.ledger.lines)
    assert [trial.status for trial in trials] == ["one_class"]
    assert "did not converge" in (trials[0].reason or "")
    assert "prompt(tokens=2): it said one label for all rows at 0.01, and was started again at 0.03" in said
    assert "full(lr=0.001): it said" not in said
