"""`--structure`, and what is trained on other layers: stored whole, loaded anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.app.structure import on_structure
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import SpecError

ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(3)
    for filler in ("the movie was", "this book is so very", "what a day", "we paid for the food and it was")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
]


def test_every_method_gets_the_structure_and_the_reference_stays() -> None:
    found = on_structure(["full", "cloze | lora(rank=2)", "lora | merge"], "drop(1) reinit(last=1)")
    tail = "drop(1) | reinit(last=1)"
    assert found == ["full", f"{tail} | full", f"cloze | {tail} | lora(rank=2)", f"{tail} | lora | merge"]
    assert on_structure(["full"], "drop(0, 1)|add", reference=False) == ["drop(0, 1) | add | full"]
    assert on_structure(["full"], None) == ["full"]


@pytest.mark.parametrize(
    ("structure", "method", "said"),
    [
        ("lora", "full", '"lora" is no structure. All: add, drop'),
        ("", "full", "is empty"),
        ("drop(1)", "layers(1) | full", "has a structure of its own"),
    ],
)
def test_faults_of_the_option(structure: str, method: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        on_structure([method], structure)
    assert said in caught.value.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("sentence-bert", "lora"),
        ("bert", "full"),
        ("gpt2", "bitfit"),
    ],
)
def test_what_is_trained_on_other_layers_is_a_model_of_its_own(
    tiny: Callable[[str], Path], tmp_path: Path, family: str, method: str
) -> None:
    opened = lt.study(
        ROWS, model=str(tiny(family)), out=tmp_path / "run", budget="10steps", structure="repeat(1) reinit(last=1)", quiet=True
    )
    record = lt.train(opened, method)
    assert record.status in ("ok", "one_class")
    assert record.name == f"repeat(1) | reinit(last=1) | {method}"
    manifest = read_manifest(tmp_path / "run" / "best")
    assert manifest.form == "whole"
    assert "predict.py" in (manifest.proof or "")
    found = lt.load(tmp_path / "run" / "best")
    assert len(found.network.anatomy.blocks) == 3
    assert {one.label for one in found.predict([row["text"] for row in ROWS])} <= {"good", "bad"}


def test_layers_that_do_not_exist_end_before_anything_runs(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    opened = lt.study(ROWS, model=str(tiny("bert")), out=tmp_path, budget="10steps", max_length=64, quiet=True)
    with pytest.raises(SpecError, match=r"drop: layer 6 does not exist. There are layers 0 to 1"):
        lt.train(opened, "drop(6) | full")
    with pytest.raises(SpecError, match="prefix cannot be folded into the weights"):
        lt.train(opened, "drop(1) | prefix")
