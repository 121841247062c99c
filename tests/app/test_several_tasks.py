"""Several tasks from a file or a dictionary: compared alone and together, a table, an artifact for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import leantune as lt
from leantune.app.mix_file import is_mix, mix_of, read_mix
from leantune.app.train import told_cuts
from leantune.cli.main import build
from leantune.core.errors import LeantuneError
from leantune.core.sharing import Sharing


def written(folder: Path, text: str) -> str:
    (folder / "mix.yaml").write_text(text, encoding="utf-8")
    return str(folder / "mix.yaml")


def test_files_lie_beside_the_list_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n")
    found = read_mix(written(tmp_path, "tasks:\n - {name: a, file: a.csv, test: {en: a.csv}}\n - {name: b, file: hub/name, task: tagging}"))
    first, second = found.tasks
    assert (first.file, first.test) == (str(tmp_path / "a.csv"), {"en": str(tmp_path / "a.csv")})
    assert (second.file, second.options) == ("hub/name", {"task": "tagging"})
    assert (found.name, found.temperature) == ("mix", 0.5)


def test_json_is_read_like_yaml_and_known_from_rows(tmp_path: Path) -> None:
    mix, rows = tmp_path / "mix.json", tmp_path / "rows.json"
    mix.write_text(json.dumps({"temperature": 1, "tasks": [{"name": "a", "file": "x.csv"}]}))
    rows.write_text(json.dumps([{"text": "tasks", "label": "a"}]))
    assert is_mix(str(mix))
    assert not is_mix(str(rows))
    assert not is_mix("tickets.csv")
    assert read_mix(str(mix)).temperature == 1


def test_words_that_yaml_once_took_for_truth_values_are_names(tmp_path: Path) -> None:
    names = ["no", "off", "yes", "on", "true"]
    found = read_mix(written(tmp_path, "tasks:\n" + "\n".join(f" - {{name: {name}, file: {name}.csv}}" for name in names)))
    assert [task.name for task in found.tasks] == names
    assert found.tasks[0].file == "no.csv"


def test_every_fault_of_every_task_is_told_at_once(tmp_path: Path) -> None:
    text = "tasks:\n - {name: a, fil: a.csv}\n - {name: b c, file: a.csv}\n - {name: x, file: a.csv}\n - {name: X, file: a.csv}\n - word"
    with pytest.raises(LeantuneError) as found:
        read_mix(written(tmp_path, text))
    for part in ('no option "fil"', '"b c" is no name', 'two tasks are called "X"', "task 5: must have a name"):
        assert part in found.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tasks: 3", 'needs the key "tasks"'),
        ("tasks: []", "names no task"),
        ("tasks: [{name: a, file: b}]\nheat: 1", 'no key "heat"'),
        ("tasks: [{name: a, file: b}]\ntemperature: 2", "temperature"),
        ("tasks: [", "neither YAML nor JSON"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LeantuneError, match=told):
        read_mix(written(tmp_path, text))


def test_what_belongs_to_one_task_is_refused_for_all(tmp_path: Path) -> None:
    tasks = {"a": "a.csv", "b": {"file": "b.csv", "label": "y"}}
    assert [one.name for one in mix_of(tasks, 0.0).tasks] == ["a", "b"]
    with pytest.raises(LeantuneError, match="dev and test are of one task"):
        lt.study(tasks, dev="dev.csv")
    with pytest.raises(LeantuneError, match="label differs from task to task"):
        lt.study(tasks, label="y", out=tmp_path / "run")
    with pytest.raises(LeantuneError, match="temperature is for several tasks"):
        lt.study("a.csv", temperature=0.5)
    with pytest.raises(LeantuneError, match=r"task a: .*\n.*task b: ") as found:
        lt.study(tasks, out=tmp_path / "run")
    assert "2 problems" in found.value.message
    result = CliRunner().invoke(build(), ["compare", written(tmp_path, "tasks: [{name: a, file: a.csv}]"), "--dev", "dev.csv"])
    assert "--dev is of one task" in str(result.exception)


@pytest.fixture
def two_tasks(tickets: Path, tmp_path: Path) -> str:
    """A file of a classification and a tagging of the same words."""
    rows = [line.rsplit(",", 1) for line in tickets.read_text(encoding="utf-8").splitlines()[1:201]]
    names = {"movie": "B-THING", "book": "B-THING", "card": "B-THING"}
    tagged = [{"tokens": text.split(), "tags": [names.get(word, "O") for word in text.split()]} for text, _ in rows]
    (tmp_path / "slots.jsonl").write_text("\n".join(map(json.dumps, tagged)), encoding="utf-8")
    return written(tmp_path, f"tasks:\n - {{name: mood, file: {tickets}}}\n - {{name: slots, file: slots.jsonl}}")


@pytest.mark.slow
def test_the_plan_of_all_is_shown_before_anything_is_trained(two_tasks: str, base: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["compare", two_tasks, "--model", base, "--methods", "head,lora(rank=2)", "--budget", "40min", "--out", str(run), "--dry-run"]
    shown = CliRunner().invoke(build(), command)
    assert shown.exit_code == 0, shown.output
    for part in ("mood alone", "slots alone", "together", "(budget 40min)", "64 test"):
        assert part in shown.output
    kept = (run / "plan.json").read_bytes()
    again = CliRunner().invoke(build(), [*command, "--json"])
    plan = json.loads(again.output)
    assert plan["seconds"] <= 40 * 60
    assert plan["seconds"] == sum(part["seconds"] for part in (*plan["tasks"].values(), plan["together"]))
    assert plan["together"]["steps"] == sum(task["steps"] for task in plan["tasks"].values())
    assert [one["name"] for one in plan["together"]["methods"]] == ["head", "lora(rank=2)"]
    assert (run / "plan.json").read_bytes() == kept, "the plan of the same budget stands"
    assert not list(run.glob("**/record.json"))
    short = CliRunner().invoke(build(), ["11s" if word == "40min" else word for word in command])
    assert "2 tasks, alone and together, need about" in str(short.exception)


@pytest.mark.slow
def test_two_tasks_are_compared_alone_and_together(two_tasks: str, tickets: Path, base: str, tmp_path: Path, proof_here: None) -> None:
    run, methods = tmp_path / "run", "head(lr=0.05),lora(rank=2, lr=0.02)"
    command = ["compare", two_tasks, "--model", base, "--methods", methods, "--budget", "20steps", "--seeds", "2", "--out", str(run)]
    result = CliRunner().invoke(build(), command)
    assert result.exit_code == 0, result.output
    sharing = Sharing.model_validate_json((run / "mixture.json").read_bytes())
    assert [(task.name, task.task) for task in sharing.tasks] == [("mood", "classification"), ("slots", "tagging")]
    assert sharing.steps == sum(task.steps_alone for task in sharing.tasks) == sum(task.steps for task in sharing.tasks) == 40
    lora = next(method for method in sharing.methods if method.name.startswith("lora"))
    assert lora.shared_params is not None
    assert lora.separate_params is not None
    assert 2 * lora.shared_params > lora.separate_params > lora.shared_params
    assert all(score.difference is not None or score.detail for score in lora.tasks)
    for name, folder in sharing.choice.artifacts.items():
        loaded = lt.load(run / folder)
        row = "the movie was great"
        assert loaded.predict([row.split() if name == "slots" else row])
    assert lt.score(run / sharing.choice.artifacts["mood"], tickets).metrics
    for report in ("report.html", "report.md"):
        assert "lora(rank=2, lr=0.02)" in (run / report).read_text(encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in run.glob("**/record.json")}
    assert CliRunner().invoke(build(), command).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in run.glob("**/record.json")} == before, "finished trials are kept"


@pytest.mark.slow
def test_a_mixture_is_trained_without_a_comparison(two_tasks: str, tickets: Path, base: str, tmp_path: Path, proof_here: None) -> None:
    run = tmp_path / "run"
    command = ["train", two_tasks, "--method", "lora(rank=2, lr=0.02)", "--model", base, "--budget", "20steps", "--out", str(run)]
    result = CliRunner().invoke(build(), [*command, "--max-length", "8", "--json"])
    assert result.exit_code == 0, result.output
    assert {name: record["recipe"]["task"] for name, record in json.loads(result.output).items()} == {
        "mood": "classification",
        "slots": "tagging",
    }
    assert lt.load(run / "best" / "slots").predict([["the", "movie"]])
    assert lt.score(run / "best" / "mood", tickets).metrics
    refused = CliRunner().invoke(build(), [*command, "--dev", "dev.csv"])
    assert "--dev is of one task" in str(refused.exception)


def test_what_a_training_cuts_is_told(tickets: Path, base: str, tmp_path: Path) -> None:
    opened = lt.study(str(tickets), model=base, out=tmp_path / "run", max_length=8, quiet=True)
    assert any("of the rows are longer than 8 tokens and would be cut" in line for line in told_cuts(opened))
    assert told_cuts(lt.study(str(tickets), model=base, out=tmp_path / "other", quiet=True)) == []
