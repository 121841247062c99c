"""The main job on a tiny base: one command from a file to verdicts, report and artifact; again; one more method; faults."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import leantune as lt
from leantune.comparison.race import RaceResult
from leantune.core.errors import ArtifactError, BudgetError, DataError, LeantuneError, SpecError
from leantune.core.records import Comparison

FULL, HEAD, LORA, BITFIT = "full(lr=0.01)", "head(lr=0.05)", "lora(rank=2, lr=0.02)", "bitfit"
METHODS = [FULL, HEAD, LORA, BITFIT]
STUDY = {"budget": "40steps", "seeds": 3, "keep_all": True, "quiet": True}


@pytest.fixture(scope="module")
def finished(tickets: Path, base: str, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    run = tmp_path_factory.mktemp("run")
    return lt.compare(lt.study(str(tickets), model=base, out=run, **STUDY), METHODS)


def test_every_method_has_an_interval_and_a_verdict(finished: lt.Result) -> None:
    rows = {row.name: row for row in finished.comparison.methods}
    assert set(rows) == {*METHODS, "majority", "tfidf", "embeddings"}
    assert rows[FULL].verdict == "reference"
    for name in (FULL, HEAD, LORA):
        assert rows[name].seeds == 3
        assert rows[name].interval is not None
        cost = rows[name].cost
        assert None not in (cost.trainable_params, cost.saved_bytes, cost.train_seconds, cost.peak_memory_bytes, cost.latency_ms)
        assert cost.flops_per_row is not None
        assert cost.flops_per_row.train > cost.flops_per_row.predict > 0
    assert (rows[LORA].cost.saved_bytes or 0) < (rows[FULL].cost.saved_bytes or 0)


def test_seeds_are_paired_and_races_never_see_the_test_set(finished: lt.Result) -> None:
    finals = [trial for trial in finished.comparison.trials if trial.phase == "final"]
    assert {(trial.name, trial.seed) for trial in finals} == {(name, seed) for name in METHODS for seed in (1, 2, 3)}
    races = [trial for trial in finished.comparison.trials if trial.phase == "race"]
    assert {trial.name for trial in races} == {BITFIT}
    assert len(races) >= 3
    assert all(trial.scores.test is None for trial in races)
    tried = {trial.recipe.lr: trial.scores.dev or 0.0 for trial in races if trial.recipe}
    used = {trial.recipe.lr for trial in finals if trial.name == BITFIT and trial.recipe}
    assert len(used) == 1
    assert tried[used.pop()] == max(tried.values())


def test_what_lies_in_the_run_folder(finished: lt.Result) -> None:
    for name in ("study.json", "comparison.json", "report.html", "report.md", "plan.json"):
        assert (finished.run / name).is_file(), name
    again = Comparison.model_validate_json((finished.run / "comparison.json").read_text(encoding="utf-8"))
    assert again == finished.comparison
    assert finished.choice.reason in (finished.run / "report.md").read_text(encoding="utf-8")


def test_the_choice_predicts_in_a_copy(finished: lt.Result, tmp_path: Path) -> None:
    folder = finished.choice.save(tmp_path / "out")
    found = lt.load(folder).predict(["this movie was great", "this movie was awful"])
    assert [one.label for one in found] == ["good", "bad"]


@pytest.mark.slow
def test_finished_trials_are_kept_and_one_more_method_costs_only_that(finished: lt.Result, tickets: Path, base: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.run.glob("trials/*/record.json")}
    opened = lt.study(str(tickets), model=base, out=finished.run, **STUDY)
    more = lt.compare(opened, [*METHODS, "norm(lr=0.001)"])
    after = {path: path.stat().st_mtime_ns for path in finished.run.glob("trials/*/record.json")}
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 3
    assert "norm(lr=0.001)" in {row.name for row in more.comparison.methods}


@pytest.mark.slow
def test_one_more_method_under_a_budget_in_minutes(tickets: Path, base: str, tmp_path: Path) -> None:
    """The steps of the first plan stand, and the new method has seconds of its own."""
    options = {"model": base, "out": tmp_path / "run", "budget": "1min", "seeds": 2, "keep_all": True, "quiet": True}
    lt.compare(lt.study(str(tickets), **options), [FULL])
    steps = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))["steps"]
    more = lt.compare(lt.study(str(tickets), **options), [FULL, HEAD])
    assert {row.name: row.seeds for row in more.comparison.methods if row.kind == "method"} == {FULL: 2, HEAD: 2}
    plan = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))
    assert plan["steps"] == steps
    assert set(plan["seconds"]) == {FULL, HEAD}


def test_another_study_in_the_same_folder_is_refused_with_the_difference(finished: lt.Result, tickets: Path, base: str) -> None:
    with pytest.raises(ArtifactError, match=r"max_length .* -> 9"):
        lt.study(str(tickets), model=base, out=finished.run, max_length=9, quiet=True)


def test_a_run_folder_in_use_is_refused(finished: lt.Result, tickets: Path, base: str) -> None:
    opened = lt.study(str(tickets), model=base, out=finished.run, **STUDY)
    code = (
        "import sys,time; from pathlib import Path; from leantune.execution.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(30)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(finished.run)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(ArtifactError, match=rf"in use by process {holder.pid}"):
            lt.study(str(tickets), model=base, out=finished.run, **STUDY)
        with pytest.raises(ArtifactError, match=rf"in use by process {holder.pid}"):
            lt.compare(opened, ["full"])
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.slow
def test_a_rate_given_up_at_full_length_leaves_no_trace_in_the_table(
    tickets: Path, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proof_here: None
) -> None:
    def one_lower(race: list[RaceResult], full: list[RaceResult], *, usual: bool) -> float | None:
        return min(result.lr for result in race) if len(full) == 1 else None

    monkeypatch.setattr("leantune.app.racing.next_full_rate", one_lower)
    monkeypatch.setattr("leantune.app.racing.winner", lambda results: max(results, key=lambda result: result.lr))
    opened = lt.study(str(tickets), model=base, out=tmp_path / "run", **(STUDY | {"seeds": 2}))
    comparison = lt.compare(opened, ["head"]).comparison
    finals = {(trial.seed, trial.recipe.lr) for trial in comparison.trials if trial.phase == "final" and trial.recipe}
    assert len(finals) == 2, "one rate, two seeds"
    assert len({lr for _, lr in finals}) == 1
    assert len(list((tmp_path / "run" / "trials").glob("*/delta"))) == 3, "the rate that was given up ran as well"
    assert any("did not settle the rate" in line for line in comparison.ledger.lines)


def test_a_folder_of_something_else_is_not_written_into(tickets: Path, base: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"in use by something else.*thesis\.txt"):
        lt.study(str(tickets), model=base, out=tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_rows_of_a_study_are_never_replaced(tickets: Path, base: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    opened = lt.study(str(tickets), model=base, out=run, quiet=True)
    before = {path: path.read_bytes() for path in (run / "data").glob("*.arrow")}
    other = tmp_path / "other" / tickets.name
    other.parent.mkdir()
    header, *rows = tickets.read_text(encoding="utf-8").splitlines()
    other.write_text("\n".join([header, *rows[::-1][:200]]), encoding="utf-8")
    with pytest.raises(ArtifactError, match="holds another study"):
        lt.study(str(other), model=base, out=run, quiet=True)
    assert {path: path.read_bytes() for path in before} == before
    assert lt.study(str(tickets), text="text", model=base, out=run, quiet=True).conditions == opened.conditions


@pytest.mark.slow
def test_what_was_kept_and_is_damaged_is_made_again(tickets: Path, base: str, tmp_path: Path) -> None:
    opened = lt.study(str(tickets), model=base, out=tmp_path / "run", budget="12steps", quiet=True)
    planned = lt.plan(opened, "full,lora(lr=0.02)")
    for kept in ("plan.json", "check-*.json", "probes/*.json"):
        for path in (tmp_path / "run").glob(kept):
            path.write_text('{"half":')
    again = lt.plan(opened, "full,lora(lr=0.02)")
    assert [one.name for one in again.methods] == [one.name for one in planned.methods]


def test_a_plan_says_what_every_method_takes(tickets: Path, base: str, tmp_path: Path) -> None:
    opened = lt.study(str(tickets), model=base, out=tmp_path / "run", budget="12steps", max_trainable="50k", quiet=True)
    assert opened.options.limits.max_trainable == 50_000
    planned = lt.plan(opened, ["full", "head"])
    assert planned.steps == 12
    assert {one.name for one in planned.methods} == {"full", "head"}
    assert all(one.seconds > 0 and one.peak_memory_bytes > 0 for one in planned.methods)
    assert planned.accounts == []
    told = lt.plan(opened, ["full", "head"], verbose=True).accounts
    assert [(one.name, "body once" in one.without_ms) for one in told] == [("full", False), ("head", True)]
    assert lt.plan(opened, ["full", "head"], verbose=True).accounts == told, "measured once"
    assert not list((tmp_path / "run").glob("trials/*"))


def test_the_command_to_run_again_is_python_that_runs_again(finished: lt.Result) -> None:
    tree = ast.parse(finished.comparison.command, mode="eval")
    assert isinstance(tree.body, ast.Call)
    assert "budget='40steps'" in finished.comparison.command
    assert repr(str(finished.run)) in finished.comparison.command


def test_all_faults_of_the_methods_are_told_at_once(tickets: Path, base: str, tmp_path: Path) -> None:
    opened = lt.study(str(tickets), model=base, out=tmp_path / "run", quiet=True)
    with pytest.raises(SpecError, match=r"rank(.|\n)*bitfit\(lr=-1\): lr(.|\n)*lorra"):
        lt.compare(opened, ["lora(rank=four)", "bitfit(lr=-1)", "lorra"])


@pytest.mark.slow
def test_a_method_that_cannot_work_is_left_out_and_one_that_diverges_is_a_row(tickets: Path, tiny: object, tmp_path: Path) -> None:
    model = str(tiny("llama"))  # type: ignore[operator]
    opened = lt.study(str(tickets), model=model, budget="12steps", seeds=1, out=tmp_path / "run", quiet=True)
    result = lt.compare(opened, ["full(lr=1e-3)", "bitfit", "lora(lr=1e30)"])
    assert "bitfit" in result.comparison.unsupported
    row = next(row for row in result.comparison.methods if row.name.startswith("lora"))
    assert row.verdict == "failed"
    assert any(trial.status in ("diverged", "one_class") and trial.reason for trial in result.comparison.trials)


@pytest.mark.slow
def test_killed_and_started_again(tickets: Path, base: str, tmp_path: Path) -> None:
    """kill -9 in the middle: the same command goes on and finished trials are not run again."""
    run = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "leantune.cli.main",
        "compare",
        str(tickets),
        "--model",
        base,
        "--methods",
        "full(lr=0.01),head(lr=0.05)",
    ]
    command += ["--budget", "40steps", "--seeds", "3", "--out", str(run), "--keep-all"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(run.glob("trials/*/record.json"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in run.glob("trials/*/record.json")}
    assert kept
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    comparison = Comparison.model_validate(json.loads(done.stdout))
    assert {row.name: row.seeds for row in comparison.methods if row.kind == "method"} == {FULL: 3, HEAD: 3}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"methods": ["lorra"]}, SpecError, 'Closest: "lora"'),
        ({"methods": ["lora(lr=0)"]}, SpecError, "greater than 0"),
        ({"methods": ["lora.x"]}, SpecError, "behind a dot"),
        ({"methods": ["lora(rank=2, rank=3)"]}, SpecError, "given twice"),
        ({"methods": ["lora(rank=true)"]}, SpecError, "no switch|not a switch"),
        ({"methods": ["lora(optimizer=3)"]}, SpecError, "valid string"),
        ({"methods": ["peft.oft(r='x')"]}, SpecError, "number or a switch"),
        ({"methods": ["lora(rnk=2)"]}, SpecError, 'Closest: "rank"'),
        ({"methods": ["lora(rank=0)"]}, SpecError, "greater than or equal to 1"),
        ({"methods": ["lora(rank=2"]}, SpecError, "brackets do not match"),
        ({"methods": ["full", "haed", "lora(optimizer=adamm)"]}, SpecError, "adamw"),
        ({"budget": "soon"}, BudgetError, "30min"),
        ({"pooling": "maen"}, SpecError, "pooling"),
        ({"budget": "10s"}, BudgetError, "too short"),
        ({"max_latency": "fast"}, SpecError, "max_latency"),
        ({"max_memory": "much"}, SpecError, "max_memory"),
        ({"metric": "acuracy"}, SpecError, 'Closest: "accuracy"'),
        ({"optimizer": "adamm"}, SpecError, "adam"),
        ({"schedule": "liner"}, SpecError, 'Closest: "linear"'),
        ({"seeds": 0}, SpecError, "seeds"),
        ({"modle": "x"}, SpecError, 'Closest: "model"'),
        ({"model": "./nowhere"}, SpecError, "no folder"),
        ({"label": "lable"}, DataError, "label"),
        ({"max_length": 100_000}, SpecError, "between 4 and"),
        ({"device": "tpu"}, SpecError, "not available"),
    ],
)
def test_mistakes_are_told_before_training(
    options: dict[str, object], error: type[LeantuneError], says: str, tickets: Path, base: str, tmp_path: Path
) -> None:
    methods = options.pop("methods", ["full", "head", "lora"])
    with pytest.raises(error, match=says):  # noqa: PT012  either call may find it, none may train
        opened = lt.study(str(tickets), out=tmp_path / "run", quiet=True, **({"model": base} | options))
        lt.compare(opened, methods)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("run/trials/*/record.json"))


def test_a_folder_that_is_no_model(tickets: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SpecError, match=r"config\.json is missing"):
        lt.study(str(tickets), model=str(tmp_path), out=tmp_path / "run", quiet=True)
