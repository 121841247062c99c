"""A new base from a random start is a folder like any other base: tokens, weights, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

import leantune as lt
from leantune.core.errors import LeantuneError
from leantune.models.base import open_base

CLASSES = {"encoder-decoder": AutoModelForSeq2SeqLM, "decoder": AutoModelForCausalLM, "masked": AutoModelForMaskedLM}
TINY = {"layers": 2, "hidden": 16, "heads": 2, "max_length": 32, "vocab": 280}
ROWS = [{"source": f"a black dog runs over field {row}", "target": f"ein schwarzer Hund läuft über Feld {row}"} for row in range(40)]
SENTENCE = "Ein Hund läuft\n  北京 €."


def made(folder: Path, kind: str = "decoder", data: Any = None, **changes: Any) -> Any:
    return lt.init(folder, data or ROWS, kind, **TINY | changes)


def fault(folder: Path, **changes: Any) -> str:
    with pytest.raises(LeantuneError) as caught:
        made(folder, **changes)
    assert not list(folder.parent.glob(".*.part"))
    return str(caught.value)


@pytest.mark.parametrize("kind", CLASSES)
def test_plain_transformers_load_it(kind: str, tmp_path: Path) -> None:
    base = made(tmp_path / "base", kind)
    assert base.tokens == 280
    assert base.inferences == ['texts: "source", "target" of list of rows (columns with several words; override with --columns COL,COL)']
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    model, info = CLASSES[kind].from_pretrained(base.folder, output_loading_info=True)
    assert not any(info.values())
    assert sum(part.numel() for part in model.parameters()) == base.parameters
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    coded = tokenizer(SENTENCE, return_offsets_mapping=True, return_tensors="pt")
    offsets = coded.pop("offset_mapping")[0].tolist()
    assert tokenizer.decode(coded["input_ids"][0], skip_special_tokens=True) == SENTENCE
    assert all(not SENTENCE[first:last].startswith(" ") for first, last in offsets)
    covered = {place for first, last in offsets for place in range(first, last)}
    assert covered >= {place for place, letter in enumerate(SENTENCE) if letter.strip()}
    more = {"decoder_input_ids": coded["input_ids"]} if kind == "encoder-decoder" else {}
    assert model(**coded, **more).logits.shape[-1] == 280
    assert open_base(str(base.folder)).max_length == 32


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        folder = made(tmp_path / name, seed=seed).folder
        found: torch.Tensor = AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight
        return found

    before = torch.random.get_rng_state()
    first = weights("a", 0)
    assert torch.equal(first, weights("b", 0))
    assert not torch.equal(first, weights("c", 1))
    assert torch.equal(before, torch.random.get_rng_state())


def test_named_columns_only(tmp_path: Path) -> None:
    base = made(tmp_path / "base", columns=["target"])
    assert not any("field" in word for word in AutoTokenizer.from_pretrained(base.folder).get_vocab())
    assert base.inferences == []
    assert 'there is no column "targets" (--columns). Closest: "target"' in fault(tmp_path / "other", columns=["targets"])
    assert "no column holds texts of several words" in fault(tmp_path / "other", data=[{"a": "b", "c": "1"}])


def test_what_does_not_go_together(tmp_path: Path) -> None:
    new = tmp_path / "new"
    assert "--heads 3 does not divide --hidden 16 into even parts. Heads that do: 1, 2, 4, 8." in fault(new, heads=3)
    assert "--vocab 100 is too small" in fault(new, vocab=100)
    large = fault(new, vocab=9000)
    assert "--vocab 9,000 is too large: the texts give" in large
    made(tmp_path / "fits", vocab=int(large.split("Choose --vocab ")[1].split()[0]))
    assert "init: kind: input should be 'encoder-decoder', 'decoder' or 'masked'. Got 'encoder'." in fault(new, kind="encoder")
    assert 'no option "layer". Closest: "layers"' in fault(new, layer=2)
    assert not new.exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    assert "is in use. Choose another folder, or delete it." in fault(tmp_path / "used")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from leantune.cli.init import command

    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    command(tmp_path / "base", [str(tmp_path / "rows.jsonl")], "masked", vocab=280, hidden=16, layers=1)
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'base'}: masked, 12,504 parameters, 280 tokens\n"
    assert said.err.startswith('· texts: "source", "target" of rows.jsonl')
