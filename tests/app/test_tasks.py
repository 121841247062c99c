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

import pytest
from task_cases import CASES, MEASURED, TEXTS, Row
from typer.testing import CliRunner, Result

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.artifact.parity import prove
from leantune.cli.main import build


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
        assert "reloaded in a fresh process" in record.notes[-1]
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
        [pytest.approx(one.label, abs=1e-4) for one in predictions] if name in MEASURED else case.answers
    )
    assert [one.score for one in alone] == pytest.approx([one.score for one in predictions], abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_a_further_file_is_scored_with_every_metric(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    found, task = trained(name), trained(name).opened.context.task
    scored = lt.score(found.artifact, write(tmp_path / "new.jsonl", CASES[name].rows(50, seed=1)))
    assert scored.rows == 50
    assert list(scored.metrics) == [*task.metrics, *task.reported]
    assert scored.metrics[found.opened.conditions.metric] > CASES[name].needed
    assert bool(scored.per_label) == (name not in (*MEASURED, "answering", "choice"))
    done = run("evaluate", str(found.artifact), str(tmp_path / "new.jsonl"), "--json")
    assert json.loads(done.output)["metrics"] == scored.metrics


@pytest.mark.parametrize("name", CASES)
def test_the_command_labels_a_file(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    case, found = CASES[name], trained(name)
    columns = found.opened.dataset.columns
    names = [name for name in (columns.text, columns.text_pair) if name]
    inputs = [dict(zip(names, row if columns.text_pair else [row], strict=True)) | {"id": place} for place, row in enumerate(case.inputs)]
    new = write(tmp_path / "new.jsonl", inputs)
    for ending in ("jsonl", "csv"):
        done = run("predict", str(found.artifact), str(new), "--out", str(tmp_path / f"out.{ending}"))
        assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows] == case.answers
    assert [{key: row[key] for key in (*names, "id")} for row in rows] == inputs
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        cells = [row["label"] for row in csv.DictReader(file)]
    assert [cell if name in TEXTS else json.loads(cell) for cell in cells] == case.answers


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


@pytest.mark.slow
def test_a_comparison_of_taggers_has_floors_and_verdicts(base: str, tmp_path: Path, proof_here: None) -> None:
    """Words are names wherever they stand, so the floor that remembers words is hard to beat; a head on frozen states is not as good."""
    opened = lt.study(CASES["tagging"].rows(160), model=base, out=tmp_path, budget="50steps", seeds=1, quiet=True, max_length=32)
    result = lt.compare(opened, ["full(lr=0.01)", "head(lr=0.001)"])
    rows = {row.name: row for row in result.comparison.methods}
    assert result.comparison.study["metric"] == "entity_f1"
    assert (rows["majority"].mean or 0.0) > 0.5
    assert (rows["full(lr=0.01)"].mean or 0.0) > (rows["head(lr=0.001)"].mean or 1.0)
    assert "majority" in result.table()


@pytest.mark.slow
def test_a_comparison_of_choosers_has_floors_and_an_artifact(base: str, tmp_path: Path, proof_here: None) -> None:
    """The option whose words stand in the text is right, so the closest one is a floor that is hard to beat."""
    opened = lt.study(CASES["choice"].rows(160), model=base, out=tmp_path, budget="50steps", seeds=1, quiet=True, max_length=32)
    result = lt.compare(opened, ["full(lr=0.01)", "head(lr=0.001)"])
    rows = {row.name: row for row in result.comparison.methods}
    assert (rows["majority"].mean or 1.0) < 0.7 < (rows["retrieval"].mean or 0.0)
    assert (rows["full(lr=0.01)"].mean or 0.0) > (rows["majority"].mean or 1.0)
    assert "tfidf" not in rows
    assert (rows["similarity"].mean or 0.0) > 0.3, "the base is a sentence encoder"
    merged = lt.export(tmp_path / "best", "merged", tmp_path / "merged")
    assert lt.load(merged).predict(CASES["choice"].inputs) == lt.load(tmp_path / "best").predict(CASES["choice"].inputs)


WAYS = {
    ("bert", "full"): ["leantune", "predict.py", "transformers"],
    ("bert", "lora"): ["leantune", "predict.py", "peft"],
    ("roberta", "lora"): ["leantune", "predict.py", "peft"],
    ("gpt2", "lora"): ["leantune", "predict.py", "peft"],
    ("sentence-bert", "prompt"): ["leantune", "predict.py"],
    ("gpt2", "prompt"): ["leantune", "predict.py"],
}
FOCUSED = [("roles", "bert", "lora"), ("arguments", "roberta", "lora"), ("roles", "gpt2", "lora"), ("roles", "sentence-bert", "prompt")]
SINGLE = [
    ("multilabel", "bert", "lora"),
    ("ordinal", "bert", "full"),
    ("regression", "sentence-bert", "prompt"),
    ("ranking", "bert", "lora"),
    ("choice", "bert", "full"),
    ("choice", "gpt2", "prompt"),
]
"""Tasks that read one state for the whole row: the answer is their own, the ways of loading are those of classification."""
FRESH = [*(("tagging", *way) for way in WAYS), *FOCUSED, *SINGLE]


@pytest.fixture
def proof_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real proof, also where other tests of this module have put their own in its place."""
    monkeypatch.setattr("leantune.artifact.publish.prove", prove)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family", "method"), FRESH)
def test_fresh_processes_predict_as_the_trained_network(
    name: str, family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path, proof_fresh: None
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


def of_script(artifact: Path, new: Path) -> list[dict[str, str]]:
    """What `predict.py` writes for a file."""
    script = [sys.executable, str(artifact / "predict.py"), "--file", str(new)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method"), [("bert", "full"), ("gpt2", "lora"), ("sentence-bert", "prompt")])
def test_the_script_tags_odd_and_long_rows_as_leantune_does(family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """The proof has the first piece of each row only; here are the others, where overlapping pieces are joined."""
    opened = lt.study(CASES["tagging"].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, max_length=16)
    lt.train(opened, method, tmp_path / "best")
    draw = random.Random(1)
    known = ["red", "bank", "card", "the", "", "unbelievable", "New York", " big", "\u200bfood", "u.s."]
    rows = [[draw.choice(known) for _ in range(size)] for size in (1, 5, 30, 70, 12)] + [[""], ["", ""], [], ["the"]]
    found = of_script(tmp_path / "best", write(tmp_path / "new.jsonl", [{"tokens": row} for row in rows]))
    expected = lt.load(tmp_path / "best").predict(rows)
    assert [json.loads(row["label"]) for row in found] == [one.label for one in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([one.score for one in expected], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "method", "way"),
    [
        ("bert", "full", "transformers"),
        ("bert", "lora", "peft"),
        ("roberta", "full", "transformers"),
        ("roberta", "lora", "peft"),
        ("sentence-bert", "prompt", None),
    ],
)
def test_answers_are_the_same_in_every_way(
    family: str, method: str, way: str | None, tiny: Callable[[str], Path], tmp_path: Path, proof_fresh: None
) -> None:
    """In the proof, and then by the script for odd rows: several pieces, an empty text, no answer, questions of all lengths."""
    opened = lt.study(
        CASES["answering"].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, max_length=32
    )
    assert opened.dataset.labels == ["start", "end", "no answer"]
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert manifest.loads_in == ["leantune", "predict.py", *([way] if way else [])]
    assert manifest.proof is not None
    assert "same predictions" in manifest.proof
    draw = random.Random(1)
    known = ["red", "bank", "card", "the", "unbelievable", "New  York", "\u200bfood", "u.s.", "two,"]
    contexts = [" ".join(draw.choice(known) for _ in range(size)) for size in (5, 40, 1, 25, 60)] + ["", " ", "the day"]
    questions = (
        ["where card", "where was the movie", "when", "where was the very good book of the bank", "where bank"] + ["where card"] * 2 + [""]
    )
    rows = list(zip(questions, contexts, strict=True))
    new = write(tmp_path / "new.jsonl", [{"question": question, "context": context} for question, context in rows])
    found, expected = of_script(tmp_path / "best", new), lt.load(tmp_path / "best").predict(rows)
    assert [row["label"] for row in found] == [one.label for one in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([one.score for one in expected], abs=1e-4)
    assert {one.label for one in expected[5:7]} == {""}
