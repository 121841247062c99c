"""The real command, killed with everything it started, and started again; a run folder that a disk has damaged."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import leantune as lt
from leantune.artifact.parity import Proof
from leantune.core.records import TrialRecord
from studies_of_trials import labelled_rows

METHODS = ["full(lr=0.01)", "lora(rank=2, lr=0.01)"]
OPTIONS: dict[str, Any] = {"batch": 8, "budget": "40steps", "seeds": 1, "margin": 5, "checkpoint": "0s", "quiet": True}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "moods.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in labelled_rows()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tiny: Any) -> str:
    return str(tiny("sentence-bert"))


def started(file: Path, base: str, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "leantune.cli.main", "compare", str(file), "--model", base, "--methods", ",".join(METHODS)]
    command += ["--batch", "8", "--budget", "40steps", "--seeds", "1", "--margin", "5", "--checkpoint", "0s", "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heeding)


def heeding() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def records(run: Path) -> dict[str, Any]:
    """What trials left, without clocks."""
    found = [TrialRecord.model_validate_json(path.read_bytes()) for path in run.glob("trials/*/record.json")]
    return {record.digest: (record.files, record.scores, record.status) for record in found}


@pytest.fixture(scope="module", autouse=True)
def unproven() -> Iterator[None]:
    """What this process ships is not read by three libraries, for speed; the commands do it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leantune.artifact.publish.prove", lambda folder, facts, golden, *, ways: Proof(list(ways), 0.0, len(golden.rows)))
        yield


@pytest.fixture(scope="module")
def alone(file: Path, base: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run = tmp_path_factory.mktemp("alone") / "run"
    lt.compare(lt.study(str(file), model=base, out=run, **OPTIONS), METHODS)
    return records(run)


def wait_for(pattern: str, run: Path, process: subprocess.Popen[str]) -> bool:
    """Until a new path in the run folder matches; False when the command ended before."""
    begin, end = time.time(), time.monotonic() + 400
    while time.monotonic() < end:
        paths = [Path(folder, name) for folder, folders, files in os.walk(run) for name in (*folders, *files)]
        with contextlib.suppress(FileNotFoundError):
            if any(path.stat().st_mtime >= begin for path in paths if re.search(pattern, path.as_posix())):
                return True
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    raise AssertionError(f"nothing matched {pattern}")


def test_a_command_that_ends_at_once_is_taken_up_by_the_next_one(file: Path, base: str, alone: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    moments = {
        r"data/manifest": signal.SIGKILL,
        r"checkpoints/\w+/step-0+\d$": signal.SIGTERM,
        r"checkpoints/\w+/step-\d+$": signal.SIGINT,
        r"trials/\w+/golden.json$": signal.SIGKILL,  # a process that has trained nothing reads the model back then
    }
    told = ""
    for pattern, number in moments.items():
        process = started(file, base, run)
        if not wait_for(pattern, run, process):
            assert pattern == [*moments][-1], "it was interrupted three times at least"
            break
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        os.kill(process.pid, number)
        said, _ = process.communicate(timeout=60)
        told += said
        assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
        assert "Traceback" not in said
        if number != signal.SIGKILL:
            assert "the same command goes on" in said
        end = time.monotonic() + 10
        while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in family):
            assert time.monotonic() < end, "nothing it started is left behind"
            time.sleep(0.02)
    last = started(file, base, run)
    said, _ = last.communicate(timeout=300)
    assert last.returncode == 0, said
    assert "went on from the checkpoint at step" in told + said
    assert records(run) == alone


def test_damage_in_a_run_folder_is_found_told_and_mended(file: Path, base: str, alone: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    lt.compare(lt.study(str(file), model=base, out=run, **OPTIONS), METHODS)
    (tokens,) = run.glob("cache/train-*.ids.npy")
    (rows,) = run.glob("data/train.arrow")
    (weights, *_) = sorted(path for path in run.glob("trials/*/delta/**/*.safetensors") if path.stat().st_size > 1000)
    (run / "cache" / "half.npy").write_bytes(b"of a process that was killed")
    for path in (tokens, rows):
        os.truncate(path, path.stat().st_size // 2)
    data = bytearray(weights.read_bytes())
    data[-9] ^= 1
    weights.write_bytes(bytes(data))
    study = lt.study(str(file), model=base, out=run, **OPTIONS)
    told = "\n".join(study.inferences)
    assert f"train.arrow in {run / 'data'} is not what was written; the rows are read again" in told
    assert f"{tokens.name} in {run / 'cache'} is not what was written; what is missing is computed again" in told
    assert not (run / "cache" / "half.npy").exists()
    result = lt.compare(study, METHODS)
    assert any("is not what the trial wrote; that trial is run again" in line for line in result.comparison.ledger.lines)
    assert records(run) == alone


@pytest.mark.slow
def test_a_method_whose_process_dies_is_a_failed_row_and_the_rest_stands(file: Path, base: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = started(file, base, run)
    while process.poll() is None:
        for recipe in run.glob("trials/*/recipe.json"):
            if not (recipe.parent / "record.json").exists() and '"lora' in recipe.read_text():
                (worker,) = psutil.Process(process.pid).children()
                for trial in worker.children():
                    trial.kill()
        time.sleep(0.01)
    said = process.communicate()[0]
    assert process.returncode == 3, "a part of it failed"
    assert "its process was ended by SIGKILL" in said
    comparison = json.loads((run / "comparison.json").read_text())
    assert {row["name"]: row["verdict"] for row in comparison["methods"]}["lora(rank=2, lr=0.01)"] == "failed"
    assert comparison["choice"]["artifact"] == "best"
