"""Every task from a file to an artifact that predicts, scores and labels files; small made-up rows that a tiny model can learn."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.cli.main import build

FILLER = ["the", "movie", "was", "a", "book", "day", "food", "very", "this"]
Row = dict[str, Any]


def filler(draw: random.Random, most: int = 4) -> list[str]:
    return draw.sample(FILLER, draw.randint(1, most))


def tagging_row(draw: random.Random) -> Row:
    """A bank has two words, a card one; spelled words stand between; every tenth row is far too long for one piece."""
    words, tags = [], []
    for _ in range(14 if draw.random() < 0.1 else draw.randint(1, 2)):
        for part, marks in (
            (filler(draw), None),
            draw.choice([(["red", "bank"], ["B-ORG", "I-ORG"]), (["card"], ["B-ITEM"]), (["u.s."], ["O"])]),
        ):
            words += part
            tags += marks or ["O"] * len(part)
    return {"tokens": words, "tags": tags}


VALUES = {"great": 2.25, "good": 1.5, "fine": 0.25, "bad": -1.25, "worst": -2.5}
LEVELS = {"worst": "1 star", "bad": "2 stars", "fine": "3 stars", "good": "4 stars", "best": "10 stars"}
REASONS = {"late": "delay", "money": "price", "lost": "loss"}


def regression_row(draw: random.Random) -> Row:
    words = [*filler(draw), *draw.sample(list(VALUES), 2)]
    return {"text": " ".join(words), "score": round(sum(VALUES.get(word, 0.05) for word in words), 2)}


def ordinal_row(draw: random.Random) -> Row:
    word = draw.choice(list(LEVELS))
    return {"text": " ".join([*filler(draw), word]), "stars": LEVELS[word]}


def multilabel_row(draw: random.Random) -> Row:
    telling = [word for word in REASONS if draw.random() < 0.5]
    words = [*filler(draw), *telling]
    draw.shuffle(words)
    return {"text": " ".join(words), "label": [REASONS[word] for word in telling]}


@dataclass(frozen=True)
class Case:
    """A task, its rows and what shall be predicted for some of them."""

    row: Callable[[random.Random], Row]
    inputs: list[Any]
    answers: list[Any]
    needed: float
    options: dict[str, Any]

    def rows(self, number: int, seed: int = 0) -> list[Row]:
        """Different rows."""
        draw, made = random.Random(seed), dict[str, Row]()
        while len(made) < number:
            row = self.row(draw)
            made[json.dumps(row)] = row
        return list(made.values())


CASES = {
    "tagging": Case(
        tagging_row,
        [["the", "card", "was", "a", "red", "bank"], ["u.s.", "food"], ["a"] * 60 + ["red", "bank", "card"]],
        [["O", "B-ITEM", "O", "O", "B-ORG", "I-ORG"], ["O", "O"], ["O"] * 60 + ["B-ORG", "I-ORG", "B-ITEM"]],
        0.95,
        {"max_length": 32},
    ),
    "multilabel": Case(
        multilabel_row,
        ["the food was late", "this day", "lost a book money"],
        [["delay"], [], ["loss", "price"]],
        0.95,
        {},
    ),
    "ordinal": Case(
        ordinal_row,
        ["the food was worst", "a day very best", "this book fine"],
        ["1 star", "10 stars", "3 stars"],
        0.9,
        {"task": "ordinal", "label": "stars"},
    ),
    "regression": Case(
        regression_row,
        ["the food great good", "a day worst bad"],
        [pytest.approx(3.75, abs=1.0), pytest.approx(-3.75, abs=1.0)],
        0.9,
        {},
    ),
}


@dataclass(frozen=True)
class Trained:
    """An artifact and how well it did."""

    artifact: Path
    opened: lt.Study
    dev: float


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words), catch_exceptions=False)


@pytest.fixture(scope="module")
def trained(base: str, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> Callable[[str], Trained]:
    """`trained("tagging")` is a fully tuned tiny model; each is trained once."""

    @cache
    def one(name: str) -> Trained:
        folder = tmp_path_factory.mktemp(name)
        data = write(folder / "rows.jsonl", CASES[name].rows(240))
        opened = lt.study(data, model=base, out=folder / "run", budget="80steps", quiet=True, **CASES[name].options)
        record = lt.train(opened, "full(lr=0.01)", folder / "best")
        assert record.scores is not None
        return Trained(folder / "best", opened, record.scores.dev)

    return one


@pytest.mark.parametrize("name", CASES)
def test_the_task_is_learned_and_predicted(name: str, trained: Callable[[str], Trained]) -> None:
    case, found = CASES[name], trained(name)
    assert found.opened.conditions.task == name
    assert found.dev > case.needed
    loaded = lt.load(found.artifact)
    predictions = loaded.predict(case.inputs)
    assert [one.label for one in predictions] == case.answers
    assert all(0 <= one.score <= 1 for one in predictions)
    alone = [loaded.predict([row])[0] for row in case.inputs]
    assert [one.label for one in alone] == (
        [pytest.approx(one.label, abs=1e-4) for one in predictions] if name == "regression" else case.answers
    )
    assert [one.score for one in alone] == pytest.approx([one.score for one in predictions], abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_a_further_file_is_scored_with_every_metric(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    found, task = trained(name), trained(name).opened.context.task
    scored = lt.score(found.artifact, write(tmp_path / "new.jsonl", CASES[name].rows(50, seed=1)))
    assert scored.rows == 50
    assert list(scored.metrics) == [*task.metrics, *task.reported]
    assert scored.metrics[found.opened.conditions.metric] > CASES[name].needed
    assert bool(scored.per_label) == (name != "regression")


@pytest.mark.parametrize("name", CASES)
def test_the_command_labels_a_file(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    case, found = CASES[name], trained(name)
    column = found.opened.dataset.columns.text
    new = write(tmp_path / "new.jsonl", [{column: row, "id": place} for place, row in enumerate(case.inputs)])
    for ending in ("jsonl", "csv"):
        done = run("predict", str(found.artifact), str(new), "--out", str(tmp_path / f"out.{ending}"))
        assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows] == case.answers
    assert [(row[column], row["id"]) for row in rows] == list(zip(case.inputs, range(len(rows)), strict=True))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        cells = [row["label"] for row in csv.DictReader(file)]
    assert [cell if name == "ordinal" else json.loads(cell) for cell in cells] == case.answers


@pytest.mark.parametrize("name", ["tagging", "multilabel"])
def test_rows_of_the_wrong_kind_are_refused(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    found = trained(name)
    column = found.opened.dataset.columns.text
    with pytest.raises(lt.LeantuneError, match="row 1: this model reads"):
        lt.load(found.artifact).predict(["the food"] if name == "tagging" else [["the", "food"]])
    unknown = write(
        tmp_path / "new.jsonl",
        [{**CASES[name].rows(1)[0], str(found.opened.dataset.columns.label): ["dely"]} | {column: ["a"] if name == "tagging" else "a"}],
    )
    with pytest.raises(lt.LeantuneError, match="dely"):
        lt.score(found.artifact, unknown)


def test_a_comparison_of_taggers_has_floors_and_verdicts(base: str, tmp_path: Path, proof_here: None) -> None:
    """Words are names wherever they stand, so the floor that remembers words is hard to beat; a head on frozen states is not as good."""
    opened = lt.study(CASES["tagging"].rows(160), model=base, out=tmp_path, budget="50steps", seeds=1, quiet=True, max_length=32)
    result = lt.compare(opened, ["full(lr=0.01)", "head(lr=0.001)"])
    rows = {row.name: row for row in result.comparison.methods}
    assert result.comparison.study["metric"] == "entity_f1"
    assert (rows["majority"].mean or 0.0) > 0.5
    assert (rows["full(lr=0.01)"].mean or 0.0) > (rows["head(lr=0.001)"].mean or 1.0)
    assert "majority" in result.table()


WAYS = {
    ("bert", "full"): ["leantune", "predict.py", "transformers"],
    ("bert", "lora"): ["leantune", "predict.py", "peft"],
    ("roberta", "lora"): ["leantune", "predict.py", "peft"],
    ("gpt2", "lora"): ["leantune", "predict.py", "peft"],
    ("sentence-bert", "prompt"): ["leantune", "predict.py"],
    ("gpt2", "prompt"): ["leantune", "predict.py"],
}
SINGLE = [("bert", "full"), ("bert", "lora"), ("sentence-bert", "prompt")]
"""What one state for the whole row needs; which family it is makes a difference to single tokens only."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family", "method"), [(name, *way) for name in CASES for way in (WAYS if name == "tagging" else SINGLE)])
def test_fresh_processes_predict_as_the_trained_network(
    name: str, family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    opened = lt.study(
        CASES[name].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, **CASES[name].options
    )
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert manifest.loads_in == WAYS[family, method]
    assert manifest.proof is not None
    assert all(way in manifest.proof for way in manifest.loads_in)
    assert "same predictions" in manifest.proof


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method"), [("bert", "full"), ("gpt2", "lora"), ("sentence-bert", "prompt")])
def test_the_script_tags_odd_and_long_rows_as_leantune_does(family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """The proof has the first piece of each row only; here are the others, where overlapping pieces are joined."""
    opened = lt.study(CASES["tagging"].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, max_length=16)
    lt.train(opened, method, tmp_path / "best")
    draw = random.Random(1)
    known = ["red", "bank", "card", "the", "", "unbelievable", "New York", " big", "\u200bfood", "u.s."]
    rows = [[draw.choice(known) for _ in range(size)] for size in (1, 5, 30, 70, 12)] + [[""], ["", ""], [], ["the"]]
    new = write(tmp_path / "new.jsonl", [{"tokens": row} for row in rows])
    script = [sys.executable, str(tmp_path / "best" / "predict.py"), "--file", str(new)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = list(csv.DictReader(done.stdout.splitlines()))
    expected = lt.load(tmp_path / "best").predict(rows)
    assert [json.loads(row["label"]) for row in found] == [one.label for one in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([one.score for one in expected], abs=1e-4)
