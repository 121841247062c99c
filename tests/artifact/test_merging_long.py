"""Merged models read long texts as what they were made of does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.artifact.parity import Proof
from leantune.core.errors import ArtifactError

ROWS = [
    {"text": f"the {word} was here . {filler} . it was {word} .", "label": label}
    for filler in ("my card is very red", "you help me find two books", "what a day in the bank")
    for label, words in {"good": ("great", "nice", "love"), "bad": ("awful", "sad", "hate")}.items()
    for word in words
] * 2


def test_sentences_that_matter_are_chosen_as_before_and_other_ways_are_refused(
    tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = lambda folder, facts, golden, *, ways: Proof(list(ways), 0.0, len(golden.rows))  # noqa: E731
    for place in ("artifact.publish", "app.ship"):
        monkeypatch.setattr(f"leantune.{place}.prove", passed, raising=False)
    folders = {}
    for name, long, rate in (("one", "select", 1e-2), ("two", "select", 3e-2), ("tail", "tail", 1e-2)):
        study = lt.study(
            ROWS, model=str(tiny("sentence-bert")), out=tmp_path / f"run-{name}", budget="10steps", max_length=12, long=long, quiet=True
        )
        folders[name] = tmp_path / name
        lt.train(study, f"lora(lr={rate})", folders[name])
    merged = lt.merge([folders["one"], folders["two"]], tmp_path / "merged").folder
    assert read_manifest(merged).facts.long == read_manifest(folders["one"]).facts.long
    assert (merged / "known.json").read_bytes() == (folders["one"] / "known.json").read_bytes()
    assert len(lt.load(merged).predict([row["text"] for row in ROWS])) == len(ROWS)
    with pytest.raises(ArtifactError, match="texts that are too long by --long"):
        lt.merge([folders["one"], folders["tail"]], tmp_path / "other")
