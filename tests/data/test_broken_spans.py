"""Tags of spans that do not go together are told with their rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leantune.data.checks.broken_spans import find
from leantune.data.dataset import prepare

GOOD = [(["Mia", "Li", f"sings{i}"], ["B-PER", "I-PER", "O"]) for i in range(30)]


def messages(tmp_path: Path, *rows: tuple[list[str], list[str]]) -> list[str]:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"tokens": words, "tags": tags}) + "\n" for words, tags in rows), encoding="utf-8")
    dataset = prepare(path, tmp_path / "out", dev=path.with_name("dev.jsonl"), test=path.with_name("test.jsonl"))
    return [found.message for found in find(dataset)]


@pytest.fixture(autouse=True)
def held_out(tmp_path: Path) -> None:
    for name in ("dev", "test"):
        rows = [{"tokens": ["Bo", f"{name}{i}"], "tags": ["B-PER", "O"]} for i in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_an_inside_without_a_beginning_is_counted_and_named(tmp_path: Path) -> None:
    (said,) = messages(tmp_path, *GOOD, (["in", "Rome"], ["O", "I-PER"]), (["a", "b", "c"], ["B-PER", "I-LOC", "I-LOC"]))
    assert said.startswith("2 of 32 rows (6%) of train have an I- that follows no B- or I- of its type: a.jsonl row 31, 32.")
    assert "scored as the beginning of a span" in said


def test_a_tag_that_is_forgotten_its_mark_says_what_it_does_to_the_score(tmp_path: Path) -> None:
    (said,) = messages(tmp_path, *GOOD, (["a", "b"], ["PER", "O"]))
    assert said.startswith('1 tag is neither O nor marked with B- or I-, though others are: "PER" (1 word).')
    assert "the score is accuracy" in said


def test_whole_files_of_other_schemes_are_right_as_they_are(tmp_path: Path) -> None:
    assert messages(tmp_path, *[(["Mia", "Li", f"x{i}"], ["I-PER", "I-PER", "O"]) for i in range(30)]) == []
    bioes = [(["Mia", "A", "Li", f"x{i}"], ["B-PER", "I-PER", "E-PER", "S-LOC"]) for i in range(30)]
    assert messages(tmp_path, *bioes) == []
    assert messages(tmp_path, *[(["a", f"b{i}"], ["NOUN", "VERB"]) for i in range(30)], (["Bo", "x"], ["B-PER", "O"]))[0].startswith(
        "2 tags"
    )
