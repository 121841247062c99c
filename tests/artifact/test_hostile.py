"""Artifacts of somebody who means harm, hashes included: refused with the reason, at once, and nothing is written anywhere."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from making import Maker
from safetensors.torch import load_file, save_file

from leantune.artifact.ensemble import opened
from leantune.artifact.integrity import NAME, OPENVINO, check_files, sha256
from leantune.artifact.predictor import load
from leantune.core.errors import ArtifactError, LeantuneError

ADAPTER, WHOLE = ("bert", "lora"), ("bert", "full")
EVIL = "((([a-z.0-9_]+)+)+)+!"
Change = Callable[[Path], object]


def said(file: str, **values: Any) -> Change:
    """Other values in a JSON file."""

    def change(folder: Path) -> None:
        place = folder / file
        place.write_text(json.dumps(json.loads(place.read_text()) | values))

    return change


def within(file: str, part: str, **values: Any) -> Change:
    """Other values in an object of a JSON file."""

    def change(folder: Path) -> None:
        found = json.loads((folder / file).read_text())
        found[part] |= values
        (folder / file).write_text(json.dumps(found))

    return change


def tensors(change: Callable[[dict[str, torch.Tensor]], object], file: str = "adapter_model.safetensors") -> Change:
    def changed(folder: Path) -> None:
        found = load_file(folder / file)
        change(found)
        save_file(found, folder / file, metadata={"format": "pt"})

    return changed


def first(found: dict[str, torch.Tensor]) -> str:
    return sorted(found)[0]


def regular(folder: Path) -> None:
    found = json.loads((folder / "tokenizer.json").read_text())
    found["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    (folder / "tokenizer.json").write_text(json.dumps(found))


def speechless(folder: Path) -> None:
    """It loads, and breaks at the first text."""
    found = json.loads((folder / "tokenizer.json").read_text())
    found["model"]["vocab"] = {word: number for word, number in found["model"]["vocab"].items() if word != found["model"]["unk_token"]}
    (folder / "tokenizer.json").write_text(json.dumps(found))


def stranger(folder: Path) -> None:
    found = json.loads((folder / "tokenizer.json").read_text())
    found["model"]["vocab"]["good"] = 900_000
    (folder / "tokenizer.json").write_text(json.dumps(found))


def pickled(name: str, instead: str) -> Change:
    def change(folder: Path) -> None:
        torch.save(load_file(folder / instead), folder / name)
        (folder / instead).unlink()

    return change


adapter, whole = "adapter_config.json", "config.json"
model = "model.safetensors"
ATTACKS: dict[str, tuple[tuple[str, str], Change, str]] = {
    "targets by a pattern": (ADAPTER, said(adapter, target_modules=EVIL), '"target_modules" is a regular expression'),
    "ranks by a pattern": (ADAPTER, said(adapter, rank_pattern={EVIL: 8}), '"rank_pattern" holds a regular expression'),
    "scales by a pattern": (ADAPTER, said(adapter, alpha_pattern={EVIL: 8}), '"alpha_pattern" holds a regular expression'),
    "layers by a pattern": (ADAPTER, said(adapter, layers_pattern=[EVIL]), '"layers_pattern" holds a regular expression'),
    "rank without end": (ADAPTER, said(adapter, r=10**9), '"r" is 1,000,000,000, and no tensor has that size'),
    "layers over again": (ADAPTER, said(adapter, layer_replication=[[0, 2]] * 9), "layer_replication"),
    "scale that is infinite": (ADAPTER, said(adapter, lora_alpha=float("inf")), "Infinity is no JSON value"),
    "unknown option": (ADAPTER, said(adapter, rnak=1), 'peft knows no "rnak" here'),
    "other tuner": (ADAPTER, said(adapter, peft_type="IA3"), "peft knows no"),
    "code of a module": (ADAPTER, said(adapter, megatron_config={"a": 1}, megatron_core="antigravity"), "megatron"),
    "tensor missing": (ADAPTER, tensors(lambda found: found.pop(first(found))), "1 missing"),
    "tensor more": (ADAPTER, tensors(lambda found: found.update(evil=torch.zeros(3))), r"1 unknown (evil)"),
    "tensor renamed": (ADAPTER, tensors(lambda found: found.update({f"{first(found)}x": found.pop(first(found))})), "1 missing"),
    "tensor of another shape": (ADAPTER, tensors(lambda found: found.update({first(found): torch.zeros(3, 3)})), "does not fit"),
    "tensor without numbers": (ADAPTER, tensors(lambda found: found[first(found)].fill_(float("nan"))), "not finite"),
    "adapter as a pickle": (ADAPTER, pickled("adapter_model.bin", "adapter_model.safetensors"), "adapter_model.bin may run code"),
    "tokenizer by a pattern": (ADAPTER, regular, "repeats a group that repeats"),
    "tokenizer with code": (ADAPTER, said("tokenizer_config.json", auto_map={"AutoTokenizer": ["x.Y", None]}), '"auto_map" names code'),
    "model with code": (WHOLE, said(whole, model_type="evil", auto_map={"AutoConfig": "evil.C"}), '"auto_map" names code'),
    "model as a pickle": (WHOLE, pickled("pytorch_model.bin", model), "pytorch_model.bin may run code"),
    "weight missing": (WHOLE, tensors(lambda found: found.pop("classifier.weight"), model), "1 missing (classifier.weight)"),
    "weight more": (WHOLE, tensors(lambda found: found.update(evil=torch.zeros(3)), model), "1 unknown (evil)"),
    "weight of another shape": (WHOLE, tensors(lambda found: found.update({first(found): torch.zeros(2)}), model), "1 missing"),
    "weight without numbers": (WHOLE, tensors(lambda found: found[first(found)].fill_(float("inf")), model), "not finite"),
    "layers without end": (WHOLE, said(whole, num_hidden_layers=10**6), '"num_hidden_layers": 1,000,000'),
    "layers fewer": (WHOLE, said(whole, num_hidden_layers=1), "unknown"),
    "width without end": (WHOLE, said(whole, hidden_size=10**9), "config.json describes"),
    "words without end": (WHOLE, said(whole, vocab_size=10**12), "config.json describes"),
    "heads less than none": (WHOLE, said(whole, num_attention_heads=-1), '"num_attention_heads": -1, and it needs at least 1'),
    "tokenizer that cannot read": (ADAPTER, speechless, "cannot be made into a model"),
    "token outside": (ADAPTER, stranger, "its tokenizer has a token 900,000"),
    "other family": (WHOLE, said(whole, model_type="gpt2"), "tensors do not fit"),
    "kernel of the hub": (WHOLE, said(whole, _attn_implementation="evil/kernel", attn_implementation="evil/kernel"), "cannot be made"),
    "nested without end": (WHOLE, lambda folder: (folder / whole).write_text("[" * 100_000), "nested too deeply"),
    "label twice": (ADAPTER, within(NAME, "facts", labels=["a", "a", "b"]), "a label stands there twice"),
    "length without end": (ADAPTER, said(NAME, max_length=10**9), "max_length"),
    "task by a path": (ADAPTER, within(NAME, "facts", task="../../evil"), 'No task "../../evil"'),
    "pieces by a path": (ADAPTER, within(NAME, "facts", pieces="../x"), "No data.piece"),
    "base without a name": (ADAPTER, within(NAME, "base", name="a\0b", source="a\0b"), "base model was not found"),
    "member outside": (
        ADAPTER,
        lambda folder: said(NAME, members=[{**json.loads((folder / NAME).read_text()), "folder": "../x"}])(folder),
        "members.0",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_its_reason(name: str, made: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, change, reason = ATTACKS[name]
    folder = Path(shutil.copytree(made(*kind).folder, tmp_path / "place" / "copy"))
    change(folder)
    manifest = json.loads((folder / NAME).read_text())
    there = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NAME]
    manifest["files"] = {path.relative_to(folder).as_posix(): sha256(path) for path in there}
    (folder / NAME).write_text(json.dumps(manifest))
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody is asked whether code shall run"))
    start = time.process_time()
    with pytest.raises(LeantuneError) as caught:
        opened(folder).predict(["good card"])
    assert time.process_time() - start < 2
    assert reason in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))} == before, "nothing is written"


@pytest.fixture
def copy(made: Maker, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made(*ADAPTER).folder, tmp_path / "copy"))


def test_an_edited_option_is_told_by_its_hash(copy: Path) -> None:
    said(adapter, lora_alpha=1000)(copy)
    with pytest.raises(ArtifactError, match=r"adapter_config.json is not the file that was saved"):
        load(copy)


@pytest.mark.parametrize("name", ["special_tokens_map.json", "model.safetensors", "1_Pooling/config.json", "chat_template.jinja"])
def test_a_file_that_nobody_saved_is_not_read(name: str, copy: Path) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("{}")
    with pytest.raises(ArtifactError, match=rf"{name} was not saved with the artifact"):
        load(copy)


def test_own_notes_beside_an_artifact_do_no_harm(copy: Path) -> None:
    for name in ("predictions.csv", "notes.md", ".cache/a.json"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("mine")
    assert load(copy).predict(["good"])


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../b", "..", "", "a//b", "a\0b", "a" * 500, "x/" * 9 + "y", "C:\\x", "\u202egnp"]
)
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArtifactError, match="no name of a file in the folder, or lies outside the folder"):
        check_files(tmp_path / "folder", {name: "0" * 64})


@pytest.mark.parametrize("deep", [False, True])
def test_a_link_out_of_the_folder_is_refused(copy: Path, tmp_path: Path, deep: bool) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    shutil.move(copy / adapter, target / adapter)
    (copy / adapter).symlink_to(target / adapter)
    if deep:
        (copy / "linked").symlink_to(target)
        manifest = json.loads((copy / NAME).read_text())
        manifest["files"][f"linked/{adapter}"] = sha256(target / adapter)
        (copy / NAME).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=f'"{"linked/" if deep else ""}{adapter}" lies outside the folder'):
        load(copy)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (99, r"written by a newer leantune \(0.*, format 99; this one reads 1\). Update leantune"),
        (0, r"written by an older leantune 0.* in format 0, and this one reads 1. Load it with leantune 0.*, or train again"),
        ("1", "\"version\" is '1' and no number"),
        (None, '"version" is None and no number'),
    ],
)
def test_another_format_says_what_to_do(version: Any, says: str, copy: Path) -> None:
    said(NAME, version=version)(copy)
    with pytest.raises(ArtifactError, match=says):
        load(copy)


def test_an_archive_is_never_unpacked(copy: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "made"), "zip", copy)
    with pytest.raises(ArtifactError, match="Artifacts are folders and nothing is unpacked"):
        load(packed)


def test_weights_of_openvino_are_no_pickle_where_they_are_listed(tmp_path: Path) -> None:
    file = tmp_path / OPENVINO
    file.write_bytes(b"numbers")
    check_files(tmp_path, {OPENVINO: sha256(file)})
    with pytest.raises(ArtifactError, match=r"openvino_model\.bin may run code"):
        check_files(tmp_path, {})
    (tmp_path / "model.bin").write_bytes(b"numbers")
    with pytest.raises(ArtifactError, match=r"model\.bin may run code"):
        check_files(tmp_path, {OPENVINO: sha256(file), "model.bin": sha256(file)})
