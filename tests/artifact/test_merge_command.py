"""`leantune merge` from the command line to the predictions of what it wrote, and its mistakes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from making import Maker, rows_of
from typer.testing import CliRunner

from leantune.artifact.manifest import read_manifest
from leantune.artifact.parity import Proof
from leantune.cli.main import build
from leantune.core.errors import LeantuneError


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fresh processes, which one test has."""
    monkeypatch.setattr("leantune.artifact.publish.prove", lambda folder, facts, golden, *, ways: Proof(list(ways), 0.0, len(golden.rows)))


@pytest.fixture
def members(made: Maker) -> list[str]:
    """An adapter and a whole model of one base."""
    return [str(made("bert", "lora").folder), str(made("bert", "full", False, 4).folder)]


def leantune(*words: str) -> Result:
    result = CliRunner().invoke(build(), list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def predicted(folder: str, rows: str, out: Path) -> list[dict[str, str]]:
    leantune("predict", folder, rows, "-o", str(out))
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "options", [["ties", "--density", "0.4"], ["dare", "--seed", "5", "--weights", "0.25,0.75"], ["arithmetic", "--weights", "1,0.5"]]
)
def test_an_adapter_and_a_whole_model_are_merged_scored_and_predict(
    members: list[str], unproven: None, tmp_path: Path, options: Sequence[str]
) -> None:
    """Dev rows have the labels that the adapter gives them; any loss is allowed."""
    out, dev = str(tmp_path / "out"), rows_of(Path(members[0]), tmp_path / "dev.csv")
    told = leantune("merge", *members, "--how", *options, "--dev", dev, "--margin", "101", "--out", out).stdout
    *scored, gap, folder = told.splitlines()
    assert [line.split(" %  ")[1] for line in scored] == [*members, "merged"]
    assert float(scored[0].split()[0]) == 100
    assert gap.startswith("against the best of them: ")
    assert folder == out
    rows = predicted(out, dev, tmp_path / "said.csv")
    right = np.mean([row["label"] == row["kind"] for row in rows])
    assert float(scored[-1].split()[0]) == pytest.approx(100 * right, abs=0.06)
    facts = read_manifest(Path(out)).facts
    assert facts.title == f"{options[0]} of 2 models"
    assert facts.scores.dev == pytest.approx(right)


@pytest.mark.slow
def test_a_merge_of_whole_models_is_proven_in_fresh_processes(members: list[str], tmp_path: Path) -> None:
    said = leantune("merge", *members, "--how", "ties", "--out", str(tmp_path / "out")).output
    assert "reloaded in fresh processes through leantune, predict.py and transformers: same predictions" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--how", "tie"], 'Closest: "ties"'),
        (["--weights", "a,b"], '--weights "a,b" is no list of numbers'),
        (["--weights", "1,2,3"], "3 numbers for 2 artifacts"),
        (["--how", "greedy"], "--dev FILE"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(members: list[str], tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises(LeantuneError) as caught:
        leantune("merge", *members, *options, "--out", str(tmp_path / "out"))
    assert says in caught.value.message
    assert not (tmp_path / "out").exists()
