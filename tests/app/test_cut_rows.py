"""Rows of a further file that are longer than a model reads are told when they are predicted and scored, with and without a prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import leantune as lt
from leantune.artifact.files import predict_file

SHORT, LONG = "the movie was great", "the movie was " + "very " * 30 + "great"
SAID = "rows that are cut: 2 (50.0 %) (longer than the 16 tokens that are read: row 2, 4)"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("more") / "more.jsonl"
    rows = [{"text": text, "label": "good"} for text in (SHORT, LONG, "", LONG)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("options", [{}, {"long": "tail"}, {"prompt": "{text} it was {mask}", "labels": "good=great, bad=awful"}])
def test_they_are_told(
    tiny_lm: Callable[[str], Path], tickets: Path, file: Path, tmp_path: Path, proof_here: None, options: dict[str, Any]
) -> None:
    method = "cloze | frozen" if "prompt" in options else "head"
    opened = lt.study(
        str(tickets), model=str(tiny_lm("bert")), out=tmp_path / "run", budget="10steps", max_length=16, quiet=True, **options
    )
    lt.train(opened, method, tmp_path / "best")
    written = predict_file(lt.load(tmp_path / "best"), str(file), tmp_path / "out.csv")
    assert [str(one) for one in written.inferences if "cut" in one.what] == [SAID]
    assert [str(one) for one in lt.score(tmp_path / "best", file).inferences if "cut" in one.what] == [SAID]


def test_windows_read_everything(base: str, tickets: Path, file: Path, tmp_path: Path, proof_here: None) -> None:
    opened = lt.study(str(tickets), model=base, out=tmp_path / "run", budget="10steps", max_length=16, long="windows", quiet=True)
    lt.train(opened, "head", tmp_path / "best")
    assert not any("cut" in one.what for one in lt.score(tmp_path / "best", file).inferences)
