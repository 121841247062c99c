"""Several test sets from the command line: told on the screen, added later without training again, scored by `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import leantune as lt
from leantune.cli.main import build
from leantune.core.errors import ArtifactError
from leantune.core.records import Comparison

pytestmark = pytest.mark.slow

HEAD, LORA = "head(lr=0.05)", "lora(rank=2, lr=0.02)"


@pytest.fixture(scope="module")
def files(tickets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    header, *lines = tickets.read_text(encoding="utf-8").splitlines()
    folder, cuts = tmp_path_factory.mktemp("languages"), {"train": (0, 160), "en": (160, 220), "de": (220, 280), "fr": (280, 320)}
    for name, (start, end) in cuts.items():
        (folder / f"{name}.csv").write_text("\n".join([header, *lines[start:end]]) + "\n", encoding="utf-8")
    return {name: str(folder / f"{name}.csv") for name in cuts}


def leantune(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words))


def compare(files: dict[str, str], base: str, run: Path, *tests: str) -> Result:
    named = [word for name in tests for word in ("--test", f"{name}={files[name]}")]
    options = ["--model", base, "--methods", f"{HEAD},{LORA}", "--budget", "20steps", "--seeds", "1", "--out", str(run)]
    return leantune("compare", files["train"], *named, *options)


@pytest.fixture(scope="module")
def run(files: dict[str, str], base: str, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> tuple[Path, str]:
    """A run folder whose second test set came in a second call, and the screen of that call."""
    folder = tmp_path_factory.mktemp("run")
    first = compare(files, base, folder, "en", "de")
    assert first.exit_code == 0, first.output
    assert "test sets: en (en.csv), de (de.csv) (verdicts, floors, choice and limits go by en" in first.stdout
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/delta/*")}
    assert before
    second = compare(files, base, folder, "en", "de", "fr")
    assert second.exit_code == 0, second.output
    assert {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/delta/*")} == before
    return folder, second.stdout


def test_a_test_set_that_comes_later_costs_no_training(run: tuple[Path, str]) -> None:
    folder, screen = run
    for name in (HEAD, LORA):
        assert f"{name}, seed 1: the trained model was kept and scored on fr too" in screen
    head = next(line.split() for line in screen.splitlines() if line.startswith("method") and "fr" in line)
    assert [word for word in head if word not in ("vs", HEAD, *LORA.split())] == ["method", "en", "de", "fr"]
    comparison = Comparison.model_validate_json((folder / "comparison.json").read_text(encoding="utf-8"))
    assert comparison.tests == {"en": 60, "de": 60, "fr": 40}
    for row in comparison.methods:
        assert set(row.further) == {"de", "fr"}, row.name
    assert comparison.check.splits["test-fr"] == 40
    assert "How far does it carry?" in (folder / "report.html").read_text(encoding="utf-8")


def test_another_main_test_set_is_another_study(run: tuple[Path, str], files: dict[str, str], base: str) -> None:
    test = {name: files[name] for name in ("de", "en")}
    with pytest.raises(ArtifactError, match="holds another study"):
        lt.study(files["train"], test=test, model=base, out=run[0], quiet=True)


def test_a_trial_whose_model_is_lost_runs_again(files: dict[str, str], base: str, tmp_path: Path, proof_here: None) -> None:
    options = {"model": base, "out": tmp_path / "run", "budget": "20steps", "seeds": 1, "quiet": True}
    first = lt.compare(lt.study(files["train"], test={"en": files["en"]}, **options), [HEAD]).comparison
    delta = next(tmp_path.glob("run/trials/*/delta"))
    delta.rename(tmp_path / "away")
    more = lt.compare(lt.study(files["train"], test={name: files[name] for name in ("en", "de")}, **options), [HEAD]).comparison
    assert sorted(path.name for path in delta.iterdir()) == sorted(path.name for path in (tmp_path / "away").iterdir())
    (before,), (after,) = ([trial for trial in found.trials if trial.phase == "final"] for found in (first, more))
    assert after.scores.test == before.scores.test
    assert set(after.scores.further) == {"de"}


def test_evaluate_scores_several_files(run: tuple[Path, str], files: dict[str, str]) -> None:
    best = str(run[0] / "best")
    lines = leantune("evaluate", best, f"english={files['en']}", files["fr"]).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["file", "rows"], ["english", "60"], ["fr", "40"]]
    assert len({len(line) for line in lines}) == 1
    both = json.loads(leantune("evaluate", best, files["en"], files["fr"], "--json").stdout)
    one = json.loads(leantune("evaluate", best, files["fr"], "--json").stdout)
    assert set(both) == {"en", "fr"}
    assert both["fr"] == one
    comparison = Comparison.model_validate_json((run[0] / "comparison.json").read_text(encoding="utf-8"))
    shipped = next(trial for trial in comparison.trials if trial.digest == comparison.choice.trial)
    assert one["metrics"]["accuracy"] == pytest.approx(shipped.scores.on("fr"))


def test_train_tells_every_test_set(files: dict[str, str], base: str, tmp_path: Path, proof_here: None) -> None:
    tests = ["--test", f"en={files['en']}", "--test", files["de"]]
    done = leantune("train", files["train"], *tests, "--method", HEAD, "--model", base, "--budget", "10steps", "--out", str(tmp_path / "r"))
    assert done.exit_code == 0, done.output
    assert "test en, accuracy" in done.stdout
    assert "test de, accuracy" in done.stdout
