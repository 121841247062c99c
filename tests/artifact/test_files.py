from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from making import LABELS, Maker
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from leantune.artifact.predictor import load
from leantune.cli.main import main

ROWS = [("01", "good card", "yes"), ("1", 'a "b", c\nd', "maybe"), ("", "", "no"), ("NA", "sad  money ", "no")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("id", "message", "kind"), *ROWS])
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["leantune", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def test_predict_appends_label_and_score_and_keeps_the_rest(
    made: Maker, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made("sentence-bert", "lora").folder
    assert run(monkeypatch, "predict", folder, file) == 0
    found = list(csv.DictReader(capsys.readouterr().out.splitlines(keepends=True)))
    assert [(row["id"], row["message"], row["kind"]) for row in found] == ROWS
    expected = load(folder).predict([text for _, text, _ in ROWS])
    assert [row["label"] for row in found] == [one.label for one in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([one.score for one in expected], abs=1e-6)


def test_predict_writes_a_file_by_its_ending(
    made: Maker, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "predict", made("sentence-bert", "lora").folder, file, "-o", tmp_path / "out.jsonl") == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [["id", "message", "kind", "label", "score"]] * len(ROWS)
    assert "4 rows with label and score" in capsys.readouterr().err


def test_evaluate_agrees_with_sklearn(made: Maker, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made("sentence-bert", "lora").folder
    assert run(monkeypatch, "evaluate", folder, file, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    gold, guess = [label for *_, label in ROWS], [one.label for one in load(folder).predict([text for _, text, _ in ROWS])]
    assert found["rows"] == 4
    assert found["metrics"]["accuracy"] == pytest.approx(accuracy_score(gold, guess))
    assert found["metrics"]["macro_f1"] == pytest.approx(f1_score(gold, guess, average="macro"))
    assert found["metrics"]["mcc"] == pytest.approx(matthews_corrcoef(gold, guess))
    assert [row["label"] for row in found["per_label"]] == LABELS
    assert run(monkeypatch, "evaluate", folder, file) == 0
    assert capsys.readouterr().out.startswith("4 rows\naccuracy")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "DIR", "new.csv", "--text", "mesage"], 'no column "mesage" (--text). Closest: "message"'),
        (["predict", "DIR", "nothing.csv"], "no such file"),
        (["predict", "DIR", "new.csv", "-o", "out.docx"], 'ending ".docx"'),
        (["predict", "DIR", "new.csv", "--text-pair", "id"], "reads single texts"),
        (["predict", "nowhere", "new.csv"], "no such folder"),
        (["evaluate", "DIR", "new.csv", "--label", "id"], "the label"),
        (["export", "DIR", "--format", "onyx"], 'No format "onyx"'),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(
    made: Maker, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(file.parent)
    folder = str(made("sentence-bert", "lora").folder)
    assert run(monkeypatch, *[folder if argument == "DIR" else argument for argument in arguments]) == 2
    assert said in capsys.readouterr().err
