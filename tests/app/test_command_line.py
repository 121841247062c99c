"""The commands as a shell meets them: exit codes, one message, no traceback, quick help."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from leantune.cli import compare, train


def leantune(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "leantune.cli.main", *arguments], capture_output=True, text=True, check=False, cwd=cwd)


def test_help_needs_no_torch_and_lists_every_command() -> None:
    code = "import sys; from leantune.cli.main import build; build(); print('torch' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    shown = leantune("--help").stdout
    for name in ("compare", "train", "check", "methods", "tasks", "predict", "evaluate", "export", "report"):
        assert name in shown


def test_a_dry_run_stops_after_the_plan(tickets: Path, base: str, tmp_path: Path) -> None:
    given = ("compare", str(tickets), "--model", base, "--methods", "full,lora", "--dry-run", "--verbose", "--out", str(tmp_path / "run"))
    speed_ups = ("group_by_length", "in_parts", "seen_embeddings", "unpad", "recall", "narrow")
    done = leantune(*given, *(f"--no-{name.replace('_', '-')}" for name in speed_ups[1:]))
    assert done.returncode == 0, done.stderr
    for words in ('label column: "label"', "Plan", "full", "lora", "about", "what share of it each of these saves", "lengths"):
        assert words in done.stdout
    assert not list(tmp_path.glob("run/trials/*/record.json"))
    kept = json.loads((tmp_path / "run" / "study.json").read_bytes())["conditions"]
    assert [kept[name] for name in speed_ups] == [True] + 5 * [False]
    for command in (compare.command, train.command):
        assert set(speed_ups) <= set(inspect.signature(command).parameters)


@pytest.mark.slow
def test_a_dry_run_as_json_is_the_plan(tickets: Path, base: str, tmp_path: Path) -> None:
    done = leantune(
        "compare", str(tickets), "--model", base, "--methods", "full,head", "--dry-run", "--json", "--out", str(tmp_path / "run")
    )
    assert done.returncode == 0, done.stderr
    assert [method["name"] for method in json.loads(done.stdout)["methods"]] == ["full", "head"]


@pytest.mark.slow
def test_train_refuses_a_folder_in_use_before_it_trains(tickets: Path, base: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = leantune("train", str(tickets), "--model", base, "--method", "head", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "in use by something else" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--methods", "lorra"], 'Closest: "lora"'),
        (["--label", "lable"], "label"),
        (["--methods", "consensus"], "Say what is trained: consensus | lora"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(arguments: list[str], says: str, tickets: Path, base: str, tmp_path: Path) -> None:
    done = leantune("compare", str(tickets), "--model", base, "--out", str(tmp_path / "run"), *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_train_predict_evaluate_export(tickets: Path, base: str, tmp_path: Path) -> None:
    run, artifact = tmp_path / "run", tmp_path / "run" / "best"
    done = leantune(
        "train", str(tickets), "--model", base, "--method", "lora(lr=1e-2)", "--budget", "60steps", "--out", str(run), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "reloaded in fresh processes" in done.stdout
    predicted = leantune("predict", str(artifact), str(tickets), "-o", str(tmp_path / "out.csv"))
    assert predicted.returncode == 0, predicted.stderr
    header, *rows = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert header == "text,label,predicted_label,score"
    assert len(rows) == 320
    scored = leantune("evaluate", str(artifact), str(tickets), "--json")
    assert scored.returncode == 0, scored.stderr
    assert "accuracy" in json.dumps(json.loads(scored.stdout))
    exported = leantune("export", str(artifact), "--format", "merged", "--out", str(tmp_path / "merged"))
    assert exported.returncode == 0, exported.stderr
