"""A dry run shows a row as each prompt makes it, after the plan and before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.preview import readings_of
from leantune.cli._compare import show
from leantune.execution import runner

METHODS = ["full", "cloze | frozen", "cloze | lora", "cloze(template=2, demonstrations=1) | frozen"]
PROMPTS = ["{text} it was {mask}", "a {mask} {text}"]


def test_each_prompt_is_read_once_with_what_it_shows_and_what_is_cut(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path) -> None:
    rows = [{"text": "the very good day " * 30, "label": "good"}, {"text": "a sad card", "label": "bad"}] * 8
    rows = [{"text": f"{row['text']}{number}", "label": row["label"]} for number, row in enumerate(rows)]
    options = {"few_shot": 1, "max_length": 24, "seeds": 1, "quiet": True, "prompt": PROMPTS}
    study = lt.study(rows, model=str(tiny_lm("bert")), out=tmp_path / "run", **options)
    field = field_in(study, read_methods(METHODS[:3]))
    (one,) = readings_of(field, study)
    assert one.prompt == "cloze"
    (read,) = one.read
    kinds = [token.kind for token in read.tokens]
    assert kinds.count("mask") == 1
    assert [token.text for token in read.tokens if token.kind == "template"] == ["it", "was"]
    assert (read.left_out > 0) == (one.label == "good")


@pytest.mark.parametrize("style", ["lines", "quiet"])
def test_the_command_prints_them_under_the_plan(
    style: str, tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"few_shot": 2, "max_length": 64, "seeds": 1, "quiet": True, "prompt": PROMPTS, "budget": "10steps"}
    study = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", **options)
    capsys.readouterr()
    assert show(lambda: study, METHODS, runner.WorkerProcess(), command="", dry_run=True, style=style) == 0
    said = capsys.readouterr().out
    if style == "quiet":
        assert "<" not in said
        return
    plan, readings = said.split("in all")
    assert "estimated time" in plan
    assert readings.count("cloze") == 2
    assert "<it was>" in readings
    assert "(" in readings.split("cloze(template=2, demonstrations=1)")[1], "the row that is shown beside it"
