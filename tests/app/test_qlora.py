"""`nf4 | lora`: a comparison with a base in 4 bits, its artifact, and who is left out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import ArtifactError, SpecError
from leantune.models.four_bit import FILE
from leantune.models.network import weight_bytes

ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(3)
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]


def study(folder: Path, out: Path) -> lt.Study:
    return lt.study(ROWS, model=str(folder), out=out, budget="10steps", max_length=64, quiet=True)


@pytest.mark.extra
def test_the_adapter_alone_is_stored_and_proven_on_the_packed_base(wide: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    record = lt.train(study(wide("bert"), tmp_path / "run"), "nf4 | lora")
    assert record.status in ("ok", "one_class")
    best = tmp_path / "run" / "best"
    manifest = read_manifest(best)
    assert (manifest.form, manifest.loads_in) == ("adapter", ["leantune", "predict.py", "peft"])
    assert "through leantune, predict.py and peft" in (manifest.proof or "")
    assert "quantization_config=packing" in (best / "README.md").read_text()
    found = lt.load(best)
    assert record.cost.model_bytes == weight_bytes(found.network)
    assert record.cost.saved_bytes
    assert record.cost.saved_bytes < 0.5 * weight_bytes(found.network)
    assert (best / FILE).is_file()
    with pytest.raises(ArtifactError, match="cannot be folded into the weights"):
        lt.export(best, "merged", tmp_path / "merged")


@pytest.mark.extra
def test_a_chain_folds_the_adapter_into_the_base_as_it_was(wide: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    record = lt.train(study(wide("sentence-bert"), tmp_path / "run"), "nf4(double_quant=false) | lora | merge")
    assert record.status in ("ok", "one_class")
    packed, whole = record.stages
    assert packed.model_bytes < 0.6 * whole.model_bytes
    assert read_manifest(tmp_path / "run" / "best").form == "whole"
    assert not (tmp_path / "run" / "best" / FILE).exists()


@pytest.mark.extra
@pytest.mark.parametrize(
    ("family", "method", "why"),
    [
        ("bert", "nf4 | full", "peft has no form of full for linear maps in 4 bits; use lora, adalora or ia3"),
        ("bert", "nf4 | vera", "no form of vera"),
        ("bert", "nf4 | peft.oft(r=8)", "no form of peft.oft"),
        ("bert", "nf4 | prefix", "no form of prefix"),
        ("gpt2", "nf4 | lora", "its maps are Conv1D"),
        ("bert", "layers(1) | nf4 | lora", "no other structure goes with it"),
    ],
)
def test_who_is_left_out(wide: Callable[[str], Path], tmp_path: Path, family: str, method: str, why: str) -> None:
    pytest.importorskip("bitsandbytes")
    with pytest.raises(SpecError) as caught:
        lt.train(study(wide(family), tmp_path), method)
    assert why in caught.value.message


def test_without_the_package_the_command_is_told(wide: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", None)
    with pytest.raises(SpecError, match=r'nf4 needs the package `bitsandbytes`: pip install "leantune\[bnb\]"'):
        lt.train(study(wide("bert"), tmp_path), "nf4 | lora")
